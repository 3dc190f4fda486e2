// The step: one event, looked up in a table, then whatever can be sent or claimed. Job states and what happens to them
// are in table.c, the inventories in beat.c, batches and claims in dispatch.c.
#include "coordinator/sched/scheduler.h"

#include "coordinator/sched/jobs.h"
#include "coordinator/sched/nodes.h"
#include "coordinator/sched/outcome.h"

#include <stdlib.h>

void
kt_sched_opts_from(kt_sched_opts_t *out, const kt_settings_t *settings)
{
    *out = (kt_sched_opts_t){.batch_size       = (uint32_t)settings->batch_size,
                             .max_attempts     = (uint32_t)settings->max_attempts,
                             .window           = 20000,
                             .node_silence_ms  = settings->node_silence_ms,
                             .job_deadline_ms  = settings->job_deadline_s * 1000,
                             .claim_idle_ms    = 1000,
                             .black_hole_count = 5,
                             .slots_max        = (uint32_t)settings->node_slots_max,
                             .wait_ms          = 60000,
                             .stall_ms         = 300000,
                             .proof_ms         = settings->job_deadline_s * 1000 / 12};
    // A decoder without output is ended by its node: that node is not the one to blame.
    if (out->stall_ms < 2 * settings->decoder_stall_ms)
        out->stall_ms = 2 * settings->decoder_stall_ms;
}

kt_err_t
kt_sched_new(kt_sched_t **self_p, const kt_sched_opts_t *opts)
{
    kt_err_t    err  = KT_ENOMEM;
    kt_sched_t *self = calloc(1, sizeof *self);
    if (!self)
        return err;
    self->opts      = *opts;
    self->ledger_up = true;
    err             = kt_heap_new(&self->timers, SCHED_NODES);
    if (err)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_sched_destroy(&self);
    return err;
}

void
kt_sched_destroy(kt_sched_t **self_p)
{
    kt_sched_t *self = *self_p;
    if (!self)
        return;
    kt_sched_nodes_fini(self);
    kt_sched_jobs_fini(self);
    free(self);
    *self_p = NULL;
}

// Events of the ledger.

static void
step_on_claimed(kt_sched_t *self, const kt_event_t *event)
{
    for (size_t i = 0; i < event->jobs.n; i++) {
        const kt_sched_claim_t *claim = &event->jobs.at[i];
        void                   *tag   = claim->tag;
        if (!self->lease_held) {
            kt_sched_emit_drop(self, &tag);
            continue;
        }
        kt_sched_job_t     *job  = kt_sched_job_find(self, claim->id);
        kt_sched_job_args_t args = {.claim = claim};
        if (job) {
            kt_sched_job_apply(self, job, KT_SCHED_JOB_ON_CLAIMED, &args);
            continue;
        }
        job          = kt_sched_job_take(self, claim->id, true);
        job->tag     = tag;
        job->blames  = claim->attempts;
        job->crashes = claim->crashes;
        job->cost_ms = claim->cost_ms;
        kt_sched_job_to_ready(self, job, false);
    }
    if (!self->claiming)
        return;
    self->claiming       = false;
    bool idle            = event->jobs.n < self->claim_asked && !self->work_came;
    self->claim_after_ms = idle ? self->now_ms + self->opts.claim_idle_ms : self->now_ms;
}

static void
step_on_work(kt_sched_t *self, const kt_event_t *event)
{
    (void)event;
    self->work_came      = true;
    self->claim_after_ms = self->now_ms;
}

static void
step_on_stored(kt_sched_t *self, const kt_event_t *event)
{
    kt_sched_job_t     *job  = kt_sched_job_find(self, event->id);
    kt_sched_job_args_t args = {.how = event->stored.how};
    if (job)
        kt_sched_job_apply(self, job, event->stored.failure ? KT_SCHED_JOB_ON_FAILED : KT_SCHED_JOB_ON_STORED, &args);
}

