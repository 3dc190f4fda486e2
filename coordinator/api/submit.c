// New jobs: a list of input messages. Each is read as one that came by AMQP (proto/job_relax.h): what is wrong in one
// decides nothing about the others, and what nobody reads refuses none.
#include "common/json.h"
#include "common/text.h"
#include "coordinator/api/api.h"
#include "proto/job_relax.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUBMIT_MAX = 1000, BAD_REQUEST = 400, SERVER = 500 };

typedef struct message {
    const char *text;  // of the request's body
    size_t      bytes;
    char        message_id[KT_JOB_ID_BYTES];  // as far as it can be read
    kt_err_t    err;
    char        why[KT_JOB_WHY], warning[KT_JOB_WHY];
    bool        asked;  // has a request in the call, in the same order
} message_t;

typedef struct submission {
    kt_call_t *call;
    size_t     n;
    message_t  at[SUBMIT_MAX];
} submission_t;

static bool
take_text(void *context, const char *text, size_t bytes)
{
    submission_t *self = context;
    if (self->n < SUBMIT_MAX)
        self->at[self->n] = (message_t){.text = text, .bytes = bytes};
    return self->n++ < SUBMIT_MAX;
}

static kt_err_t
add_message(submission_t *self, message_t *message)
{
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_INSERT, self->call);
    kt_buf_t             body;
    kt_buf_init(&body, 8 * KT_JOB_MAX_BYTES);
    kt_job_find_text(message->text, message->bytes, "message_id", message->message_id, sizeof message->message_id);
    kt_err_t err = request ? KT_OK : KT_ENOMEM;
    if (!err)
        err = kt_job_relax(message->text, message->bytes, "", &body, message->warning, message->why);
    if (!err && !body.length)  // it is stored as it came
        kt_buf_add(&body, message->text, message->bytes);
    if (!err)
        err = body.err;
    if (!err)
        err = kt_job_parse(body.bytes, body.length, &request->insert.job, message->why);
    if (err) {
        kt_ledger_request_destroy(&request);
    } else {
        request->insert.body                           = kt_buf_take(&body, &request->insert.body_bytes);
        self->call->requests[self->call->n_requests++] = request;
    }
    kt_buf_fini(&body);
    return err;
}

static json_t *
message_object(const message_t *message, const kt_ledger_request_t *request)
{
    static const char *const WORDS[] = {
        [KT_INSERTED_NEW] = "new", [KT_INSERTED_KNOWN] = "known", [KT_INSERTED_CLASH] = "clash"};
    json_t     *json   = kt_json_object();
    kt_err_t    err    = message->err;
    const char *status = "error", *why = message->why, *id = message->message_id;
    if (request) {
        err    = request->err;
        status = err ? "error" : WORDS[request->insert.inserted];
        id     = request->insert.job.message_id;
        if (!err && request->insert.inserted == KT_INSERTED_CLASH)
            err = KT_ECLASH;
        why = "";
    }
    kt_json_set(json, "message_id", kt_json_text(id));
    kt_json_set(json, "job", request && !err ? kt_json_int((int64_t)request->insert.id) : kt_json_null());
    kt_json_set(json, "status", kt_json_text(status));
    kt_json_set(json, "error", kt_api_error(err, why));
    kt_json_set(json, "warning", request && *message->warning ? kt_json_text(message->warning) : kt_json_null());
    return json;
}

static void
submit_messages(kt_api_t *self, submission_t *submission)
{
    for (size_t i = 0; i < submission->n; i++) {
        message_t *message = &submission->at[i];
        message->err       = add_message(submission, message);
        message->asked     = !message->err;
    }
    if (!kt_api_ask(self, &submission->call))
        return;
    json_t *json = kt_json_object(), *results = kt_json_array();
    size_t  next = 0;
    for (size_t i = 0; i < submission->n; i++) {
        const kt_ledger_request_t *request = submission->at[i].asked ? submission->call->requests[next++] : NULL;
        kt_json_append(results, message_object(&submission->at[i], request));
    }
    kt_json_set(json, "results", results);
    kt_api_reply(self, json);
}

// Why a body is no list of messages: what strict JSON says about it, if that is the reason.
static void
refuse_body(kt_api_t *self, bool broken)
{
    char    why[KT_JSON_WHY] = "";
    json_t *body             = NULL;
    if (!broken || !kt_json_parse(self->request->body, self->request->body_bytes, KT_HTTP_BODY, &body, why))
        kt_text_copy(why, sizeof why, "messages is a list of 1 to 1000 input messages");
    kt_json_free(&body);
    kt_api_fail(self, BAD_REQUEST, KT_EMESSAGE, why);
}

void
kt_api_submit(kt_api_t *self)
{
    submission_t *submission = calloc(1, sizeof *submission);
    if (!submission) {
        kt_api_fail(self, SERVER, KT_ENOMEM, "");
        return;
    }
    const char *body   = self->request->body ? self->request->body : "";
    kt_err_t    broken = kt_job_texts(body, self->request->body_bytes, "messages", take_text, submission);
    if (broken || !submission->n)
        refuse_body(self, broken && submission->n <= SUBMIT_MAX);
    else if ((submission->call = kt_call_new(submission->n)))
        submit_messages(self, submission);
    else
        kt_api_fail(self, SERVER, KT_ENOMEM, "");
    kt_call_destroy(&submission->call);
    free(submission);
}
