// Jobs: pages of them, one, its document.
#include "common/clock.h"
#include "common/json.h"
#include "common/text.h"
#include "coordinator/api/api.h"
#include "coordinator/api/trouble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 100, PAGE_MAX = 1000, BAD_REQUEST = 400, NOT_FOUND = 404, SERVER = 500 };

static kt_call_t *
new_jobs_call(size_t capacity, kt_ledger_request_t **out)
{
    kt_call_t           *call    = kt_call_new(1);
    kt_ledger_request_t *request = call ? kt_ledger_request_new(KT_LREQ_JOBS, call) : NULL;
    if (!request) {
        kt_call_destroy(&call);
        return NULL;
    }
    request->jobs.capacity = capacity;
    call->requests[0]      = request;
    call->n_requests       = 1;
    *out                   = request;
    return call;
}

static json_t *
job_object(const kt_job_row_t *row)
{
    json_t *json   = kt_json_object();
    bool    stored = row->stored_wall_ms != 0;
    kt_json_set(json, "job", kt_json_int((int64_t)row->id.job));
    kt_json_set(json, "run", kt_json_int(row->id.run));
    kt_json_set(json, "message_id", kt_json_text(row->message_id));
    kt_json_set(json, "file_path", kt_api_path(row->file_path));
    kt_json_set(json, "state", kt_json_text(kt_job_state_name(row->state)));
    kt_json_set(json, "priority", kt_json_text(kt_priority_name(row->priority)));
    kt_json_set(json, "attempts", kt_json_int(row->attempts));
    kt_json_set(json, "crashes", kt_json_int(row->crashes));
    kt_json_set(json, "error", row->err ? kt_json_text(kt_err_name(row->err)) : kt_json_null());
    kt_json_set(json, "detail", row->detail[0] ? kt_json_text(row->detail) : kt_json_null());
    kt_json_set(json, "created", kt_api_time(row->created_wall_ms));
    kt_json_set(json, "stored", kt_api_time(row->stored_wall_ms));
    kt_json_set(json, "processing_time", stored ? kt_json_real((double)row->processing_us * 1e-6) : kt_json_null());
    kt_json_set(json, "node", row->node_name[0] ? kt_json_text(row->node_name) : kt_json_null());
    return json;
}

// Reads the query's arguments. Returns what is wrong with them, or NULL.
static const char *
read_jobs_query(const kt_http_request_t *http, kt_ledger_request_t *request, size_t *limit)
{
    kt_job_query_t *query = &request->jobs.query;
    const char     *state = kt_http_arg(http, "state", NULL), *id = kt_http_arg(http, "message_id", NULL);
    const char     *path   = kt_http_arg(http, "path", NULL);
    int64_t         number = 0;
    query->state           = -1;
    for (int i = KT_JOB_QUEUED; state && *state && i <= KT_JOB_CANCELLED; i++)
        if (strcmp(kt_job_state_name((kt_job_state_t)i), state) == 0)
            query->state = i;
    if (state && *state && query->state < 0)
        return "state is one of queued, claimed, done, failed, cancelled";
    if (kt_text_to_i64(kt_http_arg(http, "after", "0"), 0, INT64_MAX, &number))
        return "after is the number of a job";
    query->after_job = (uint64_t)number;
    number           = PAGE;
    if (kt_http_arg(http, "limit", NULL) && kt_text_to_i64(kt_http_arg(http, "limit", ""), 1, PAGE_MAX, &number))
        return "limit is a number from 1 to 1000";
    *limit            = (size_t)number;
    const char *order = kt_http_arg(http, "order", "oldest");
    query->newest     = strcmp(order, "newest") == 0;
    if (!query->newest && strcmp(order, "oldest") != 0)
        return "order is newest or oldest";
    if (kt_text_to_i64(kt_http_arg(http, "since_ms", "0"), 0, INT64_MAX, &query->since_ms))
        return "since_ms is a number of milliseconds since 1970";
    const char *error = kt_http_arg(http, "error", "");
    query->err        = *error ? kt_err_find(error) : KT_OK;
    if (*error && !query->err)
        return "error is a code of docs/errors.md, such as ENOFILE";
    const char *node = kt_http_arg(http, "node", "");
    if (!kt_text_copy(request->jobs.node, sizeof request->jobs.node, node))
        return "node is too long";
    query->node = *node ? request->jobs.node : NULL;
    if (id && *id) {
        if (!kt_text_copy(request->jobs.message_id, sizeof request->jobs.message_id, id))
            return "message_id is too long";
        query->message_id = request->jobs.message_id;
    }
    if (path && *path) {
        request->jobs.path_prefix = strdup(path);
        query->path_prefix        = request->jobs.path_prefix;
    }
    return NULL;
}

