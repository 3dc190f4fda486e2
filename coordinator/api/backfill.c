// Backfills: creation, upload of lists, control, state and results. Each request is one transaction of the ledger
// (retry: one per page).
#include "common/clock.h"
#include "common/json.h"
#include "common/text.h"
#include "coordinator/api/api.h"
#include "coordinator/backfill/source.h"
#include "coordinator/ledger/backfill_rules.h"
#include "proto/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAD_REQUEST = 400, NOT_FOUND = 404, BAD_STATE = 409, SERVER = 500 };
enum { PAGE = 100, PAGE_MAX = 1000, RESULT_BYTES = 8 << 20 };

typedef enum action { CREATE, FIND, SPOOL, CONTROL, RESULTS } action_t;

// The arguments and results of one ledger call; owned by its request.
typedef struct asked {
    action_t              action;
    uint64_t              id, number, chunks;
    kt_backfill_verb_t    verb;
    bool                  failed;
    char                 *bytes;
    size_t                length, capacity, n;
    kt_backfill_t        *rows;  // capacity of them
    kt_backfill_result_t *results;
} asked_t;

static void
free_asked(void *context)
{
    asked_t *asked = context;
    if (!asked)
        return;
    for (size_t i = 0; asked->results && i < asked->n; i++) {
        free(asked->results[i].path);
        free(asked->results[i].document);
    }
    free(asked->results);
    free(asked->rows);
    free(asked->bytes);
    free(asked);
}

// On the ledger's thread.
static kt_err_t
run_backfill_action(void *context, kt_ledger_t *ledger, const kt_lease_t *lease)
{
    (void)lease;
    asked_t                 *asked = context;
    const kt_backfill_ops_t *ops   = ledger->ops->backfill;
    kt_backfill_t            row;
    size_t                   n   = 0;
    kt_err_t                 err = KT_OK;
    if (!ops)
        return KT_ENOTYET;
    switch (asked->action) {
    case CREATE:
        err = ops->create(ledger, asked->rows, kt_clock_wall_ms(), &row);
        if (!err)
            *asked->rows = row;
        return err;
    case FIND: return ops->find(ledger, asked->number, asked->rows, asked->capacity, &asked->n);
    case SPOOL: return ops->spool(ledger, asked->id, asked->number, asked->bytes, asked->length);
    case CONTROL:
        if (asked->verb == KT_BACKFILL_RETRY)
            return ops->retry(ledger, asked->id, &asked->number, KT_BACKFILL_PAGE, &asked->n);
        return ops->control(ledger, asked->id, asked->verb, asked->chunks, kt_clock_wall_ms());
    case RESULTS: break;
    }
    err = ops->find(ledger, asked->id - 1, &row, 1, &n);
    if (err || !n || row.id != asked->id)
        return err ? err : KT_ENOTFOUND;
    return ops->results(ledger, asked->id, asked->number, asked->failed, RESULT_BYTES, asked->results, asked->capacity,
                        &asked->n);
}

// A call of one request, which owns *out; its rows or results have room for capacity. NULL: out of memory.
static kt_call_t *
new_backfill_call(kt_ledger_request_type_t type, action_t action, size_t capacity, asked_t **out)
{
    asked_t *asked = calloc(1, sizeof *asked);
    if (!asked)
        return NULL;
    asked->action   = action;
    asked->capacity = capacity;
    if (action == RESULTS)
        asked->results = calloc(capacity + 1, sizeof *asked->results);
    else
        asked->rows = calloc(capacity + 1, sizeof *asked->rows);
    if (!asked->rows && !asked->results) {
        free_asked(asked);
        return NULL;
    }
    *out = asked;
    return kt_api_ledger_call(type, run_backfill_action, asked, free_asked);
}

static void
reply_backfill_error(kt_api_t *self, kt_err_t err)
{
    switch (err) {
    case KT_ENOTFOUND: kt_api_fail(self, NOT_FOUND, err, "no such backfill"); break;
    case KT_EINVAL: kt_api_fail(self, BAD_STATE, err, "the backfill is not in a state for that"); break;
    case KT_EEMPTY: kt_api_fail(self, BAD_STATE, err, "the list has no path in it"); break;
    case KT_ECLASH:
        kt_api_fail(self, BAD_STATE, err, "another list has begun under this token: cancel that backfill first");
        break;
    case KT_EBADDATA: kt_api_fail(self, BAD_REQUEST, err, "name, folder or list is not valid UTF-8"); break;
    case KT_ENOTYET: kt_api_fail(self, SERVER, err, "this ledger keeps no backfills: use SQLite or PostgreSQL"); break;
    default: kt_api_fail(self, SERVER, err, "the ledger refused");
    }
}

