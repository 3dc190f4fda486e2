// Job transitions: [state][event]. A node can send any message at any time, also stale and repeated ones, so every pair
// that a node can cause is handled; pairs that only our own code can cause are bugs.
#include "coordinator/sched/jobs.h"
#include "coordinator/sched/nodes.h"
#include "coordinator/sched/outcome.h"

#include <string.h>

typedef void job_event_fn(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args);

static void
job_ignore(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    (void)self, (void)job, (void)args;
}

static void
job_bug(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    (void)self, (void)job, (void)args;
    kt_assert(!"an event that this state of a job excludes");
}

// Back to the front of the queue, preferably for another node.
static void
job_requeue(kt_sched_t *self, kt_sched_job_t *job)
{
    kt_sched_node_t *node = job->node;
    job->avoid            = node->name->text;
    job->avoid_until_ms   = self->now_ms + 2 * self->opts.node_silence_ms;
    if (job->claimed)
        kt_sched_job_to_ready(self, job, true);
    else
        kt_sched_job_remove(self, job);
    kt_sched_node_refresh(self, node);
}

// Errors and losses have each their own limit (scheduler.h); both are blames and durable.
static bool
is_last_attempt(const kt_sched_t *self, const kt_sched_job_t *job, kt_err_t err)
{
    uint32_t errors = job->blames > job->crashes ? job->blames - job->crashes : 0;
    return err == KT_ENODELOST ? job->crashes + 1 >= KT_SCHED_LOSSES : errors + 1 >= self->opts.max_attempts;
}

// One more failed attempt: the job is retried or fails. document: the node's, NULL for none.
static void
job_blame(kt_sched_t *self, kt_sched_job_t *job, kt_err_t err, void *document)
{
    kt_node_handle_t handle = job->node->handle;
    job->over_attempt       = job->attempt;
    if (is_last_attempt(self, job, err)) {
        if (document)
            kt_sched_job_await_ack(job, handle);
        kt_sched_job_fail(self, job, err, document);
        return;
    }
    job->crashes += err == KT_ENODELOST;
    kt_action_t *action = kt_sched_emit(self, KT_ACT_BLAME);
    action->id          = job->id;
    action->attempt     = ++job->blames;
    action->err         = err;
    action->node        = handle;
    action->node_name   = job->node->name->text;
    job_requeue(self, job);
    kt_sched_emit_drop(self, &document);
}

// CLAIMED

static void
job_claimed(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    void *tag = args->claim->tag;
    if (job->claimed) {  // repeated
        kt_sched_emit_drop(self, &tag);
        return;
    }
    kt_sched_job_own(self, job, true);
    job->tag     = tag;
    job->blames  = args->claim->attempts;
    job->crashes = args->claim->crashes;
    job->cost_ms = args->claim->cost_ms;
}

// STARTED, HELD

static void
job_run(kt_sched_t *self, kt_sched_job_t *job)
{
    uint64_t batch = job->batch, seen = job->seen_beat;
    kt_sched_job_to_node(self, job, job->node, true, job->isolated);
    job->batch     = batch;
    job->seen_beat = seen;
    kt_sched_node_progress(self, job->node);
}

static void
job_start(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    if (job->node == args->node && job->attempt == args->attempt && kt_sched_node_may_begin(job->node))
        job_run(self, job);
}

// A waiting job is held by a node: the node, or a batch to it, was considered lost.
static void
job_adopt(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    if (args->attempt <= job->over_attempt) {
        kt_sched_emit_node(self, KT_ACT_CANCEL, args->handle, job->id);
        return;
    }
    kt_sched_job_to_node(self, job, args->node, args->running && kt_sched_node_may_begin(args->node), false);
    job->batch     = 0;
    job->seen_beat = args->node->beat;
    job->attempt   = args->attempt;
    if (job->last_attempt < args->attempt)
        job->last_attempt = args->attempt;
}

static void
job_held(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    if (job->node != args->node) {
        if (job->claimed)
            kt_sched_emit_node(self, KT_ACT_CANCEL, args->handle, job->id);
        return;
    }
    if (args->attempt <= job->over_attempt)  // sent before our answer to that attempt arrived: stale
        return;
    job->seen_beat = args->node->beat;
    job->attempt   = args->attempt;
    if (args->running && job->state == KT_SCHED_JOB_SENT && kt_sched_node_may_begin(job->node))
        job_run(self, job);
}

static void
job_held_although_over(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    if (!kt_sched_job_waits_ack(job, args->handle))  // else it keeps the outcome until it is stored
        kt_sched_emit_node(self, KT_ACT_CANCEL, args->handle, job->id);
}

