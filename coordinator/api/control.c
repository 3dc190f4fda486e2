// An operator's orders: cancel, retry, drain, undrain.
#include "common/json.h"
#include "common/text.h"
#include "coordinator/api/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAD_STATE = 409, NOT_FOUND = 404, SERVER = 500, BODY_MAX = 4096 };

// {"by", "why"} of a drain; a body that is none of that says nothing.
static void
read_reason(kt_api_t *self, kt_ledger_request_t *request)
{
    json_t *body = NULL;
    char    why[KT_JSON_WHY];
    if (kt_json_parse(self->request->body, self->request->body_bytes, BODY_MAX, &body, why))
        return;
    kt_text_sanitize(request->ask.by, sizeof request->ask.by, kt_json_str(body, "by", ""),
                     strlen(kt_json_str(body, "by", "")));
    kt_text_sanitize(request->ask.why, sizeof request->ask.why, kt_json_str(body, "why", ""),
                     strlen(kt_json_str(body, "why", "")));
    request->ask.ask.by  = request->ask.by;
    request->ask.ask.why = request->ask.why;
    kt_json_free(&body);
}

// Why an ask was refused, by the state of its job.
static const char *
reason_of(const kt_ask_t *ask)
{
    static const char *const CANCEL[] = {[KT_JOB_DONE]   = "the job is done: there is nothing to cancel",
                                         [KT_JOB_FAILED] = "the job has failed: there is nothing to cancel"};
    static const char *const RETRY[]  = {[KT_JOB_QUEUED]  = "the job is queued already",
                                         [KT_JOB_CLAIMED] = "the job is in work: wait for its outcome, or cancel it",
                                         [KT_JOB_DONE]    = "the job is done: --force (force=1) runs it again"};
    const size_t             state    = (size_t)ask->state;
    const char              *reason   = NULL;
    if (ask->type == KT_ASK_RETRY && ask->retained)
        return "its message is past its retention: submit the file again";
    if (ask->type == KT_ASK_CANCEL && state < sizeof CANCEL / sizeof *CANCEL)
        reason = CANCEL[state];
    if (ask->type == KT_ASK_RETRY && state < sizeof RETRY / sizeof *RETRY)
        reason = RETRY[state];
    return reason ? reason : "not in a state for that";
}

static void
send_ask(kt_api_t *self, kt_ask_type_t type, bool node)
{
    kt_call_t           *call    = kt_call_new(1);
    kt_ledger_request_t *request = call ? kt_ledger_request_new(KT_LREQ_ASK, call) : NULL;
    if (!request) {
        kt_call_destroy(&call);
    } else {
        call->requests[0] = request;
        call->n_requests  = 1;
        request->ask.ask  = (kt_ask_t){.type  = type,
                                       .id    = {.job = node ? 0 : self->job},
                                       .force = atoi(kt_http_arg(self->request, "force", "0")) != 0};
        if (node) {
            snprintf(request->ask.node_name, sizeof request->ask.node_name, "%s", self->name);
            request->ask.ask.node_name = request->ask.node_name;
            read_reason(self, request);
        }
    }
    if (!kt_api_ask(self, &call))
        return;
    request      = call->requests[0];
    kt_err_t err = request->err ? request->err : request->ask.ask.how;
    if (err) {
        kt_api_fail(self,
                    request->err          ? SERVER
                    : err == KT_ENOTFOUND ? NOT_FOUND
                                          : BAD_STATE,
                    err, err == KT_ENOTFOUND ? "no such job" : reason_of(&request->ask.ask));
    } else {
        json_t *json = kt_json_object();
        kt_json_set(json, "ok", kt_json_bool(true));
        kt_api_reply(self, json);
    }
    kt_call_destroy(&call);
}

void
kt_api_cancel(kt_api_t *self)
{
    send_ask(self, KT_ASK_CANCEL, false);
}

void
kt_api_retry(kt_api_t *self)
{
    send_ask(self, KT_ASK_RETRY, false);
}

void
kt_api_drain(kt_api_t *self)
{
    send_ask(self, KT_ASK_DRAIN, true);
}

void
kt_api_undrain(kt_api_t *self)
{
    send_ask(self, KT_ASK_UNDRAIN, true);
}
