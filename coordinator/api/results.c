// The output messages: of one message_id, from the cache when it is there, else from the ledger; and of several.
#include "common/json.h"
#include "common/text.h"
#include "coordinator/api/api.h"
#include "coordinator/api/trouble.h"

#include <stdlib.h>

enum { OK = 200, BAD_REQUEST = 400, NOT_FOUND = 404, SERVER = 500, IDS_MAX = 100 };

void
kt_api_result(kt_api_t *self)
{
    char  *document = NULL;
    size_t bytes    = 0;
    if (self->server->cache && !kt_result_cache_get(self->server->cache, self->message_id, &document, &bytes)) {
        self->response->status = OK;
        kt_api_add_document(self, document, bytes);
        free(document);
        return;
    }

    kt_call_t           *call  = kt_call_new(1);
    kt_ledger_request_t *query = call ? kt_ledger_request_new(KT_LREQ_JOBS, call) : NULL;
    if (query) {
        kt_text_copy(query->jobs.message_id, sizeof query->jobs.message_id, self->message_id);
        query->jobs.query    = (kt_job_query_t){.state = -1, .documents = true, .message_id = query->jobs.message_id};
        query->jobs.capacity = 1;
        call->requests[0]    = query;
        call->n_requests     = 1;
    } else {
        kt_call_destroy(&call);
    }
    if (!kt_api_ask(self, &call))
        return;

    const kt_ledger_request_t *request = call->requests[0];
    if (request->err) {
        kt_api_fail(self, SERVER, request->err, "the ledger cannot be read");
    } else if (!request->jobs.n) {
        kt_api_fail(self, NOT_FOUND, KT_ENOTFOUND, "no such message_id");
    } else if (request->jobs.rows[0].damaged) {
        kt_api_fail(self, SERVER, KT_ESTATE, KT_API_DAMAGED);
    } else if (!request->jobs.rows[0].document) {
        kt_api_fail(self, NOT_FOUND, KT_ENOTFOUND, "this job has no stored result yet");
    } else {
        self->response->status = OK;
        kt_api_add_document(self, request->jobs.rows[0].document, request->jobs.rows[0].document_bytes);
    }
    kt_call_destroy(&call);
}

// Reads the ids of the body into requests of the call. Returns what is wrong with them, or NULL.
static const char *
read_message_ids(const json_t *ids, kt_call_t *call)
{
    for (size_t i = 0; i < kt_json_count(ids); i++) {
        const char          *id    = kt_json_string(kt_json_at(ids, i));
        kt_ledger_request_t *query = id && *id ? kt_ledger_request_new(KT_LREQ_JOBS, call) : NULL;
        if (!query)
            return "message_ids is a list of texts";
        call->requests[call->n_requests++] = query;
        if (!kt_text_copy(query->jobs.message_id, sizeof query->jobs.message_id, id))
            return "an id has at most 127 bytes";
        query->jobs.query    = (kt_job_query_t){.state = -1, .documents = true, .message_id = query->jobs.message_id};
        query->jobs.capacity = 1;
    }
    return NULL;
}

// NULL: an error has been replied.
static kt_call_t *
call_of_ids(kt_api_t *self)
{
    char       why[KT_JSON_WHY] = "";
    json_t    *body             = NULL;
    kt_err_t   err  = kt_json_parse(self->request->body, self->request->body_bytes, KT_HTTP_BODY, &body, why);
    kt_call_t *call = NULL;
    if (err) {
        kt_api_fail(self, BAD_REQUEST, err, why);
        return NULL;
    }
    const json_t *ids = kt_json_get(body, "message_ids");
    const size_t  n   = kt_json_kind(ids) == KT_JSON_ARRAY ? kt_json_count(ids) : 0;
    const char   *bad = n == 0 || n > IDS_MAX ? "message_ids is a list of 1 to 100 ids" : NULL;
    if (!bad && (call = kt_call_new(n)))
        bad = read_message_ids(ids, call);
    if (bad) {
        kt_api_fail(self, BAD_REQUEST, KT_EMESSAGE, bad);
        kt_call_destroy(&call);
    } else if (!call) {
        kt_api_reply(self, NULL);
    }
    kt_json_free(&body);
    return call;
}

static void
reply_results(kt_api_t *self, const kt_call_t *call)
{
    json_t     *json = kt_json_object(), *list = kt_json_array(), *missing = kt_json_array();
    const char *documents[IDS_MAX];
    size_t      n = 0;
    for (size_t i = 0; i < call->n_requests; i++) {
        const kt_ledger_request_t *request = call->requests[i];
        if (!request->jobs.n) {
            kt_json_append(missing, kt_json_text(request->jobs.message_id));
            continue;
        }
        const kt_job_row_t *row = &request->jobs.rows[0];
        json_t             *one = kt_json_object();
        kt_json_set(one, "message_id", kt_json_text(row->message_id));
        kt_json_set(one, "job", kt_json_int((int64_t)row->id.job));
        kt_json_set(one, "state", kt_json_text(kt_job_state_name(row->state)));
        if (row->damaged)
            kt_json_set(one, "damaged", kt_json_bool(true));
        kt_json_append(list, one);
        documents[n++] = row->document;
    }
    kt_json_set(json, "results", list);
    kt_json_set(json, "missing", missing);
    kt_api_reply_documents(self, json, "results", documents);
}

void
kt_api_results(kt_api_t *self)
{
    kt_call_t *call = call_of_ids(self);
    kt_err_t   err  = KT_OK;
    if (!call || !kt_api_ask(self, &call))
        return;
    for (size_t i = 0; i < call->n_requests && !err; i++)
        err = call->requests[i]->err;
    if (err)
        kt_api_fail(self, SERVER, err, "the ledger cannot be read");
    else
        reply_results(self, call);
    kt_call_destroy(&call);
}