void
kt_api_jobs(kt_api_t *self)
{
    kt_ledger_request_t *request = NULL;
    size_t               limit   = PAGE;
    kt_call_t           *call    = new_jobs_call(PAGE, &request);
    const char          *why     = call ? read_jobs_query(self->request, request, &limit) : NULL;
    if (why) {
        kt_call_destroy(&call);
        kt_api_fail(self, BAD_REQUEST, KT_EINVAL, why);
        return;
    }
    if (call)
        request->jobs.capacity = limit;
    if (!kt_api_ask(self, &call))
        return;
    if (call->requests[0]->err)
        kt_api_fail(self, SERVER, call->requests[0]->err, "the ledger cannot be read");
    else {
        const kt_job_row_t *rows = call->requests[0]->jobs.rows;
        size_t              n    = call->requests[0]->jobs.n;
        json_t             *json = kt_json_object(), *jobs = kt_json_array();
        for (size_t i = 0; i < n; i++)
            kt_json_append(jobs, job_object(&rows[i]));
        kt_json_set(json, "jobs", jobs);
        kt_json_set(json, "next",
                    n && n == call->requests[0]->jobs.capacity ? kt_json_int((int64_t)rows[n - 1].id.job)
                                                               : kt_json_null());
        kt_api_reply(self, json);
    }
    kt_call_destroy(&call);
}

// Reads the job of the path; replies with an error if there is none.
static kt_call_t *
ask_one_job(kt_api_t *self, bool document, const kt_job_row_t **row)
{
    kt_ledger_request_t *request = NULL;
    kt_call_t           *call    = new_jobs_call(1, &request);
    if (call) {
        request->jobs.query.after_job = self->job - 1;
        request->jobs.query.state     = -1;
        request->jobs.query.documents = document;
    }
    if (!kt_api_ask(self, &call))
        return NULL;
    request = call->requests[0];
    if (!request->err && request->jobs.n && request->jobs.rows[0].id.job == self->job) {
        *row = &request->jobs.rows[0];
        return call;
    }
    kt_api_fail(self, request->err ? SERVER : NOT_FOUND, request->err ? request->err : KT_ENOTFOUND, "no such job");
    kt_call_destroy(&call);
    return NULL;
}

void
kt_api_job(kt_api_t *self)
{
    const kt_job_row_t *row  = NULL;
    kt_call_t          *call = ask_one_job(self, false, &row);
    if (!call)
        return;
    kt_api_reply(self, job_object(row));
    kt_call_destroy(&call);
}

void
kt_api_document(kt_api_t *self)
{
    const kt_job_row_t *row  = NULL;
    kt_call_t          *call = ask_one_job(self, true, &row);
    if (!call)
        return;
    if (row->document) {
        self->response->status = 200;
        kt_api_add_document(self, row->document, row->document_bytes);
    } else if (row->damaged) {
        kt_api_fail(self, SERVER, KT_ESTATE, KT_API_DAMAGED);
    } else {
        kt_api_fail(self, NOT_FOUND, KT_ENOTFOUND, "this job has no stored result yet");
    }
    kt_call_destroy(&call);
}
