// Makes the ledger request of a delivery. A reject gets a reply, an output message with success: false, when its
// message_id is known: from the body or, when that is no JSON, from the broker's property.
#include "common/clock.h"
#include "common/text.h"
#include "coordinator/amqp/consumer.h"
#include "coordinator/amqp/properties.h"
#include "coordinator/amqp/reject.h"
#include "proto/document.h"
#include "proto/job_relax.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A message without an id that has a correlation_id or a reply_to is answered too: under the id that is made for
// messages without one.
static void
read_ids(const char *body, size_t bytes, const kt_delivery_t *delivery, kt_job_t *out)
{
    kt_job_find_text(body, bytes, "media_id", out->media_id, sizeof out->media_id);
    kt_job_find_text(body, bytes, "file_path", out->file_path, sizeof out->file_path);
    if (kt_job_find_text(body, bytes, "message_id", out->message_id, sizeof out->message_id))
        return;
    kt_text_copy(out->message_id, sizeof out->message_id, delivery->message_id);
    if (!*out->message_id && delivery->answer) {
        kt_digest_t digest;
        kt_digest_of(body, bytes, &digest);
        kt_digest_uuid(&digest, out->message_id);
    }
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
kt_delivery_reject(kt_delivery_t *delivery, char **body_p, size_t bytes, kt_err_t why_not, const char *reason,
                   kt_ledger_request_t **out)
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
    read_ids(*body_p, bytes, delivery, job);
    kt_text_copy(request->reject.message_id, sizeof request->reject.message_id, job->message_id);
    if (*job->message_id)
        err = write_reply(request, job, reject);
    free(job);
    if (err) {
        kt_ledger_request_destroy(&request);
        return KT_ENOMEM;
    }
    request->reject.body = *body_p;
    if (!delivery->properties) {  // too many to be kept whole
        delivery->properties   = delivery->answer;
        delivery->n_properties = delivery->n_answer;
        delivery->answer       = NULL;
    }
    reject->properties_bytes   = delivery->n_properties;
    request->reject.properties = delivery->properties;
    delivery->properties       = NULL;
    *body_p                    = NULL;
    *out                       = request;
    return KT_OK;
}

static kt_err_t
delivery_refuse(kt_delivery_t *delivery, kt_err_t why_not, const char *reason)
{
    return kt_delivery_reject(delivery, &delivery->body, delivery->body_bytes, why_not, reason, &delivery->request);
}

// The job, and the body under which it is stored: the one that came, or what is made of it.
static kt_err_t
read_job(kt_delivery_t *delivery, kt_ledger_request_t *request, char warning[KT_JOB_WHY], char why[KT_JOB_WHY])
{
    kt_buf_t relaxed;
    kt_buf_init(&relaxed, 8 * KT_JOB_MAX_BYTES);
    kt_err_t err = kt_job_relax(delivery->body, delivery->body_bytes, delivery->message_id, &relaxed, warning, why);
    bool     own = !err && !relaxed.length;
    if (!err)
        err = kt_job_parse(own ? delivery->body : relaxed.bytes, own ? delivery->body_bytes : relaxed.length,
                           &request->insert.job, why);
    if (!err && own) {
        request->insert.body       = delivery->body;
        request->insert.body_bytes = delivery->body_bytes;
        delivery->body             = NULL;
    } else if (!err) {
        request->insert.body = kt_buf_take(&relaxed, &request->insert.body_bytes);
        err                  = request->insert.body ? KT_OK : KT_ENOMEM;
    }
    kt_buf_fini(&relaxed);
    return err;
}

kt_err_t
kt_consumer_read(kt_delivery_t *delivery)
{
    char why[KT_JOB_WHY] = "", warning[KT_JOB_WHY] = "";
    bool cut = delivery->all_bytes > delivery->body_bytes;
    if (cut || delivery->body_bytes > KT_JOB_MAX_BYTES) {
        snprintf(why, sizeof why, "the message has %llu bytes, at most %d are permitted%s",
                 (unsigned long long)delivery->all_bytes, KT_JOB_MAX_BYTES, cut ? "; the rest is cut off here" : "");
        return delivery_refuse(delivery, KT_EMESSAGE, why);
    }
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_INSERT, NULL);
    if (!request)
        return KT_ENOMEM;
    kt_err_t err = read_job(delivery, request, warning, why);
    if (!err && delivery->bad_id && !strcmp(delivery->message_id, request->insert.job.message_id)) {
        snprintf(why, sizeof why, "the property message_id is no UTF-8 text of at most %d bytes", KT_JOB_ID_BYTES - 1);
        err = KT_EMESSAGE;
    }
    if (err) {
        if (!delivery->body) {  // it is the request's
            delivery->body       = request->insert.body;
            request->insert.body = NULL;
        }
        kt_ledger_request_destroy(&request);
        return kt_err_verdict(err) == KT_VERDICT_REJECT ? delivery_refuse(delivery, err, why) : err;
    }
    if (*warning && (err = kt_amqp_properties_warn(delivery, warning))) {
        kt_ledger_request_destroy(&request);
        return err;
    }
    request->insert.properties       = delivery->answer;
    request->insert.properties_bytes = delivery->n_answer;
    delivery->answer                 = NULL;
    delivery->request                = request;
    return KT_OK;
}
