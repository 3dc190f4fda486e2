// The results nearest to that of a job, by the cosine distance of their combined vectors. `kithara similar` searches
// the whole ledger; this reads the latest COMPARED_MOST results, page by page, so that a request has a bound.
//
// A document is bytes that were checked when they were stored. Its vector is read where its name stands: within a JSON
// string a quote has a backslash before it, so a name with both quotes and a colon is a member. Only the nearest
// documents are parsed.
#include "common/json.h"
#include "common/text.h"
#include "coordinator/api/api.h"
#include "coordinator/ledger/vectors.h"
#include "proto/document.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_FOUND = 404, SERVER = 500, BAD_REQUEST = 400 };
enum { NEAREST = 10, NEAREST_MOST = 50, PAGE = 100, COMPARED_MOST = 5000 };

typedef struct near {
    double   distance;
    uint64_t job;
    char     file_path[KT_JOB_PATH];
    char    *document;
} near_t;

typedef struct search {
    kt_api_t   *api;
    uint64_t    job;
    char        file_path[KT_JOB_PATH];
    kt_vector_t query, other;
    size_t      wanted, n, compared, read;
    near_t      nearest[NEAREST_MOST];  // ascending
} search_t;

// False: the document has no combined vector.
static bool
read_vector(const char *document, kt_vector_t *out)
{
    static const char LIST[] = "\"combined_vector\":[", METHOD[] = "\"combined_vector\":\"";
    const char       *at = strstr(document, LIST), *method = strstr(document, METHOD);
    if (!at || !method)
        return false;
    method += sizeof METHOD - 1;
    const size_t length = strcspn(method, "\"");
    if (length >= sizeof out->method)
        return false;
    memcpy(out->method, method, length);
    out->method[length] = '\0';
    at += sizeof LIST - 1;
    for (out->n = 0; out->n < KT_VECTOR_MOST; at++) {
        char *end          = NULL;
        out->value[out->n] = strtod(at, &end);
        if (end == at)
            return false;
        out->n++;
        at = end;
        if (*at != ',')
            return *at == ']';
    }
    return false;
}

// Rows of jobs with their documents. NULL: an error has been replied.
static kt_call_t *
ask_rows(search_t *self, const kt_job_query_t *query, size_t capacity)
{
    kt_call_t           *call    = kt_call_new(1);
    kt_ledger_request_t *request = call ? kt_ledger_request_new(KT_LREQ_JOBS, call) : NULL;
    if (request) {
        request->jobs.query    = *query;
        request->jobs.capacity = capacity;
        call->requests[0]      = request;
        call->n_requests       = 1;
    } else {
        kt_call_destroy(&call);
    }
    if (!kt_api_ask(self->api, &call))
        return NULL;
    if (!call->requests[0]->err)
        return call;
    kt_api_fail(self->api, SERVER, call->requests[0]->err, "the ledger cannot be read");
    kt_call_destroy(&call);
    return NULL;
}

// Takes the document of a row that is among the nearest.
static void
compare_row(search_t *self, kt_job_row_t *row)
{
    kt_vector_t *other = &self->other;
    if (strcmp(row->file_path, self->file_path) == 0 || !row->document || !read_vector(row->document, other) ||
        other->n != self->query.n || strcmp(other->method, self->query.method) != 0)
        return;
    const double distance = kt_vector_distance(&self->query, other);
    size_t       place    = self->n;
    self->compared++;
    while (place > 0 && self->nearest[place - 1].distance > distance)
        place--;
    if (place == self->wanted)
        return;
    if (self->n == self->wanted)
        free(self->nearest[--self->n].document);
    memmove(&self->nearest[place + 1], &self->nearest[place], (self->n - place) * sizeof *self->nearest);
    near_t *near   = &self->nearest[place];
    near->distance = distance;
    near->job      = row->id.job;
    near->document = row->document;
    row->document  = NULL;
    kt_text_copy(near->file_path, sizeof near->file_path, row->file_path);
    self->n++;
}