// The node did not work on it: no blame.
static bool
is_unrun(kt_err_t err)
{
    return err == KT_EFULL || err == KT_ECLOSED || err == KT_EAGAIN;
}

// Another coordinator cancelled it on the node: the run was cancelled, in the ledger too. It gets the run back; if
// it was not cancelled after all, it will be claimed again.
static void
job_release(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    kt_sched_node_t *node = job->node;
    void            *tag  = args->tag;
    kt_sched_emit_node(self, KT_ACT_ACK, args->handle, job->id);
    kt_sched_emit_drop(self, &tag);
    kt_sched_emit(self, KT_ACT_RELEASE)->id = job->id;
    kt_sched_job_remove(self, job);
    kt_sched_node_refresh(self, node);
}

// Sent before the last blame, which may have been for this failure: another coordinator recorded it.
static bool
is_blamed_attempt(const kt_sched_job_t *job, uint32_t attempt)
{
    return attempt <= job->blames * SCHED_SENDINGS;
}

// It may be of the node, and there is another name to ask: a second one, and a third one where there is one in time, so
// that two broken nodes do not decide about the files of all.
static bool
is_doubtful(const kt_sched_t *self, const kt_sched_job_t *job, kt_err_t err)
{
    const kt_node_name_t *name = job->node->name;
    if (kt_err_scope(err) != KT_SCOPE_NODE || !kt_sched_node_others(self, job->node))
        return false;
    if (!job->doubt || (job->doubt == name && !job->agrees))
        return true;
    return !job->agrees && self->now_ms < job->doubt_until_ms && kt_sched_node_unasked(self, job);
}

// No attempt of the file: its errors have their own limit.
static void
job_try_elsewhere(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    void *tag = args->tag;
    kt_sched_job_doubt(job, job->node->name, args->err);
    job->doubt_until_ms = self->now_ms + self->opts.job_deadline_ms;
    job->over_attempt   = job->attempt;
    kt_sched_emit_node(self, KT_ACT_ACK, args->handle, job->id);
    kt_action_t *action = kt_sched_emit(self, KT_ACT_DOUBT);
    action->id          = job->id;
    action->attempt     = job->attempt;
    action->err         = args->err;
    action->node        = args->handle;
    action->node_name   = job->node->name->text;
    job_requeue(self, job);
    kt_sched_emit_drop(self, &tag);
}

static void
job_take_failure(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    kt_sched_node_t *node = job->node;
    void            *tag  = args->tag;
    bool             ours = job->claimed && node == args->node && job->attempt == args->attempt;
    if (!ours || is_blamed_attempt(job, args->attempt)) {
        kt_sched_job_old_failure(self, job, args);
        return;
    }
    kt_sched_node_credit(self, node);
    if (args->err == KT_ECANCELLED) {
        job_release(self, job, args);
        return;
    }
    if (is_unrun(args->err)) {
        node->credit      = args->err == KT_EFULL || args->err == KT_ECLOSED ? 0 : node->credit;
        job->over_attempt = job->attempt;
        kt_sched_emit_node(self, KT_ACT_ACK, args->handle, job->id);
        kt_sched_emit_drop(self, &tag);
        job_requeue(self, job);
        return;
    }
    node->failed++;
    kt_sched_node_ended(self, node);
    kt_err_t err = args->err == KT_OK || args->err == KT_ENODELOST ? KT_EMESSAGE : args->err;
    if (args->err == KT_ECRASH)
        kt_sched_node_crash(self, node->name, job->id);
    if (is_doubtful(self, job, args->err)) {
        job_try_elsewhere(self, job, args);
        return;
    }
    if (kt_err_verdict(args->err) == KT_VERDICT_REJECT) {
        if (kt_err_scope(args->err) == KT_SCOPE_FILE)
            kt_sched_job_refute(self, job, node);
        job->over_attempt = job->attempt;
        kt_sched_job_await_ack(job, args->handle);
        kt_sched_job_fail(self, job, args->err, tag);
        return;
    }
    if (!is_last_attempt(self, job, err))
        kt_sched_emit_node(self, KT_ACT_ACK, args->handle, job->id);
    else if (!tag)
        kt_sched_job_await_ack(job, args->handle);
    job_blame(self, job, err, tag);
}

// LOST, RETURNED, EXPIRED

static void
job_lose(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    bool     begun = job->state == KT_SCHED_JOB_RUNNING;
    uint32_t over  = job->over_attempt;
    if (job->claimed && job->bad_data) {
        kt_sched_job_fail(self, job, KT_EBADDATA, NULL);  // its work was over
    } else if (!job->claimed || (!begun && ++job->lost_unstarted < 3)) {
        job_requeue(self, job);
    } else if (job->isolated && args->exonerated && job->excused < SCHED_EXCUSED + self->opts.max_attempts) {
        job->excused++;
        job_requeue(self, job);
    } else {
        job->lost_unstarted = begun ? job->lost_unstarted : 0;  // the next ones need as many again to count
        job_blame(self, job, KT_ENODELOST, NULL);
        job->over_attempt = over;  // a node that reconnects with it may continue it
    }
}

