// Job transitions: [state][event]. A node can send any message at any time, also stale and repeated ones, so every pair
// that a node can cause is handled; pairs that only our own code can cause are bugs.
#include "coordinator/sched/jobs.h"
#include "coordinator/sched/nodes.h"
#include "coordinator/sched/outcome.h"

typedef void happening_fn(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *what);

static void
nothing(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *what)
{
    (void)self, (void)job, (void)what;
}

static void
bug(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *what)
{
    (void)self, (void)job, (void)what;
    kt_assert(!"a job's state and what happens to it do not fit");
}

// Back to the front of the queue, preferably for another node.
static void
give_back(kt_sched_t *self, kt_sched_job_t *job)
{
    kt_sched_node_t *node = job->node;
    job->avoid            = node->name->text;
    job->avoid_until_ms   = self->now_ms + 2 * self->opts.node_silence_ms;
    if (job->claimed)
        kt_sched_job_to_ready(self, job, true);
    else
        kt_sched_job_forget(self, job);
    kt_sched_node_refresh(self, node);
}

// Errors and losses have each their own limit (scheduler.h); both are blames and durable.
static bool
is_last(const kt_sched_t *self, const kt_sched_job_t *job, kt_err_t err)
{
    uint32_t errors = job->blames > job->crashes ? job->blames - job->crashes : 0;
    return err == KT_ENODELOST ? job->crashes + 1 >= KT_SCHED_LOSSES : errors + 1 >= self->opts.max_attempts;
}