// False: an error has been replied.
static bool
compare_all(search_t *self)
{
    kt_job_query_t query = {.state = KT_JOB_DONE, .documents = true, .latest = true, .newest = true};
    for (bool more = true; more && self->read < COMPARED_MOST;) {
        kt_call_t *call = ask_rows(self, &query, PAGE);
        if (!call)
            return false;
        kt_ledger_request_t *request = call->requests[0];
        for (size_t i = 0; i < request->jobs.n; i++)
            compare_row(self, &request->jobs.rows[i]);
        self->read += request->jobs.n;
        more            = request->jobs.n == PAGE;
        query.after_job = request->jobs.n ? request->jobs.rows[request->jobs.n - 1].id.job : 0;
        kt_call_destroy(&call);
    }
    return true;
}

static json_t *
near_object(const near_t *near)
{
    char           why[KT_JSON_WHY];
    json_t        *document = NULL, *json = kt_json_object();
    const kt_err_t err = kt_json_parse(near->document, strlen(near->document), KT_DOCUMENT_MAX_BYTES, &document, why);
    const json_t  *features = err ? NULL : kt_json_get(document, "features"), *mir = kt_json_get(features, "mir");
    kt_json_set(json, "job", kt_json_int((int64_t)near->job));
    kt_json_set(json, "file_path", kt_api_path(near->file_path));
    kt_json_set(json, "distance", kt_json_real(near->distance));
    kt_json_set(json, "duration", kt_json_real(kt_json_f64(kt_json_get(features, "technical"), "duration", NAN)));
    kt_json_set(json, "tempo", kt_json_real(kt_json_f64(mir, "tempo", NAN)));
    kt_json_set(json, "key", kt_json_text(kt_json_str(mir, "key", NULL)));
    kt_json_set(json, "mode", kt_json_text(kt_json_str(mir, "mode", NULL)));
    kt_json_free(&document);
    return json;
}

// The path and the vector of the job itself. False: replied.
static bool
read_query(search_t *self)
{
    const kt_job_query_t query = {.after_job = self->job - 1, .state = -1, .documents = true};
    kt_call_t           *call  = ask_rows(self, &query, 1);
    if (!call)
        return false;
    const kt_ledger_request_t *request = call->requests[0];
    const kt_job_row_t        *row     = request->jobs.n ? &request->jobs.rows[0] : NULL;
    const bool                 known   = row && row->id.job == self->job;
    const bool                 found   = known && row->document && read_vector(row->document, &self->query);
    if (found)
        kt_text_copy(self->file_path, sizeof self->file_path, row->file_path);
    else
        kt_api_fail(self->api, NOT_FOUND, KT_ENOTFOUND, known ? "this job has no stored vector" : "no such job");
    kt_call_destroy(&call);
    return found;
}

void
kt_api_similar(kt_api_t *self)
{
    int64_t     wanted = NEAREST;
    const char *limit  = kt_http_arg(self->request, "limit", NULL);
    if (limit && kt_text_to_i64(limit, 1, NEAREST_MOST, &wanted)) {
        kt_api_fail(self, BAD_REQUEST, KT_EINVAL, "limit is a number from 1 to 50");
        return;
    }
    search_t *search = calloc(1, sizeof *search);
    if (!search) {
        kt_api_fail(self, SERVER, KT_ENOMEM, "");
        return;
    }
    search->api    = self;
    search->job    = self->job;
    search->wanted = (size_t)wanted;
    if (read_query(search) && compare_all(search)) {
        json_t *json = kt_json_object(), *list = kt_json_array();
        for (size_t i = 0; i < search->n; i++)
            kt_json_append(list, near_object(&search->nearest[i]));
        kt_json_set(json, "similar", list);
        kt_json_set(json, "compared", kt_json_int((int64_t)search->compared));
        kt_json_set(json, "more", kt_json_bool(search->read >= COMPARED_MOST));
        kt_api_reply(self, json);
    }
    for (size_t i = 0; i < search->n; i++)
        free(search->nearest[i].document);
    free(search);
}