static void
job_requeue_unblamed(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    (void)args;
    job_requeue(self, job);
}

// Unstarted, or started on a node without progress: requeue without blame. Unclaimed: the run was cancelled or finished
// before this coordinator started; cancel it on the node.
static void
job_expire(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    kt_sched_emit_node(self, KT_ACT_CANCEL, job->node->handle, job->id);
    bool excused = args->stalled && job->stalls < SCHED_STALLS;
    if (!job->claimed || job->state == KT_SCHED_JOB_SENT || excused) {
        job->stalls += args->stalled && job->state == KT_SCHED_JOB_RUNNING;
        if (args->stalled)
            memcpy(job->taken_from, job->node->name->text, sizeof job->taken_from);
        job->over_attempt = job->attempt;
        const bool away   = job->claimed && args->stalled && !job->doubt;
        job_requeue(self, job);
        if (away)  // where there is another node, the one that kept it does not get it again
            job->avoid_until_ms = self->now_ms + self->opts.job_deadline_ms;
        return;
    }
    job->node->failed++;
    job_blame(self, job, KT_ETIME, NULL);
}

// CANCEL, UNOWNED, AGAIN

static void
job_cancel(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    (void)args;
    kt_sched_node_t *node = job->node;
    if (node)
        kt_sched_emit_node(self, KT_ACT_CANCEL, node->handle, job->id);
    kt_sched_job_set_done(self, job->id);
    kt_sched_job_remove(self, job);
    if (node)
        kt_sched_node_refresh(self, node);
}

static void
job_remove(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    (void)args;
    kt_sched_job_remove(self, job);
}

static void
job_disown(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    (void)args;
    kt_sched_emit_drop(self, &job->tag);
    kt_sched_job_own(self, job, false);
}

