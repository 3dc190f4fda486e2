// A job and the ledger: requests, the nodes waiting for their answers, and the answers. A tag passed to the ledger is
// kept until the answer.
#include "coordinator/sched/outcome.h"

#include "coordinator/sched/nodes.h"

void
kt_sched_job_await_ack(kt_sched_job_t *job, kt_node_handle_t node)
{
    if (job->n_waiting_ack < SCHED_WAITING_ACK && !kt_sched_job_waits_ack(job, node))
        job->waiting_ack[job->n_waiting_ack++] = node;
}

static void
answer_waiting_ack(kt_sched_t *self, kt_sched_job_t *job, kt_action_type_t type, kt_err_t err)
{
    for (uint32_t i = 0; i < job->n_waiting_ack; i++) {
        kt_sched_emit_node(self, type, job->waiting_ack[i], job->id);
        self->out->at[self->out->n - 1].err = err;
    }
    job->n_waiting_ack = 0;
}

static void
ask_store(kt_sched_t *self, kt_sched_job_t *job)
{
    job->store_pending = true;
    if (!self->ledger_up)
        return;
    kt_action_t *action = kt_sched_emit(self, KT_ACT_STORE);
    action->id          = job->id;
    action->attempt     = job->outcome_attempt;
    action->tag         = job->payload;
}

static void
ask_fail(kt_sched_t *self, kt_sched_job_t *job)
{
    job->fail_pending = true;
    if (!self->ledger_up)
        return;
    kt_action_t *action = kt_sched_emit(self, KT_ACT_FAIL);
    action->id          = job->id;
    action->attempt     = job->blames + 1;
    action->err         = job->err;
    action->tag         = job->document;
    action->bare        = job->bare;
}

void
kt_sched_job_fail(kt_sched_t *self, kt_sched_job_t *job, kt_err_t err, void *document)
{
    kt_sched_node_t *node = job->node;
    job->err              = err;
    job->document         = document;
    kt_sched_job_to_ledger(self, job, KT_SCHED_JOB_FAILING);
    if (node)
        kt_sched_node_refresh(self, node);
    ask_fail(self, job);
}

void
kt_sched_job_refute(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_node_t *by)
{
    kt_node_name_t *name = job->doubt, *agrees = job->agrees;
    if (!name || name == by->name || agrees == by->name || job->node != by)
        return;
    kt_err_t err = job->doubt_err;
    kt_sched_job_doubt(job, NULL, KT_OK);
    kt_sched_name_refute(self, name, by, err);
    if (agrees)
        kt_sched_name_refute(self, agrees, by, err);
}

void
kt_sched_job_succeed(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    kt_sched_node_t *node = job->node;
    if (node && node != args->node)
        kt_sched_emit_node(self, KT_ACT_CANCEL, node->handle, job->id);
    kt_sched_job_to_ledger(self, job, KT_SCHED_JOB_STORING);
    if (node && node == args->node) {
        kt_sched_node_ended(self, node);
        kt_sched_node_credit(self, node);
    } else if (node)
        kt_sched_node_refresh(self, node);
    job->payload         = args->tag;
    job->outcome_attempt = args->attempt;
    kt_sched_job_await_ack(job, args->handle);
    ask_store(self, job);
}

void
kt_sched_job_succeed_again(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    void *tag = args->tag;
    kt_sched_job_await_ack(job, args->handle);
    kt_sched_emit_drop(self, &tag);
}

void
kt_sched_job_old_failure(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    void *tag = args->tag;
    if (!kt_sched_job_waits_ack(job, args->handle))  // else the answer comes with the ledger's
        kt_sched_emit_node(self, KT_ACT_ACK, args->handle, job->id);
    kt_sched_emit_drop(self, &tag);
}

// The run has its outcome: acknowledges every waiting node. The job is kept while the ledger uses one of its tags.
static void
outcome_finish(kt_sched_t *self, kt_sched_job_t *job)
{
    kt_sched_job_set_done(self, job->id);
    answer_waiting_ack(self, job, KT_ACT_ACK, KT_OK);
    if (!job->fail_pending)
        kt_sched_job_remove(self, job);
}

// The ledger cannot store the document. After the NACK the node reports a failure with that code.
static void
refuse_success(kt_sched_t *self, kt_sched_job_t *job)
{
    kt_sched_node_t *node = NULL;
    for (uint32_t i = 0; i < job->n_waiting_ack && !node; i++)
        node = kt_sched_node_find(self, job->waiting_ack[i]);
    answer_waiting_ack(self, job, KT_ACT_NACK, KT_EBADDATA);
    kt_sched_emit_drop(self, &job->payload);
    if (job->fail_pending) {
        kt_sched_job_to_ledger(self, job, KT_SCHED_JOB_FAILING);
    } else if (!job->claimed) {
        kt_sched_job_remove(self, job);
    } else if (node && !node->lost) {
        kt_sched_job_to_node(self, job, node, true, false);
        job->batch    = 0;
        job->bad_data = true;
        job->attempt  = job->outcome_attempt;
        kt_sched_node_refresh(self, node);
    } else {
        kt_sched_job_fail(self, job, KT_EBADDATA, NULL);
    }
}

void
kt_sched_job_success_answered(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    if (!job->store_pending)
        return;
    if (args->how == KT_STORED_FENCED)  // a success needs no lease: it is requested again when the ledger is up
        return;
    job->store_pending = false;
    if (args->how == KT_STORED_BAD_DATA)
        refuse_success(self, job);
    else
        outcome_finish(self, job);
}

// The lease was lost before the ledger stored it: the job is removed, or, if it was claimed anew meanwhile, begun anew.
static void
failure_fenced(kt_sched_t *self, kt_sched_job_t *job)
{
    answer_waiting_ack(self, job, KT_ACT_ACK, KT_OK);
    kt_sched_emit_drop(self, &job->document);
    if (job->claimed)
        kt_sched_job_to_ready(self, job, true);
    else
        kt_sched_job_remove(self, job);
}

void
kt_sched_job_failure_answered(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    if (!job->fail_pending)
        return;
    job->fail_pending = false;
    if (args->how == KT_STORED_FENCED) {
        failure_fenced(self, job);
    } else if (args->how != KT_STORED_BAD_DATA) {
        outcome_finish(self, job);
    } else if (job->document) {
        kt_sched_emit_drop(self, &job->document);
        ask_fail(self, job);
    } else if (!job->bare) {
        job->bare = true;
        ask_fail(self, job);
    } else {
        answer_waiting_ack(self, job, KT_ACT_ACK, KT_OK);
        kt_sched_emit(self, KT_ACT_RELEASE)->id = job->id;
        kt_sched_job_remove(self, job);
    }
}

// A success came while the failure was with the ledger: its answer decides. Either may come first.
void
kt_sched_job_failure_answered_late(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    (void)args;
    if (!job->fail_pending)
        return;
    job->fail_pending = false;
    kt_sched_emit_drop(self, &job->document);
    if (job->store_pending)
        return;
    answer_waiting_ack(self, job, KT_ACT_ACK, KT_OK);
    kt_sched_job_remove(self, job);
}

void
kt_sched_job_ask_again(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args)
{
    (void)args;
    if (job->store_pending)
        ask_store(self, job);
    if (job->fail_pending)
        ask_fail(self, job);
}

void
kt_sched_job_again(kt_sched_t *self, kt_sched_job_t *job, bool failure)
{
    if (failure && job->fail_pending)
        ask_fail(self, job);
    else if (!failure && job->store_pending)
        ask_store(self, job);
}
