// Every invariant of the scheduler's state, for the simulator and the tests: slow, complete, and without effect.
#include "coordinator/sched/jobs.h"
#include "coordinator/sched/nodes.h"

typedef struct counts {
    size_t   states[KT_SCHED_JOB_STATES], jobs, open, doubts, name_doubts;
    uint64_t ready_cost_ms;
} counts_t;

static void
check_job(const kt_sched_t *self, const kt_sched_job_t *job, counts_t *counts)
{
    kt_assert(kt_sched_job_find(self, job->id) == job);
    kt_assert(job->state < KT_SCHED_JOB_NEW);
    counts->states[job->state]++;
    counts->jobs++;
    counts->doubts += (job->doubt != NULL) + (job->agrees != NULL);
    kt_assert(!job->agrees || (job->doubt && job->doubt != job->agrees));
    counts->open += job->claimed && job->state <= KT_SCHED_JOB_RUNNING;
    bool with_node = job->state == KT_SCHED_JOB_SENT || job->state == KT_SCHED_JOB_RUNNING;
    kt_assert((job->node != NULL) == with_node);
    kt_assert(job->state != KT_SCHED_JOB_READY || job->claimed);
    kt_assert(job->claimed || !job->tag);
    kt_assert(!job->payload || job->state == KT_SCHED_JOB_STORING);
    kt_assert(!job->document || job->fail_pending);
    kt_assert(!job->store_pending || job->state == KT_SCHED_JOB_STORING);
    kt_assert(!job->fail_pending || job->state == KT_SCHED_JOB_STORING || job->state == KT_SCHED_JOB_FAILING);
    kt_assert(job->state < KT_SCHED_JOB_STORING || job->store_pending || job->fail_pending);
    kt_assert(job->state >= KT_SCHED_JOB_STORING || job->n_waiting_ack == 0);
    kt_assert(job->n_waiting_ack <= SCHED_WAITING_ACK);
}

static void
check_list(const kt_sched_t *self, const kt_sched_job_list_t *list, const kt_sched_node_t *node, counts_t *counts)
{
    size_t                count = 0;
    const kt_sched_job_t *prev  = NULL;
    for (const kt_sched_job_t *job = list->first; job; prev = job, job = job->next, count++) {
        kt_assert(job->prev == prev);
        kt_assert(job->node == node);
        check_job(self, job, counts);
    }
    kt_assert(list->last == prev);
    kt_assert(list->count == count);
}

static void
check_node(const kt_sched_t *self, const kt_sched_node_t *node, counts_t *counts)
{
    size_t running = counts->states[KT_SCHED_JOB_RUNNING], isolated = 0;
    check_list(self, &node->items, node, counts);
    kt_assert(counts->states[KT_SCHED_JOB_RUNNING] - running == node->n_running);
    kt_assert(kt_sched_node_find(self, node->handle) == node);
    kt_assert(node->timer.place != 0);
    kt_assert(!node->lost || node->items.count == 0);
    kt_assert(node->credit <= node->capacity);
    kt_assert(!node->is_ready || (kt_sched_node_usable(node) && kt_sched_node_room(node) > 0));
    kt_assert(node->counted == kt_sched_node_usable(node));
    kt_assert(node->counted_capacity == (node->counted ? node->capacity : 0));
    kt_assert(node->counted_weight == (node->counted ? kt_sched_node_weight(node) : 0));
    for (const kt_sched_job_t *job = node->items.first; job; job = job->next)
        kt_assert(job->batch <= node->last_batch), isolated += job->isolated;
    kt_assert(isolated == node->n_isolated);
}

static void
check_nodes(const kt_sched_t *self, counts_t *counts)
{
    size_t   nodes = 0, usable = 0, ready_nodes = 0, named = 0, names = 0, doubts = 0;
    uint64_t capacity = 0, weight = 0;
    for (const kt_sched_node_t *node = self->nodes; node; node = node->next) {
        check_node(self, node, counts);
        nodes++;
        usable += node->counted;
        ready_nodes += node->is_ready;
        capacity += node->counted_capacity;
        weight += node->counted_weight;
    }
    kt_assert(nodes == self->n_nodes && usable == self->n_usable && capacity == self->capacity);
    kt_assert(weight == self->weight);
    for (const kt_sched_node_t *node = self->ready_nodes_first; node; node = node->ready_nodes_next) {
        kt_assert(node->is_ready);
        ready_nodes--;
    }
    kt_assert(ready_nodes == 0);
    for (const kt_node_name_t *name = self->names; name; name = name->next) {
        named += name->nodes;
        doubts += name->doubts;
        names++;
        kt_assert(name->crashes < self->opts.black_hole_count);
    }
    kt_assert(named == nodes && names == self->n_names);
    counts->name_doubts = doubts;
}

static void
check_ready(const kt_sched_t *self, const kt_sched_job_list_t *list, bool suspects, bool doubted, counts_t *counts)
{
    size_t before = counts->jobs;
    check_list(self, list, NULL, counts);
    kt_assert(counts->jobs == before + list->count && counts->states[KT_SCHED_JOB_READY] == counts->jobs);
    for (const kt_sched_job_t *job = list->first; job; job = job->next) {
        kt_assert(job->isolated == suspects && job->isolated == kt_sched_job_suspect(job));
        kt_assert(suspects || (job->doubt != NULL) == doubted);
        counts->ready_cost_ms += job->cost_ms;
    }
}

void
kt_sched_check(const kt_sched_t *self)
{
    counts_t counts = {.jobs = 0};
    check_ready(self, &self->ready, false, false, &counts);
    check_ready(self, &self->suspects, true, false, &counts);
    check_ready(self, &self->doubted, false, true, &counts);
    kt_assert(counts.ready_cost_ms == self->ready_cost_ms);
    check_nodes(self, &counts);
    size_t before = counts.jobs;
    check_list(self, &self->ledger, NULL, &counts);
    kt_assert(counts.states[KT_SCHED_JOB_STORING] + counts.states[KT_SCHED_JOB_FAILING] == counts.jobs - before);
    kt_assert(counts.jobs == self->n_jobs && counts.open == self->n_open);
    for (int state = 0; state < KT_SCHED_JOB_STATES; state++)
        kt_assert(counts.states[state] == self->counts[state]);
    kt_assert(counts.doubts == counts.name_doubts);
    size_t mapped = 0;
    for (size_t i = 0; i < self->n_buckets; i++)
        for (const kt_sched_job_t *job = self->buckets[i]; job; job = job->hash_next)
            mapped++;
    kt_assert(mapped == self->n_jobs);
    kt_assert(self->lease_held || self->counts[KT_SCHED_JOB_READY] == 0);
}