static job_event_fn *const TABLE[KT_SCHED_JOB_STATES][KT_SCHED_JOB_EVENTS] = {
    [KT_SCHED_JOB_READY]   = {[KT_SCHED_JOB_ON_CLAIMED]  = job_claimed,
                              [KT_SCHED_JOB_ON_STARTED]  = job_ignore,
                              [KT_SCHED_JOB_ON_SUCCESS]  = kt_sched_job_succeed,
                              [KT_SCHED_JOB_ON_FAILURE]  = kt_sched_job_old_failure,
                              [KT_SCHED_JOB_ON_HELD]     = job_adopt,
                              [KT_SCHED_JOB_ON_LOST]     = job_bug,
                              [KT_SCHED_JOB_ON_RETURNED] = job_bug,
                              [KT_SCHED_JOB_ON_EXPIRED]  = job_bug,
                              [KT_SCHED_JOB_ON_STORED]   = job_ignore,
                              [KT_SCHED_JOB_ON_FAILED]   = job_ignore,
                              [KT_SCHED_JOB_ON_CANCEL]   = job_cancel,
                              [KT_SCHED_JOB_ON_UNOWNED]  = job_remove,
                              [KT_SCHED_JOB_ON_AGAIN]    = job_bug},
    [KT_SCHED_JOB_SENT]    = {[KT_SCHED_JOB_ON_CLAIMED]  = job_claimed,
                              [KT_SCHED_JOB_ON_STARTED]  = job_start,
                              [KT_SCHED_JOB_ON_SUCCESS]  = kt_sched_job_succeed,
                              [KT_SCHED_JOB_ON_FAILURE]  = job_take_failure,
                              [KT_SCHED_JOB_ON_HELD]     = job_held,
                              [KT_SCHED_JOB_ON_LOST]     = job_lose,
                              [KT_SCHED_JOB_ON_RETURNED] = job_requeue_unblamed,
                              [KT_SCHED_JOB_ON_EXPIRED]  = job_expire,
                              [KT_SCHED_JOB_ON_STORED]   = job_ignore,
                              [KT_SCHED_JOB_ON_FAILED]   = job_ignore,
                              [KT_SCHED_JOB_ON_CANCEL]   = job_cancel,
                              [KT_SCHED_JOB_ON_UNOWNED]  = job_disown,
                              [KT_SCHED_JOB_ON_AGAIN]    = job_bug},
    [KT_SCHED_JOB_RUNNING] = {[KT_SCHED_JOB_ON_CLAIMED]  = job_claimed,
                              [KT_SCHED_JOB_ON_STARTED]  = job_ignore,
                              [KT_SCHED_JOB_ON_SUCCESS]  = kt_sched_job_succeed,
                              [KT_SCHED_JOB_ON_FAILURE]  = job_take_failure,
                              [KT_SCHED_JOB_ON_HELD]     = job_held,
                              [KT_SCHED_JOB_ON_LOST]     = job_lose,
                              [KT_SCHED_JOB_ON_RETURNED] = job_requeue_unblamed,
                              [KT_SCHED_JOB_ON_EXPIRED]  = job_expire,
                              [KT_SCHED_JOB_ON_STORED]   = job_ignore,
                              [KT_SCHED_JOB_ON_FAILED]   = job_ignore,
                              [KT_SCHED_JOB_ON_CANCEL]   = job_cancel,
                              [KT_SCHED_JOB_ON_UNOWNED]  = job_disown,
                              [KT_SCHED_JOB_ON_AGAIN]    = job_bug},
    [KT_SCHED_JOB_STORING] = {[KT_SCHED_JOB_ON_CLAIMED]  = job_claimed,
                              [KT_SCHED_JOB_ON_STARTED]  = job_ignore,
                              [KT_SCHED_JOB_ON_SUCCESS]  = kt_sched_job_succeed_again,
                              [KT_SCHED_JOB_ON_FAILURE]  = kt_sched_job_old_failure,
                              [KT_SCHED_JOB_ON_HELD]     = job_held_although_over,
                              [KT_SCHED_JOB_ON_LOST]     = job_bug,
                              [KT_SCHED_JOB_ON_RETURNED] = job_bug,
                              [KT_SCHED_JOB_ON_EXPIRED]  = job_bug,
                              [KT_SCHED_JOB_ON_STORED]   = kt_sched_job_success_answered,
                              [KT_SCHED_JOB_ON_FAILED]   = kt_sched_job_failure_answered_late,
                              [KT_SCHED_JOB_ON_CANCEL]   = job_ignore,
                              [KT_SCHED_JOB_ON_UNOWNED]  = job_disown,
                              [KT_SCHED_JOB_ON_AGAIN]    = kt_sched_job_ask_again},
    [KT_SCHED_JOB_FAILING] = {[KT_SCHED_JOB_ON_CLAIMED]  = job_claimed,
                              [KT_SCHED_JOB_ON_STARTED]  = job_ignore,
                              [KT_SCHED_JOB_ON_SUCCESS]  = kt_sched_job_succeed,
                              [KT_SCHED_JOB_ON_FAILURE]  = kt_sched_job_old_failure,
                              [KT_SCHED_JOB_ON_HELD]     = job_held_although_over,
                              [KT_SCHED_JOB_ON_LOST]     = job_bug,
                              [KT_SCHED_JOB_ON_RETURNED] = job_bug,
                              [KT_SCHED_JOB_ON_EXPIRED]  = job_bug,
                              [KT_SCHED_JOB_ON_STORED]   = job_ignore,
                              [KT_SCHED_JOB_ON_FAILED]   = kt_sched_job_failure_answered,
                              [KT_SCHED_JOB_ON_CANCEL]   = job_ignore,
                              [KT_SCHED_JOB_ON_UNOWNED]  = job_disown,
                              [KT_SCHED_JOB_ON_AGAIN]    = kt_sched_job_ask_again},
    [KT_SCHED_JOB_NEW]     = {[KT_SCHED_JOB_ON_CLAIMED]  = job_bug,
                              [KT_SCHED_JOB_ON_STARTED]  = job_bug,
                              [KT_SCHED_JOB_ON_SUCCESS]  = kt_sched_job_succeed,
                              [KT_SCHED_JOB_ON_FAILURE]  = job_bug,
                              [KT_SCHED_JOB_ON_HELD]     = job_bug,
                              [KT_SCHED_JOB_ON_LOST]     = job_bug,
                              [KT_SCHED_JOB_ON_RETURNED] = job_bug,
                              [KT_SCHED_JOB_ON_EXPIRED]  = job_bug,
                              [KT_SCHED_JOB_ON_STORED]   = job_bug,
                              [KT_SCHED_JOB_ON_FAILED]   = job_bug,
                              [KT_SCHED_JOB_ON_CANCEL]   = job_bug,
                              [KT_SCHED_JOB_ON_UNOWNED]  = job_bug,
                              [KT_SCHED_JOB_ON_AGAIN]    = job_bug},
};

void
kt_sched_job_apply(kt_sched_t *self, kt_sched_job_t *job, kt_sched_job_event_t event, const kt_sched_job_args_t *args)
{
    TABLE[job->state][event](self, job, args);
}
