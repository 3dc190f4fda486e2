#include "node/work/noop.h"

#include <stdio.h>

void
kt_noop_run(const kt_noop_message_t *message, const char *body, size_t body_bytes, kt_outcome_t *outcome)
{
    char     why[KT_JOB_WHY];
    kt_job_t job;
    kt_buf_t text;
    outcome->err = kt_job_parse(body, body_bytes, &job, why);
    if (outcome->err) {
        snprintf(outcome->detail, sizeof outcome->detail, "%s", why);
        return;
    }
    kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
    kt_noop_message_write(message, &job, &text);
    outcome->document = kt_buf_take(&text, &outcome->document_bytes);
}