static void
ask_again_all(kt_sched_t *self)
{
    kt_sched_job_args_t args = {.how = KT_STORED_NEW};
    for (kt_sched_job_t *job = self->ledger.first; job; job = job->next)
        kt_sched_job_apply(self, job, KT_SCHED_JOB_ON_AGAIN, &args);
}

static void
step_on_ledger_down(kt_sched_t *self, const kt_event_t *event)
{
    (void)event;
    self->ledger_up = false;
    self->claiming  = false;
}

static void
step_on_ledger_up(kt_sched_t *self, const kt_event_t *event)
{
    (void)event;
    if (self->ledger_up)
        return;
    self->ledger_up      = true;
    self->claim_after_ms = self->now_ms;
    ask_again_all(self);
}

static void
step_on_commit_unknown(kt_sched_t *self, const kt_event_t *event)
{
    kt_sched_job_t *job = kt_sched_job_find(self, event->id);
    if (!job || !self->ledger_up)
        return;
    kt_sched_job_again(self, job, event->stored.failure);
}

static void
each_disowned(kt_sched_t *self, kt_sched_job_t *first)
{
    kt_sched_job_args_t args = {.how = KT_STORED_FENCED};
    for (kt_sched_job_t *job = first, *next; job; job = next) {
        next = job->next;
        kt_sched_job_apply(self, job, KT_SCHED_JOB_ON_UNOWNED, &args);
    }
}

static void
step_on_lease_lost(kt_sched_t *self, const kt_event_t *event)
{
    (void)event;
    self->lease_held = false;
    self->claiming   = false;
    each_disowned(self, self->ready.first);
    each_disowned(self, self->suspects.first);
    each_disowned(self, self->doubted.first);
    each_disowned(self, self->ledger.first);
    for (kt_sched_node_t *node = self->nodes; node; node = node->next)
        each_disowned(self, node->items.first);
}

static void
step_on_lease_open(kt_sched_t *self, const kt_event_t *event)
{
    (void)event;
    self->lease_held     = true;
    self->claiming       = false;
    self->claim_after_ms = self->now_ms;
}

static void
step_on_cancel(kt_sched_t *self, const kt_event_t *event)
{
    kt_sched_job_t     *job  = kt_sched_job_find(self, event->id);
    kt_sched_job_args_t args = {.how = KT_STORED_CANCELLED};
    if (job)
        kt_sched_job_apply(self, job, KT_SCHED_JOB_ON_CANCEL, &args);
}

static void
step_on_drain(kt_sched_t *self, const kt_event_t *event)
{
    kt_sched_node_drain(self, event->drain.name, event->drain.on);
}

static void
step_on_tick(kt_sched_t *self, const kt_event_t *event)
{
    (void)event;
    kt_sched_node_due(self);
}

// Events of nodes: known ones, or unknown ones (no HELLO yet, or considered lost).

static kt_sched_job_args_t
args_of(kt_sched_node_t *node, const kt_event_t *event)
{
    return (kt_sched_job_args_t){
        .node = node, .handle = event->node, .attempt = event->attempt, .err = event->err, .tag = event->tag};
}

static void
step_on_live(kt_sched_t *self, kt_sched_node_t *node, const kt_event_t *event)
{
    if (node->progress != event->live.progress)
        kt_sched_node_progress(self, node);
    node->progress = event->live.progress;
}

static void
step_on_started(kt_sched_t *self, kt_sched_node_t *node, const kt_event_t *event)
{
    kt_sched_job_t     *job  = kt_sched_job_find(self, event->id);
    kt_sched_job_args_t args = args_of(node, event);
    if (job)
        kt_sched_job_apply(self, job, KT_SCHED_JOB_ON_STARTED, &args);
}