// Sends the call and waits. Returns what it owns; NULL: an error has been replied and the call is destroyed.
static const asked_t *
ask_backfill(kt_api_t *self, kt_call_t **call_p)
{
    if (!kt_api_ask(self, call_p))
        return NULL;
    const kt_ledger_request_t *request = (*call_p)->requests[0];
    if (!request->err)
        return request->call.args;
    reply_backfill_error(self, request->err);
    kt_call_destroy(call_p);
    return NULL;
}

static json_t *
backfill_object(const kt_backfill_t *b)
{
    const struct {
        const char *name;
        uint64_t    n;
    } counts[]   = {{"listed", b->listed},
                    {"skipped", b->skipped},
                    {"refused", b->refused},
                    {"repeated", b->repeated},
                    {"left_out", b->left_out},
                    {"unreadable_folders", b->kinds.unreadable},
                    {"waiting", kt_backfill_waiting(b)},
                    {"open", kt_backfill_open(b)},
                    {"done", b->done},
                    {"failed", b->failed},
                    {"cancelled", b->cancelled},
                    {"chunks", b->chunks}};
    json_t *json = kt_json_object();
    kt_json_set(json, "id", kt_json_int((int64_t)b->id));
    kt_json_set(json, "name", kt_json_text(b->name));
    kt_json_set(json, "kind", kt_json_text(b->kind == KT_BACKFILL_FOLDER ? "folder" : "list"));
    kt_json_set(json, "source", kt_json_text(b->source));
    kt_json_set(json, "state", kt_json_text(kt_backfill_state_name(b->state)));
    kt_json_set(json, "detail", b->detail[0] ? kt_json_text(b->detail) : kt_json_null());
    kt_json_set(json, "priority", kt_json_text(kt_priority_name(b->priority)));
    kt_json_set(json, "all", kt_json_bool(b->flags & KT_BACKFILL_ALL));
    kt_json_set(json, "force", kt_json_bool(b->flags & KT_BACKFILL_FORCE));
    kt_json_set(json, "digest", kt_json_bool(b->flags & KT_BACKFILL_DIGEST));
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        kt_json_set(json, counts[i].name, kt_json_int((int64_t)counts[i].n));

    kt_json_set(json, "left_out_kinds", kt_left_out_json(&b->kinds));

    // The share of the paths that need no more work; unknown until all paths are listed.
    double   rate  = kt_backfill_rate(b, kt_clock_wall_ms());
    uint64_t left  = kt_backfill_waiting(b) + kt_backfill_open(b);
    bool     known = b->listed_all && b->listed;
    kt_json_set(json, "listed_all", kt_json_bool(b->listed_all));
    kt_json_set(json, "progress", known ? kt_json_real(1 - (double)left / (double)b->listed) : kt_json_null());
    kt_json_set(json, "rate_per_s", kt_json_real(rate));
    kt_json_set(json, "eta_s",
                known && rate > 0 && b->state == KT_BACKFILL_RUNNING ? kt_json_real((double)left / rate)
                                                                     : kt_json_null());
    kt_json_set(json, "created", kt_api_time(b->created_ms));
    kt_json_set(json, "ended", kt_api_time(b->ended_ms));
    return json;
}

// Reads the body of a request. Returns what is wrong with it, or NULL.
static const char *
read_backfill_request(const json_t *body, kt_backfill_t *out)
{
    const char *folder = kt_json_str(body, "folder", ""), *list = kt_json_str(body, "list", "");
    const char *options = kt_json_str(body, "options", "");
    if (!*folder == !*list)
        return "either folder or list must be given";
    out->kind     = *folder ? KT_BACKFILL_FOLDER : KT_BACKFILL_LIST;
    out->options  = KT_OPTION_ALL;
    out->priority = KT_PRIORITY_LOW;
    if (!kt_text_copy(out->source, sizeof out->source, *folder ? folder : list))
        return "the source is too long";
    if (!kt_text_copy(out->name, sizeof out->name, kt_json_str(body, "name", "")))
        return "the name is longer than 127 bytes";
    if (!kt_text_copy(out->token, sizeof out->token, kt_json_str(body, "token", "")) || !out->token[0])
        return "token is missing or longer than 79 bytes";
    if (!kt_priority_find(kt_json_str(body, "priority", "low"), &out->priority))
        return "priority is low, normal or high";
    if (*options && kt_options_parse(options, &out->options))
        return "options is a list of spectral, mir, perceptual, similarity, quality, visual, no_models, or none";
    kt_text_copy(out->version, sizeof out->version, KT_ANALYSIS_VERSION);
    out->flags = (kt_json_flag(body, "all", false) ? KT_BACKFILL_ALL : 0u) |
                 (kt_json_flag(body, "force", false) ? KT_BACKFILL_FORCE : 0u) |
                 (kt_json_flag(body, "digest", false) ? KT_BACKFILL_DIGEST : 0u);
    return NULL;
}

