// Makes the ledger request of a delivery. A reject gets a reply, an output message with success: false, when its
// message_id is known: from the body or, when that is no JSON, from the broker's property.
#include "common/clock.h"
#include "common/json.h"
#include "common/text.h"
#include "coordinator/amqp/consumer.h"
#include "coordinator/amqp/reject.h"
#include "proto/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
read_member(const json_t *body, const char *name, char *out, size_t capacity)
{
    kt_text_copy(out, capacity, kt_json_str(body, name, ""));
}

static void
read_ids(const char *body, size_t bytes, const char *message_id, kt_job_t *out)
{
    char    why[KT_JSON_WHY];
    json_t *json = NULL;
    if (kt_json_parse(body, bytes, KT_JOB_MAX_BYTES, &json, why) == KT_OK) {
        read_member(json, "message_id", out->message_id, sizeof out->message_id);
        read_member(json, "media_id", out->media_id, sizeof out->media_id);
        read_member(json, "file_path", out->file_path, sizeof out->file_path);
        kt_json_free(&json);
    }
    if (!*out->message_id)
        kt_text_copy(out->message_id, sizeof out->message_id, message_id);
}

static kt_err_t
write_reply(kt_ledger_request_t *request, const kt_job_t *job, const kt_reject_t *reject)
{
    kt_buf_t   text;
    kt_stamp_t stamp = {.wall_ms = reject->wall_ms};
    kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
    kt_err_t err          = kt_document_failure(job, reject->err, request->reject.reason, &stamp, &text);
    request->reject.reply = kt_buf_take(&text, &request->reject.reject.reply_bytes);
    return err ? err : request->reject.reply ? KT_OK : KT_ENOMEM;
}

kt_err_t
kt_delivery_reject(kt_ledger_request_t **out, char **body_p, size_t bytes, const char *message_id, kt_err_t why_not,
                   const char *reason)
{
    kt_err_t             err     = KT_OK;
    kt_job_t            *job     = calloc(1, sizeof *job);
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_REJECT, NULL);
    if (!job || !request) {
        free(job);
        kt_ledger_request_destroy(&request);
        return KT_ENOMEM;
    }
    kt_reject_t *reject = &request->reject.reject;
    *reject             = (kt_reject_t){.body_bytes = bytes, .err = why_not, .wall_ms = kt_clock_wall_ms()};
    kt_text_sanitize(request->reject.reason, sizeof request->reject.reason, reason, strlen(reason));
    read_ids(*body_p, bytes, message_id, job);
    kt_text_copy(request->reject.message_id, sizeof request->reject.message_id, job->message_id);
    if (*job->message_id)
        err = write_reply(request, job, reject);
    free(job);
    if (err) {
        kt_ledger_request_destroy(&request);
        return KT_ENOMEM;
    }
    request->reject.body = *body_p;
    *body_p              = NULL;
    *out                 = request;
    return KT_OK;
}

static kt_err_t
delivery_refuse(kt_delivery_t *delivery, kt_err_t why_not, const char *reason)
{
    return kt_delivery_reject(&delivery->request, &delivery->body, delivery->body_bytes, delivery->message_id, why_not,
                              reason);
}

kt_err_t
kt_consumer_read(kt_delivery_t *delivery)
{
    char why[KT_JOB_WHY] = "";
    if (delivery->all_bytes > delivery->body_bytes) {
        snprintf(why, sizeof why, "the message has %llu bytes, at most %d are permitted; the rest is cut off here",
                 (unsigned long long)delivery->all_bytes, KT_JOB_MAX_BYTES);
        return delivery_refuse(delivery, KT_EMESSAGE, why);
    }
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_INSERT, NULL);
    if (!request)
        return KT_ENOMEM;
    kt_err_t err = kt_job_parse(delivery->body, delivery->body_bytes, &request->insert.job, why);
    if (err) {
        kt_ledger_request_destroy(&request);
        return kt_err_verdict(err) == KT_VERDICT_REJECT ? delivery_refuse(delivery, err, why) : err;
    }
    request->insert.body       = delivery->body;
    request->insert.body_bytes = delivery->body_bytes;
    delivery->body             = NULL;
    delivery->request          = request;
    return KT_OK;
}
