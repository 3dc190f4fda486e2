// What to claim and what to send. Jobs go in the ledger's order; nodes with credit are served in turn; a batch takes a
// share of what is ready, by number and by predicted cost, so that the shares shrink as the queue drains and a file
// that costs more than a share goes alone. A node's share is by its throughput: slots times measured speed.
#include "coordinator/sched/jobs.h"
#include "coordinator/sched/nodes.h"

enum { LOOK_AHEAD = 16 };  // jobs that may be passed over because they should go to another node

static void
dispatch_claim(kt_sched_t *self)
{
    uint64_t target = 2 * self->capacity + self->opts.batch_size;
    if (target > self->opts.window)
        target = self->opts.window;
    if (self->claiming || self->n_open >= target || self->now_ms < self->claim_after_ms)
        return;
    uint64_t room = target - self->n_open;
    if (self->counts[KT_SCHED_JOB_READY] && room < target / 8)  // not one by one
        return;
    self->claiming                           = true;
    self->work_came                          = false;
    self->claim_asked                        = (uint32_t)room;
    kt_sched_emit(self, KT_ACT_CLAIM)->count = (uint32_t)room;
}

// A node of a name on which it failed, while one of another name is there to be asked.
static bool
is_doubted(const kt_sched_t *self, const kt_sched_job_t *job, const kt_sched_node_t *node)
{
    bool failed = job->doubt == node->name || (job->agrees && job->agrees == node->name);
    if (!failed || self->now_ms >= job->doubt_until_ms)
        return false;
    return !job->agrees || self->n_usable > 2 || kt_sched_node_unasked(self, job);
}

static bool
dispatch_suits(const kt_sched_t *self, const kt_sched_job_t *job, const kt_sched_node_t *node)
{
    bool avoided = job->avoid == node->name->text && self->now_ms < job->avoid_until_ms;
    bool doubted = is_doubted(self, job, node);
    return self->n_usable < 2 || (!avoided && !doubted);
}

static kt_sched_job_t *
next_for(const kt_sched_t *self, kt_sched_job_t *job, const kt_sched_node_t *node)
{
    for (int passed = 0; job && passed < LOOK_AHEAD; passed++, job = job->next)
        if (dispatch_suits(self, job, node))
            return job;
    return NULL;
}

// A repeated failure (the node missed our ACK) must not count twice, even if only the durable blame survived a restart:
// attempt numbers after a blame are disjoint from those before it.
static uint32_t
next_attempt(kt_sched_job_t *job)
{
    uint32_t floor = job->blames * SCHED_SENDINGS;
    if (job->last_attempt < floor)
        job->last_attempt = floor;
    return ++job->last_attempt;
}

static void
put_in_batch(kt_sched_t *self, kt_sched_job_t *job, kt_sched_node_t *node, kt_action_t *send)
{
    kt_sched_job_to_node(self, job, node, false, send->isolated);
    job->batch   = send->batch;
    job->attempt = next_attempt(job);
    kt_assert(self->out->n_jobs < self->out->jobs_capacity);
    self->out->jobs[self->out->n_jobs++] =
        (kt_sent_t){.id = job->id, .attempt = job->attempt, .cost_ms = job->cost_ms, .tag = job->tag};
    send->count++;
    node->credit--;
}

static kt_action_t *
open_batch(kt_sched_t *self, kt_sched_node_t *node, bool isolated)
{
    kt_action_t *send = kt_sched_emit(self, KT_ACT_SEND);
    send->node        = node->handle;
    send->node_name   = node->name->text;
    send->batch       = ++node->last_batch;
    send->isolated    = isolated;
    send->first_job   = self->out->n_jobs;
    return send;
}

static bool
wants_node(const kt_sched_job_t *job)
{
    return job->excused >= SCHED_EXCUSED || job->crashes >= SCHED_LOSSES_ALONE;
}

// Whether the reserved node still has, or waits for, such a suspect.
static bool
is_reserved_needed(const kt_sched_t *self)
{
    if (!kt_sched_node_usable(self->reserved) || self->reserved->refused)
        return false;
    for (const kt_sched_job_t *job = self->reserved->items.first; job; job = job->next)
        if (job->isolated && wants_node(job))
            return true;
    const kt_sched_job_t *job = self->suspects.first;
    for (int passed = 0; job && passed < LOOK_AHEAD; passed++, job = job->next)
        if (wants_node(job) && dispatch_suits(self, job, self->reserved))
            return true;
    return false;
}

static kt_sched_job_t *
next_suspect(const kt_sched_t *self, const kt_sched_node_t *node)
{
    kt_sched_job_t *job = self->suspects.first;
    for (int passed = 0; job && passed < LOOK_AHEAD; passed++, job = job->next) {
        bool place = wants_node(job) ? !self->reserved || self->reserved == node : self->reserved != node;
        if (place && dispatch_suits(self, job, node))
            return job;
    }
    return NULL;
}

// At most one suspect per node, so that a loss has one candidate. A suspect excused because of others waits for an idle
// node.
static bool
send_suspect(kt_sched_t *self, kt_sched_node_t *node)
{
    kt_sched_job_t *job = node->n_isolated ? NULL : next_suspect(self, node);
    if (!job)
        return false;
    if (wants_node(job)) {
        self->reserved = node;
        if (node->items.count)
            return false;
    }
    kt_action_t *send = open_batch(self, node, true);
    send->exclusive   = wants_node(job);
    put_in_batch(self, job, node, send);
    return true;
}

// Half of the node's share, rounded up; the rest is left for the next node.
static uint64_t
dispatch_share(const kt_sched_t *self, const kt_sched_node_t *node, uint64_t whole)
{
    double part = (double)kt_sched_node_weight(node) / (2 * (double)self->weight);
    return (uint64_t)((double)whole * part + 0.999999);
}

static bool
send_batch(kt_sched_t *self, kt_sched_node_t *node, const kt_sched_job_list_t *list)
{
    kt_sched_job_t *job = next_for(self, list->first, node);
    if (!job)
        return false;
    uint64_t most = dispatch_share(self, node, list->count), cost = 0;
    uint64_t budget = dispatch_share(self, node, self->ready_cost_ms);
    uint32_t room   = kt_sched_node_room(node);
    if (most > self->opts.batch_size)
        most = self->opts.batch_size;
    if (most > room)
        most = room;
    kt_action_t *send = open_batch(self, node, false);
    do {
        kt_sched_job_t *after = job->next;
        cost += job->cost_ms;
        put_in_batch(self, job, node, send);
        job = send->count < most ? next_for(self, after, node) : NULL;
    } while (job && cost + job->cost_ms <= budget);
    return true;
}

void
kt_sched_dispatch(kt_sched_t *self)
{
    if (!self->lease_held || !self->ledger_up)
        return;
    if (self->reserved && !is_reserved_needed(self))
        self->reserved = NULL;
    for (size_t tries = self->n_ready_nodes; self->counts[KT_SCHED_JOB_READY] && self->n_ready_nodes && tries;
         tries--) {
        kt_sched_node_t *node = self->ready_nodes_first;
        if (send_suspect(self, node) || (node != self->reserved && (send_batch(self, node, &self->doubted) ||
                                                                    send_batch(self, node, &self->ready))))
            tries = self->n_ready_nodes + 1;
        kt_sched_node_rotate(self, node);
        kt_sched_node_refresh(self, node);
    }
    dispatch_claim(self);
}