// node may be NULL: a finished result is stored regardless of its sender.
static void
step_on_result(kt_sched_t *self, kt_sched_node_t *node, const kt_event_t *event)
{
    kt_sched_job_t     *job      = kt_sched_job_find(self, event->id);
    kt_sched_job_args_t args     = args_of(node, event);
    bool                repeated = job ? job->state == KT_SCHED_JOB_STORING : kt_sched_job_is_done(self, event->id);
    if (node) {
        node->done += !repeated;
        if (!repeated)
            kt_sched_name_succeed(node->name);
        node->name->crashes = 0;
        if (!repeated)
            kt_sched_node_progress(self, node);
    }
    if (node && job && job->claimed && job->node == node && event->took_ms)
        kt_sched_node_measure(self, node, job->cost_ms, event->took_ms, self->now_ms - job->since_ms);
    if (node && job)
        kt_sched_job_refute(self, job, node);
    if (!job)
        job = kt_sched_job_take(self, event->id, false);
    kt_sched_job_apply(self, job, KT_SCHED_JOB_ON_SUCCESS, &args);
}

static void
step_on_failed(kt_sched_t *self, kt_sched_node_t *node, const kt_event_t *event)
{
    kt_sched_job_t     *job  = kt_sched_job_find(self, event->id);
    kt_sched_job_args_t args = args_of(node, event);
    if (job) {
        kt_sched_job_apply(self, job, KT_SCHED_JOB_ON_FAILURE, &args);
    } else {
        kt_sched_emit_node(self, KT_ACT_ACK, node->handle, event->id);
        kt_sched_emit_drop(self, &args.tag);
    }
}

static void
step_on_refused(kt_sched_t *self, kt_sched_node_t *node, const kt_event_t *event)
{
    (void)event;
    kt_sched_node_refuse(self, node);
}

static void
step_on_gone(kt_sched_t *self, kt_sched_node_t *node, const kt_event_t *event)
{
    (void)event;
    kt_sched_node_leave(self, node);
}

static void
ask_unknown(kt_sched_t *self, kt_sched_node_t *node, const kt_event_t *event)
{
    (void)node;
    void *tag = event->tag;
    kt_sched_ask_who(self, event->node);
    if (event->type == KT_EV_FAILED)  // the node keeps it and sends it again
        kt_sched_emit_drop(self, &tag);
}

static void
outcome_of_unknown(kt_sched_t *self, kt_sched_node_t *node, const kt_event_t *event)
{
    (void)node;
    kt_sched_ask_who(self, event->node);
    step_on_result(self, NULL, event);
}

static void
step_ignore(kt_sched_t *self, kt_sched_node_t *node, const kt_event_t *event)
{
    (void)self, (void)node, (void)event;
}

typedef void event_fn(kt_sched_t *self, const kt_event_t *event);
typedef void node_event_fn(kt_sched_t *self, kt_sched_node_t *node, const kt_event_t *event);

static event_fn *const EVENTS[KT_EVENTS] = {
    [KT_EV_CLAIMED]        = step_on_claimed,
    [KT_EV_WORK]           = step_on_work,
    [KT_EV_STORED]         = step_on_stored,
    [KT_EV_LEDGER_DOWN]    = step_on_ledger_down,
    [KT_EV_LEDGER_UP]      = step_on_ledger_up,
    [KT_EV_COMMIT_UNKNOWN] = step_on_commit_unknown,
    [KT_EV_LEASE_LOST]     = step_on_lease_lost,
    [KT_EV_LEASE_OPEN]     = step_on_lease_open,
    [KT_EV_DRAIN]          = step_on_drain,
    [KT_EV_CANCEL]         = step_on_cancel,
    [KT_EV_TICK]           = step_on_tick,
};

enum { UNKNOWN_NODE, KNOWN, NODE_STATES };