// With models the version contains the set that is deployed now, so that a file is skipped only if its result is of
// that set. Out of memory: without it, as before the first model.
static void
add_models_version(kt_model_store_t *models, kt_backfill_t *out)
{
    kt_model_manifest_t *set      = out->options & KT_OPTION_MODELS && models ? malloc(sizeof *set) : NULL;
    uint64_t             sequence = 0;
    bool                 exists   = false;
    char                 hex[KT_DIGEST_HEX];
    if (set && kt_model_store_manifest(models, &sequence, &exists, set) && exists && set->n)
        snprintf(out->version, sizeof out->version, KT_ANALYSIS_VERSION "+%.8s", kt_digest_hex(&set->digest, hex));
    free(set);
}

void
kt_api_backfill_new(kt_api_t *self)
{
    const char *roots              = self->server->settings ? self->server->settings->media_roots : "";
    char        why[KT_SOURCE_WHY] = "", real[KT_JOB_PATH];
    json_t     *body               = NULL;
    asked_t    *asked              = NULL;
    kt_err_t    err = kt_json_parse(self->request->body, self->request->body_bytes, KT_HTTP_BODY, &body, why);
    if (err) {
        kt_api_fail(self, BAD_REQUEST, err, why);
        return;
    }
    kt_call_t  *call = new_backfill_call(KT_LREQ_CALL, CREATE, 1, &asked);
    const char *bad  = call ? read_backfill_request(body, asked->rows) : NULL;
    err              = bad ? KT_EINVAL : KT_OK;
    kt_json_free(&body);
    if (call && !bad)
        add_models_version(self->server->models, asked->rows);
    if (call && !bad && asked->rows->kind == KT_BACKFILL_FOLDER) {
        bad = why;
        err = kt_backfill_beneath(roots, asked->rows->source, real, why);
    }
    if (err) {
        kt_api_fail(self, BAD_REQUEST, err, bad);
        kt_call_destroy(&call);
        return;
    }

    const asked_t *answer = ask_backfill(self, &call);
    if (!answer)
        return;
    kt_api_reply(self, backfill_object(answer->rows));
    kt_call_destroy(&call);
}

static bool
read_number_argument(kt_api_t *self, const char *name, int64_t fallback, int64_t most, uint64_t *out)
{
    const char *text  = kt_http_arg(self->request, name, NULL);
    int64_t     value = fallback;
    char        why[64];
    if (text && kt_text_to_i64(text, 0, most, &value)) {
        snprintf(why, sizeof why, "%.20s is a number from 0 to %lld", name, (long long)most);
        kt_api_fail(self, BAD_REQUEST, KT_EINVAL, why);
        return false;
    }
    *out = (uint64_t)value;
    return true;
}

void
kt_api_backfills(kt_api_t *self)
{
    asked_t *asked = NULL;
    uint64_t after = 0;
    if (!read_number_argument(self, "after", 0, INT64_MAX, &after))
        return;
    kt_call_t *call = new_backfill_call(KT_LREQ_LOOK, FIND, PAGE, &asked);
    if (call)
        asked->number = after;
    const asked_t *answer = ask_backfill(self, &call);
    if (!answer)
        return;
    json_t *json = kt_json_object(), *list = kt_json_array();
    for (size_t i = 0; i < answer->n; i++)
        kt_json_append(list, backfill_object(&answer->rows[i]));
    kt_json_set(json, "backfills", list);
    kt_json_set(json, "next", answer->n == PAGE ? kt_json_int((int64_t)answer->rows[PAGE - 1].id) : kt_json_null());
    kt_api_reply(self, json);
    kt_call_destroy(&call);
}

// Replies with the present state of the backfill of the path.
static void
reply_backfill(kt_api_t *self, int64_t retried)
{
    asked_t   *asked = NULL;
    kt_call_t *call  = new_backfill_call(KT_LREQ_LOOK, FIND, 1, &asked);
    if (call)
        asked->number = self->job - 1;
    const asked_t *answer = ask_backfill(self, &call);
    if (!answer)
        return;
    if (answer->n && answer->rows[0].id == self->job) {
        json_t *json = backfill_object(&answer->rows[0]);
        if (retried >= 0)
            kt_json_set(json, "retried", kt_json_int(retried));
        kt_api_reply(self, json);
    } else {
        reply_backfill_error(self, KT_ENOTFOUND);
    }
    kt_call_destroy(&call);
}

void
kt_api_backfill(kt_api_t *self)
{
    reply_backfill(self, -1);
}

