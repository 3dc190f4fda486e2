#include "node/work/noop.h"

#include "node/run/noop_message.h"

#include <stdio.h>

static kt_err_t
open_noop(kt_node_t *node)
{
    return kt_noop_message_new(&node->noop, node->settings.test_faults.noop_bytes);
}

static void
run_noop(kt_node_worker_t *worker, kt_task_t *task)
{
    char          why[KT_JOB_WHY];
    kt_job_t      job;
    kt_buf_t      text;
    kt_outcome_t *outcome = &task->outcome;
    outcome->err          = kt_job_parse(task->body, task->body_bytes, &job, why);
    if (outcome->err) {
        snprintf(outcome->detail, sizeof outcome->detail, "%s", why);
        return;
    }
    kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
    kt_noop_message_write(worker->node->noop, &job, &text);
    outcome->document = kt_buf_take(&text, &outcome->document_bytes);
}

const kt_worker_ops_t kt_noop_ops = {open_noop, run_noop};