static node_event_fn *const NODE_EVENTS[NODE_STATES][KT_EVENTS] = {
    [UNKNOWN_NODE] = {[KT_EV_BEAT]         = ask_unknown,
                      [KT_EV_LIVE]         = ask_unknown,
                      [KT_EV_STARTED]      = ask_unknown,
                      [KT_EV_RESULT]       = outcome_of_unknown,
                      [KT_EV_FAILED]       = ask_unknown,
                      [KT_EV_SEND_REFUSED] = step_ignore,
                      [KT_EV_GONE]         = step_ignore},
    [KNOWN]        = {[KT_EV_BEAT]         = kt_sched_beat,
                      [KT_EV_LIVE]         = step_on_live,
                      [KT_EV_STARTED]      = step_on_started,
                      [KT_EV_RESULT]       = step_on_result,
                      [KT_EV_FAILED]       = step_on_failed,
                      [KT_EV_SEND_REFUSED] = step_on_refused,
                      [KT_EV_GONE]         = step_on_gone},
};

static void
step_node(kt_sched_t *self, const kt_event_t *event)
{
    if (event->type == KT_EV_HELLO) {
        kt_sched_nodes_tidy(self);
        (void)kt_sched_node_hello(self, event);
        return;
    }
    kt_sched_node_t *node = kt_sched_node_find(self, event->node);
    int              who  = node && !node->lost ? KNOWN : UNKNOWN_NODE;
    if (who == KNOWN && event->type != KT_EV_SEND_REFUSED)
        kt_sched_node_heard(self, node);
    node_event_fn *handle = NODE_EVENTS[who][event->type];
    kt_assert(handle);
    handle(self, node, event);
}

// All memory for the step is reserved before any change: per job that is known or named, a handful of actions
// and one place in a batch.
static kt_err_t
step_reserve(kt_sched_t *self, const kt_event_t *event, kt_actions_t *out)
{
    size_t named = 1;
    if (event->type == KT_EV_CLAIMED)
        named = event->jobs.n;
    else if (event->type == KT_EV_BEAT)
        named = event->beat.n_held + event->beat.n_kept;
    size_t   jobs = self->n_jobs + named;
    kt_err_t err  = kt_sched_jobs_reserve(self, named);
    return err ? err : kt_actions_reserve(out, 64 + 5 * jobs + 2 * self->n_nodes, jobs);
}

// This process was stopped or starved, so the nodes are not silent. The lease may be lost too.
static void
notice_gap(kt_sched_t *self)
{
    int64_t gap_ms = self->now_ms - self->last_ms;
    if (!self->last_ms || gap_ms < 4 * SCHED_TICK_MS || gap_ms < self->opts.node_silence_ms / 2)
        return;
    kt_sched_emit(self, KT_ACT_CHECK_LEASE);
    for (kt_sched_node_t *node = self->nodes; node; node = node->next)
        node->heard_ms = node->progress_ms = self->now_ms;
}

kt_err_t
kt_sched_step(kt_sched_t *self, const kt_event_t *event, int64_t now_ms, kt_actions_t *out)
{
    kt_err_t err = step_reserve(self, event, out);
    if (err)
        return err;
    out->n       = 0;
    out->n_jobs  = 0;
    self->out    = out;
    self->now_ms = now_ms;
    notice_gap(self);
    if (EVENTS[event->type])
        EVENTS[event->type](self, event);
    else
        step_node(self, event);
    kt_sched_dispatch(self);
    self->last_ms = now_ms;
    self->out     = NULL;
    return KT_OK;
}

int64_t
kt_sched_deadline_ms(const kt_sched_t *self)
{
    const kt_heap_entry_t *first  = kt_heap_first(self->timers);
    int64_t                due_ms = self->last_ms + SCHED_TICK_MS;
    return first && first->due_ms < due_ms ? first->due_ms : due_ms;
}

void
kt_sched_drain_tags(kt_sched_t *self, void (*free_tag)(void *tag))
{
    for (size_t i = 0; i < self->n_buckets; i++)
        for (kt_sched_job_t *job = self->buckets[i]; job; job = job->hash_next) {
            void **tags[] = {&job->tag, &job->payload, &job->document};
            for (size_t t = 0; t < sizeof tags / sizeof *tags; t++) {
                if (*tags[t])
                    free_tag(*tags[t]);
                *tags[t] = NULL;
            }
        }
}