void
kt_api_backfill_list(kt_api_t *self)
{
    asked_t *asked = NULL;
    uint64_t chunk = 0;
    if (!read_number_argument(self, "chunk", 0, INT32_MAX, &chunk))
        return;
    if (!self->request->body_bytes || self->request->body_bytes > KT_BACKFILL_CHUNK) {
        kt_api_fail(self, BAD_REQUEST, KT_EMESSAGE, "a chunk has 1 to 1048576 bytes");
        return;
    }
    kt_call_t *call = new_backfill_call(KT_LREQ_CALL, SPOOL, 0, &asked);
    if (call) {
        asked->id     = self->job;
        asked->number = chunk;
        asked->length = self->request->body_bytes;
        asked->bytes  = malloc(asked->length);
        if (asked->bytes)
            memcpy(asked->bytes, self->request->body, asked->length);
        else
            kt_call_destroy(&call);
    }
    if (!ask_backfill(self, &call))
        return;
    json_t *json = kt_json_object();
    kt_json_set(json, "chunk", kt_json_int((int64_t)chunk));
    kt_api_reply(self, json);
    kt_call_destroy(&call);
}

static bool
control_page(kt_api_t *self, kt_backfill_verb_t verb, uint64_t *number, size_t *n)
{
    asked_t *asked = NULL;
    uint64_t chunks;
    if (!read_number_argument(self, "chunks", 0, INT32_MAX, &chunks))
        return false;
    kt_call_t *call = new_backfill_call(KT_LREQ_CALL, CONTROL, 0, &asked);
    if (call) {
        asked->id     = self->job;
        asked->verb   = verb;
        asked->chunks = chunks;
        asked->number = *number;
    }
    const asked_t *answer = ask_backfill(self, &call);
    if (!answer)
        return false;
    *number = answer->number;
    *n      = answer->n;
    kt_call_destroy(&call);
    return true;
}

static void
control_and_reply(kt_api_t *self, kt_backfill_verb_t verb)
{
    uint64_t number = 0;
    size_t   n      = 0;
    if (control_page(self, verb, &number, &n))
        reply_backfill(self, -1);
}

void
kt_api_backfill_seal(kt_api_t *self)
{
    control_and_reply(self, KT_BACKFILL_SEAL);
}

void
kt_api_backfill_pause(kt_api_t *self)
{
    control_and_reply(self, KT_BACKFILL_PAUSE);
}

void
kt_api_backfill_resume(kt_api_t *self)
{
    control_and_reply(self, KT_BACKFILL_RESUME);
}

void
kt_api_backfill_cancel(kt_api_t *self)
{
    control_and_reply(self, KT_BACKFILL_CANCEL);
}

// One request to the ledger per page. If the client disconnects in between, some of the failures run again already; it
// may repeat the request.
void
kt_api_backfill_retry(kt_api_t *self)
{
    uint64_t at      = 0, was;
    int64_t  retried = 0;
    size_t   n       = 0;
    do {
        was = at;
        if (!control_page(self, KT_BACKFILL_RETRY, &at, &n))
            return;
        retried += (int64_t)n;
    } while (at != was);
    reply_backfill(self, retried);
}

void
kt_api_backfill_results(kt_api_t *self)
{
    asked_t *asked = NULL;
    uint64_t after = 0, limit = PAGE, failed = 0;
    if (!read_number_argument(self, "after", 0, INT64_MAX, &after) ||
        !read_number_argument(self, "limit", PAGE, PAGE_MAX, &limit) ||
        !read_number_argument(self, "failed", 0, 1, &failed))
        return;
    kt_call_t *call = new_backfill_call(KT_LREQ_LOOK, RESULTS, limit ? (size_t)limit : 1, &asked);
    if (call) {
        asked->id     = self->job;
        asked->number = after;
        asked->failed = failed;
    }
    const asked_t *answer = ask_backfill(self, &call);
    if (!answer)
        return;
    json_t      *json = kt_json_object(), *list = kt_json_array();
    const char **documents = calloc(answer->n + 1, sizeof *documents);
    for (size_t i = 0; documents && i < answer->n; i++) {
        const kt_backfill_result_t *row    = &answer->results[i];
        json_t                     *result = kt_json_object();
        kt_json_set(result, "row", kt_json_int((int64_t)row->row));
        kt_json_set(result, "file_path", kt_api_path(row->path));
        kt_json_set(result, "outcome", kt_json_text(kt_backfill_outcome_name(row->outcome)));
        kt_json_set(result, "job", row->job ? kt_json_int((int64_t)row->job) : kt_json_null());
        kt_json_set(result, "error", kt_api_error(row->err, row->detail));
        if (row->damaged)
            kt_json_set(result, "damaged", kt_json_bool(true));
        kt_json_append(list, result);
        documents[i] = row->document;
    }
    kt_json_set(json, "results", list);
    kt_json_set(json, "next", answer->n ? kt_json_int((int64_t)answer->results[answer->n - 1].row) : kt_json_null());
    if (documents)
        kt_api_reply_documents(self, json, "results", documents);
    else
        kt_json_free(&json), kt_api_reply(self, NULL);
    free(documents);
    kt_call_destroy(&call);
}
