// A BEAT is the complete state of a node: attempts held, outcomes unacknowledged, free credit. It corrects the effects
// of lost, late and repeated messages.
#include "coordinator/sched/jobs.h"
#include "coordinator/sched/nodes.h"

static void
see_held(kt_sched_t *self, kt_sched_node_t *node, const kt_held_t *held)
{
    kt_sched_job_t *job = kt_sched_job_find(self, held->id);
    if (!job && kt_sched_job_is_done(self, held->id)) {
        kt_sched_emit_node(self, KT_ACT_CANCEL, node->handle, held->id);
        return;
    }
    if (!job) {  // probably sent by an earlier coordinator; noted for when we claim it
        job               = kt_sched_job_take(self, held->id, false);
        job->attempt      = held->attempt;
        job->last_attempt = held->attempt;
        kt_sched_job_to_node(self, job, node, held->started && kt_sched_node_may_begin(node), false);
    }
    kt_sched_job_args_t args = {
        .node = node, .handle = node->handle, .attempt = held->attempt, .running = held->started};
    kt_sched_job_apply(self, job, KT_SCHED_JOB_ON_HELD, &args);
}

// Returns whether the outcome kept by the node is being stored or acknowledged.
static bool
see_kept(kt_sched_t *self, kt_sched_node_t *node, kt_run_id_t id)
{
    kt_sched_job_t *job = kt_sched_job_find(self, id);
    if (!job) {
        if (!kt_sched_job_is_done(self, id))
            return false;
        kt_sched_emit_node(self, KT_ACT_ACK, node->handle, id);  // the first one was lost
        return true;
    }
    if (job->node == node)
        job->seen_beat = node->beat;
    return job->state == KT_SCHED_JOB_STORING || job->state == KT_SCHED_JOB_FAILING;
}

// Jobs missing from the beat. If the node has not seen the batch, it may still be in transit. If it has, the beat may
// have crossed a message, so only a second beat, some time after the first, counts.
static uint32_t
beat_miss(kt_sched_t *self, kt_sched_node_t *node)
{
    uint32_t unseen = 0;
    for (kt_sched_job_t *job = node->items.last, *prev; job; job = prev) {
        prev = job->prev;
        if (job->seen_beat == node->beat) {
            job->missing_ms = 0;
            continue;
        }
        bool    on_its_way = job->batch > node->seen_batch;
        int64_t patience   = on_its_way ? self->opts.node_silence_ms : SCHED_BEAT_MS / 2;
        bool    wait       = job->claimed || on_its_way;
        if (wait && !job->missing_ms) {
            job->missing_ms = self->now_ms;
        } else if (!wait || self->now_ms - job->missing_ms >= patience) {
            kt_sched_job_args_t args = {.node = node, .handle = node->handle};
            kt_sched_job_apply(self, job, KT_SCHED_JOB_ON_RETURNED, &args);
            continue;
        }
        unseen += on_its_way;
    }
    return unseen;
}

// A node asks for what its threads take and for a second's work ahead. That is believed as far as its slots and the
// files that it has just ended make it likely, so that a wrong number takes no more than a little of the queue.
static uint32_t
believed_credit(kt_sched_node_t *node, uint32_t wanted, size_t held)
{
    node->recent       = node->recent / 2 + (uint32_t)(node->ended - node->ended_before);
    node->ended_before = node->ended;
    uint64_t slots     = kt_sched_node_slots(node);
    uint64_t bound     = node->hoards ? slots : SCHED_CREDIT * slots + node->recent;
    uint64_t left      = bound > held ? bound - held : 0;
    node->believed     = bound;
    left               = left < SCHED_FREE_MAX ? left : SCHED_FREE_MAX;
    return wanted < left ? wanted : (uint32_t)left;
}

void
kt_sched_beat(kt_sched_t *self, kt_sched_node_t *node, const kt_event_t *event)
{
    bool all_known = true;
    node->beat++;
    node->seen_batch = event->beat.seen_batch;
    if (node->last_batch < node->seen_batch)  // of an earlier coordinator: ours are numbered after them
        node->last_batch = node->seen_batch;
    for (size_t i = 0; i < event->beat.n_held; i++)
        see_held(self, node, &event->beat.held[i]);
    for (size_t i = 0; i < event->beat.n_kept; i++)
        all_known = see_kept(self, node, event->beat.kept[i]) && all_known;
    node->loose_beats = all_known ? 0 : node->loose_beats + 1;
    if (node->loose_beats >= 2) {  // the node answers with HELLO and sends them again
        node->loose_beats = 0;
        kt_sched_ask_who(self, node->handle);
    }
    uint32_t unseen = beat_miss(self, node);
    node->free      = believed_credit(node, event->beat.free, event->beat.n_held);
    node->kept      = (uint32_t)event->beat.n_kept;
    node->leaving   = event->beat.leaving;
    node->capacity  = node->free + (uint32_t)event->beat.n_held;
    node->claimed   = event->beat.free < SCHED_FREE_MAX ? event->beat.free : SCHED_FREE_MAX;
    node->claimed += (uint32_t)event->beat.n_held;
    node->credit = node->free > unseen ? node->free - unseen : 0;
    if (!event->beat.n_held)
        node->stalled = false;  // it gave back what it was asked for
    kt_sched_node_expire(self, node);
    kt_sched_node_refresh(self, node);
}