// One more failed attempt: another try, or the end. document: the node's, NULL for none.
static void
blame(kt_sched_t *self, kt_sched_job_t *job, kt_err_t err, void *document)
{
    kt_node_handle_t handle = job->node->handle;
    job->over_attempt       = job->attempt;
    if (is_last(self, job, err)) {
        if (document)
            kt_sched_job_offer(job, handle);
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
    give_back(self, job);
    kt_sched_emit_drop(self, &document);
}

// CLAIMED

static void
own(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *what)
{
    void *tag = what->claim->tag;
    if (job->claimed) {  // repeated
        kt_sched_emit_drop(self, &tag);
        return;
    }
    kt_sched_job_own(self, job, true);
    job->tag     = tag;
    job->blames  = what->claim->attempts;
    job->crashes = what->claim->crashes;
    job->cost_ms = what->claim->cost_ms;
}

// STARTED, HELD

static void
run(kt_sched_t *self, kt_sched_job_t *job)
{
    uint64_t batch = job->batch, seen = job->seen_beat;
    kt_sched_job_to_node(self, job, job->node, true, job->isolated);
    job->batch     = batch;
    job->seen_beat = seen;
}

static void
start(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *what)
{
    if (job->node == what->node && job->attempt == what->attempt)
        run(self, job);
}

// A waiting job is held by a node: the node, or a batch to it, was considered lost.
static void
adopt(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *what)
{
    if (what->attempt <= job->over_attempt) {
        kt_sched_emit_node(self, KT_ACT_CANCEL, what->handle, job->id);
        return;
    }
    kt_sched_job_to_node(self, job, what->node, what->running, false);
    job->batch     = 0;
    job->seen_beat = what->node->beat;
    job->attempt   = what->attempt;
    if (job->last_attempt < what->attempt)
        job->last_attempt = what->attempt;
}

static void
held(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *what)
{
    if (job->node != what->node) {
        if (job->claimed)
            kt_sched_emit_node(self, KT_ACT_CANCEL, what->handle, job->id);
        return;
    }
    if (what->attempt <= job->over_attempt)  // sent before our answer to that attempt arrived: stale
        return;
    job->seen_beat = what->node->beat;
    job->attempt   = what->attempt;
    if (what->running && job->state == KT_SCHED_JOB_SENT)
        run(self, job);
}

static void
held_although_over(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *what)
{
    if (!kt_sched_job_offered(job, what->handle))  // else it keeps the outcome until it is stored
        kt_sched_emit_node(self, KT_ACT_CANCEL, what->handle, job->id);
}

// The node did not work on it: no blame.
static bool
is_unrun(kt_err_t err)
{
    return err == KT_EFULL || err == KT_ECLOSED || err == KT_EAGAIN;
}

// Another coordinator cancelled it on the node: the run was cancelled, and the ledger knows. It gets the run back; if
// it was not cancelled after all, it will be claimed again.
static void
hand_back(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *what)
{
    kt_sched_node_t *node = job->node;
    void            *tag  = what->tag;
    kt_sched_emit_node(self, KT_ACT_ACK, what->handle, job->id);
    kt_sched_emit_drop(self, &tag);
    kt_sched_emit(self, KT_ACT_RELEASE)->id = job->id;
    kt_sched_job_forget(self, job);
    kt_sched_node_refresh(self, node);
}

// Sent before the last blame, which may have been for this failure: another coordinator recorded it.
static bool
is_blamed(const kt_sched_job_t *job, uint32_t attempt)
{
    return attempt <= job->blames * SCHED_SENDINGS;
}

static void
take_failure(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *what)
{
    kt_sched_node_t *node = job->node;
    void            *tag  = what->tag;
    bool             ours = job->claimed && node == what->node && job->attempt == what->attempt;
    if (!ours || is_blamed(job, what->attempt)) {
        kt_sched_job_old_failure(self, job, what);
        return;
    }
    kt_sched_node_credit(self, node);
    if (what->err == KT_ECANCELLED) {
        hand_back(self, job, what);
        return;
    }
    if (is_unrun(what->err)) {
        node->credit      = what->err == KT_EFULL || what->err == KT_ECLOSED ? 0 : node->credit;
        job->over_attempt = job->attempt;
        kt_sched_emit_node(self, KT_ACT_ACK, what->handle, job->id);
        kt_sched_emit_drop(self, &tag);
        give_back(self, job);
        return;
    }
    node->failed++;
    kt_err_t err = what->err == KT_OK || what->err == KT_ENODELOST ? KT_EMESSAGE : what->err;
    if (what->err == KT_ECRASH)
        kt_sched_node_crash(self, node->name, job->id);
    if (kt_err_verdict(what->err) == KT_VERDICT_REJECT) {
        job->over_attempt = job->attempt;
        kt_sched_job_offer(job, what->handle);
        kt_sched_job_fail(self, job, what->err, tag);
        return;
    }
    if (!is_last(self, job, err))
        kt_sched_emit_node(self, KT_ACT_ACK, what->handle, job->id);
    else if (!tag)
        kt_sched_job_offer(job, what->handle);
    blame(self, job, err, tag);
}

// LOST, RETURNED, EXPIRED

static void
lose(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *what)
{
    bool     begun = job->state == KT_SCHED_JOB_RUNNING;
    uint32_t over  = job->over_attempt;
    if (job->claimed && job->bad_data) {
        kt_sched_job_fail(self, job, KT_EBADDATA, NULL);  // its work was over: the loss is another's
    } else if (!job->claimed || (!begun && ++job->lost_unstarted < 3)) {
        give_back(self, job);
    } else if (job->isolated && what->exonerated && job->excused < SCHED_EXCUSED + self->opts.max_attempts) {
        job->excused++;
        give_back(self, job);
    } else {
        job->lost_unstarted = begun ? job->lost_unstarted : 0;  // the next ones need as many again to count
        blame(self, job, KT_ENODELOST, NULL);
        job->over_attempt = over;  // should the node come back with it in hand, it may go on
    }
}

static void
give_back_unblamed(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *what)
{
    (void)what;
    give_back(self, job);
}

// Unstarted: requeue without blame. Unclaimed: the run was cancelled or finished before this coordinator started;
// cancel it on the node.
static void
expire(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *what)
{
    (void)what;
    kt_sched_emit_node(self, KT_ACT_CANCEL, job->node->handle, job->id);
    if (!job->claimed || job->state == KT_SCHED_JOB_SENT) {
        job->over_attempt = job->attempt;
        give_back(self, job);
        return;
    }
    job->node->failed++;
    blame(self, job, KT_ETIME, NULL);
}

// CANCEL, UNOWNED, AGAIN

static void
cancel(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *what)
{
    (void)what;
    kt_sched_node_t *node = job->node;
    if (node)
        kt_sched_emit_node(self, KT_ACT_CANCEL, node->handle, job->id);
    kt_sched_job_set_done(self, job->id);
    kt_sched_job_forget(self, job);
    if (node)
        kt_sched_node_refresh(self, node);
}

static void
forget(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *what)
{
    (void)what;
    kt_sched_job_forget(self, job);
}

static void
disown(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *what)
{
    (void)what;
    kt_sched_emit_drop(self, &job->tag);
    kt_sched_job_own(self, job, false);
}

static happening_fn *const TABLE[KT_SCHED_JOB_STATES][KT_SCHED_JOB_HAPPENINGS] = {
    [KT_SCHED_JOB_READY]   = {[KT_SCHED_JOB_ON_CLAIMED]  = own,
                              [KT_SCHED_JOB_ON_STARTED]  = nothing,
                              [KT_SCHED_JOB_ON_SUCCESS]  = kt_sched_job_succeed,
                              [KT_SCHED_JOB_ON_FAILURE]  = kt_sched_job_old_failure,
                              [KT_SCHED_JOB_ON_HELD]     = adopt,
                              [KT_SCHED_JOB_ON_LOST]     = bug,
                              [KT_SCHED_JOB_ON_RETURNED] = bug,
                              [KT_SCHED_JOB_ON_EXPIRED]  = bug,
                              [KT_SCHED_JOB_ON_STORED]   = nothing,
                              [KT_SCHED_JOB_ON_FAILED]   = nothing,
                              [KT_SCHED_JOB_ON_CANCEL]   = cancel,
                              [KT_SCHED_JOB_ON_UNOWNED]  = forget,
                              [KT_SCHED_JOB_ON_AGAIN]    = bug},
    [KT_SCHED_JOB_SENT]    = {[KT_SCHED_JOB_ON_CLAIMED]  = own,
                              [KT_SCHED_JOB_ON_STARTED]  = start,
                              [KT_SCHED_JOB_ON_SUCCESS]  = kt_sched_job_succeed,
                              [KT_SCHED_JOB_ON_FAILURE]  = take_failure,
                              [KT_SCHED_JOB_ON_HELD]     = held,
                              [KT_SCHED_JOB_ON_LOST]     = lose,
                              [KT_SCHED_JOB_ON_RETURNED] = give_back_unblamed,
                              [KT_SCHED_JOB_ON_EXPIRED]  = expire,
                              [KT_SCHED_JOB_ON_STORED]   = nothing,
                              [KT_SCHED_JOB_ON_FAILED]   = nothing,
                              [KT_SCHED_JOB_ON_CANCEL]   = cancel,
                              [KT_SCHED_JOB_ON_UNOWNED]  = disown,
                              [KT_SCHED_JOB_ON_AGAIN]    = bug},
    [KT_SCHED_JOB_RUNNING] = {[KT_SCHED_JOB_ON_CLAIMED]  = own,
                              [KT_SCHED_JOB_ON_STARTED]  = nothing,
                              [KT_SCHED_JOB_ON_SUCCESS]  = kt_sched_job_succeed,
                              [KT_SCHED_JOB_ON_FAILURE]  = take_failure,
                              [KT_SCHED_JOB_ON_HELD]     = held,
                              [KT_SCHED_JOB_ON_LOST]     = lose,
                              [KT_SCHED_JOB_ON_RETURNED] = give_back_unblamed,
                              [KT_SCHED_JOB_ON_EXPIRED]  = expire,
                              [KT_SCHED_JOB_ON_STORED]   = nothing,
                              [KT_SCHED_JOB_ON_FAILED]   = nothing,
                              [KT_SCHED_JOB_ON_CANCEL]   = cancel,
                              [KT_SCHED_JOB_ON_UNOWNED]  = disown,
                              [KT_SCHED_JOB_ON_AGAIN]    = bug},
    [KT_SCHED_JOB_STORING] = {[KT_SCHED_JOB_ON_CLAIMED]  = own,
                              [KT_SCHED_JOB_ON_STARTED]  = nothing,
                              [KT_SCHED_JOB_ON_SUCCESS]  = kt_sched_job_succeed_again,
                              [KT_SCHED_JOB_ON_FAILURE]  = kt_sched_job_old_failure,
                              [KT_SCHED_JOB_ON_HELD]     = held_although_over,
                              [KT_SCHED_JOB_ON_LOST]     = bug,
                              [KT_SCHED_JOB_ON_RETURNED] = bug,
                              [KT_SCHED_JOB_ON_EXPIRED]  = bug,
                              [KT_SCHED_JOB_ON_STORED]   = kt_sched_job_success_answered,
                              [KT_SCHED_JOB_ON_FAILED]   = kt_sched_job_failure_answered_late,
                              [KT_SCHED_JOB_ON_CANCEL]   = nothing,
                              [KT_SCHED_JOB_ON_UNOWNED]  = disown,
                              [KT_SCHED_JOB_ON_AGAIN]    = kt_sched_job_ask_again},
    [KT_SCHED_JOB_FAILING] = {[KT_SCHED_JOB_ON_CLAIMED]  = own,
                              [KT_SCHED_JOB_ON_STARTED]  = nothing,
                              [KT_SCHED_JOB_ON_SUCCESS]  = kt_sched_job_succeed,
                              [KT_SCHED_JOB_ON_FAILURE]  = kt_sched_job_old_failure,
                              [KT_SCHED_JOB_ON_HELD]     = held_although_over,
                              [KT_SCHED_JOB_ON_LOST]     = bug,
                              [KT_SCHED_JOB_ON_RETURNED] = bug,
                              [KT_SCHED_JOB_ON_EXPIRED]  = bug,
                              [KT_SCHED_JOB_ON_STORED]   = nothing,
                              [KT_SCHED_JOB_ON_FAILED]   = kt_sched_job_failure_answered,
                              [KT_SCHED_JOB_ON_CANCEL]   = nothing,
                              [KT_SCHED_JOB_ON_UNOWNED]  = disown,
                              [KT_SCHED_JOB_ON_AGAIN]    = kt_sched_job_ask_again},
    [KT_SCHED_JOB_NEW]     = {[KT_SCHED_JOB_ON_CLAIMED]  = bug,
                              [KT_SCHED_JOB_ON_STARTED]  = bug,
                              [KT_SCHED_JOB_ON_SUCCESS]  = kt_sched_job_succeed,
                              [KT_SCHED_JOB_ON_FAILURE]  = bug,
                              [KT_SCHED_JOB_ON_HELD]     = bug,
                              [KT_SCHED_JOB_ON_LOST]     = bug,
                              [KT_SCHED_JOB_ON_RETURNED] = bug,
                              [KT_SCHED_JOB_ON_EXPIRED]  = bug,
                              [KT_SCHED_JOB_ON_STORED]   = bug,
                              [KT_SCHED_JOB_ON_FAILED]   = bug,
                              [KT_SCHED_JOB_ON_CANCEL]   = bug,
                              [KT_SCHED_JOB_ON_UNOWNED]  = bug,
                              [KT_SCHED_JOB_ON_AGAIN]    = bug},
};

void
kt_sched_job_apply(kt_sched_t *self, kt_sched_job_t *job, kt_sched_job_event_t happening,
                   const kt_sched_job_args_t *what)
{
    TABLE[job->state][happening](self, job, what);
}
