// The results nearest to that of a job, by the cosine distance of their combined vectors: the search of the ledger, as
// `kithara similar` has it, in steps, so that the ledger does other work between them, and of the latest SEARCHED_MOST
// vectors, so that a request has a bound.
#include "common/json.h"
#include "common/text.h"
#include "coordinator/api/api.h"
#include "coordinator/ledger/vectors.h"

#include <stdlib.h>
#include <string.h>

enum { NOT_FOUND = 404, SERVER = 500, BAD_REQUEST = 400 };
enum { NEAREST = 10, NEAREST_MOST = 50, STEP = 4096, SEARCHED_MOST = 100000 };

// Goes to the ledger's thread and back with each step.
typedef struct search {
    uint64_t       job;
    bool           known;  // there is such a job
    kt_job_row_t   row;
    kt_vector_t    query;
    kt_nearest_t   nearest;
    kt_neighbour_t out[NEAREST_MOST];
} search_t;

static void
search_free(void *context)
{
    search_t *self = context;
    if (!self)
        return;
    kt_nearest_clear(&self->nearest);
    free(self->row.document);
    free(self);
}

// The vector of the job's file. KT_ENOTFOUND: no such job, or it has none.
static kt_err_t
find_query(search_t *self, kt_ledger_t *ledger)
{
    const kt_job_query_t query = {.after_job = self->job - 1, .state = -1};
    size_t               n     = 0;
    kt_err_t             err   = ledger->ops->jobs(ledger, &query, &self->row, 1, &n);
    self->known                = !err && n && self->row.id.job == self->job;
    if (err || !self->known)
        return err ? err : KT_ENOTFOUND;
    return ledger->ops->vector_of(ledger, self->row.file_path, &self->query);
}

// On the ledger's thread.
static kt_err_t
search_step(void *context, kt_ledger_t *ledger, const kt_lease_t *lease)
{
    search_t *self = context;
    (void)lease;
    if (!ledger->ops->nearest)
        return KT_ENOTYET;
    kt_err_t err = self->known ? KT_OK : find_query(self, ledger);
    return err ? err : ledger->ops->nearest(ledger, &self->nearest);
}

static void
reply_error(kt_api_t *self, const search_t *search, kt_err_t err)
{
    switch (err) {
    case KT_ENOTFOUND:
        kt_api_fail(self, NOT_FOUND, err, search->known ? "this job has no stored vector" : "no such job");
        break;
    case KT_ENOTYET: kt_api_fail(self, SERVER, err, "this ledger keeps no vectors: use SQLite or PostgreSQL"); break;
    default: kt_api_fail(self, SERVER, err, "the ledger cannot be read");
    }
}

// NULL: an error has been replied. Takes the search and gives it back.
static search_t *
ask_step(kt_api_t *self, search_t *search)
{
    kt_call_t *call = kt_api_ledger_call(KT_LREQ_LOOK, search_step, search, search_free);
    if (!kt_api_ask(self, &call))
        return NULL;
    kt_ledger_request_t *request = call->requests[0];
    search                       = request->err ? NULL : request->call.args;
    if (search)
        request->call.args = NULL;
    else
        reply_error(self, request->call.args, request->err);
    kt_call_destroy(&call);
    return search;
}

static json_t *
near_object(const kt_neighbour_t *near)
{
    json_t *json = kt_json_object();
    kt_json_set(json, "job", kt_json_int((int64_t)near->id.job));
    kt_json_set(json, "file_path", kt_api_path(near->file_path));
    kt_json_set(json, "distance", kt_json_real(near->distance));
    kt_json_set(json, "duration", kt_json_real(near->duration_s));
    kt_json_set(json, "tempo", kt_json_real(near->tempo));
    kt_json_set(json, "key", kt_json_text(*near->key ? near->key : NULL));
    kt_json_set(json, "mode", kt_json_text(*near->mode ? near->mode : NULL));
    return json;
}

static void
reply_nearest(kt_api_t *self, const kt_nearest_t *nearest)
{
    json_t *json = kt_json_object(), *list = kt_json_array();
    for (size_t i = 0; i < nearest->n; i++)
        kt_json_append(list, near_object(&nearest->out[i]));
    kt_json_set(json, "similar", list);
    kt_json_set(json, "compared", kt_json_int((int64_t)nearest->compared));
    kt_json_set(json, "other_methods", kt_json_int((int64_t)nearest->other_methods));
    kt_json_set(json, "damaged", kt_json_int((int64_t)nearest->damaged));
    kt_json_set(json, "more", kt_json_bool(nearest->more));
    kt_api_reply(self, json);
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
    if (search) {
        search->job     = self->job;
        search->nearest = (kt_nearest_t){.query = &search->query,
                                         .path  = search->row.file_path,
                                         .want  = (size_t)wanted,
                                         .most  = STEP,
                                         .out   = search->out};
    }
    size_t read = 0;
    do {
        search = ask_step(self, search);
        read += STEP;
    } while (search && search->nearest.more && read < SEARCHED_MOST);
    if (search)
        reply_nearest(self, &search->nearest);
    search_free(search);
}
