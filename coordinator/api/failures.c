// The failed jobs by code.
#include "common/json.h"
#include "coordinator/api/api.h"

#include <stdlib.h>

enum { SERVER = 500, COUNTED_MOST = 50000 };

// What one call of the ledger answers; owned by its request.
typedef struct counted {
    size_t           n;
    kt_failure_row_t rows[KT_FAILURE_CODES];
} counted_t;

// On the ledger's thread.
static kt_err_t
count_failures(void *context, kt_ledger_t *ledger, const kt_lease_t *lease)
{
    (void)lease;
    counted_t *counted = context;
    return ledger->ops->failures(ledger, COUNTED_MOST, counted->rows, KT_FAILURE_CODES, &counted->n);
}

static void
reply_counted(kt_api_t *self, const counted_t *counted)
{
    json_t  *json = kt_json_object(), *list = kt_json_array();
    uint64_t jobs = 0;
    for (size_t i = 0; i < counted->n; i++) {
        const kt_failure_row_t *row  = &counted->rows[i];
        json_t                 *item = kt_json_object();
        kt_json_set(item, "code", kt_json_text(kt_err_name(row->err)));
        kt_json_set(item, "text", kt_json_text(kt_err_text(row->err)));
        kt_json_set(item, "jobs", kt_json_int((int64_t)row->jobs));
        kt_json_set(item, "last", kt_api_time(row->last_ms));
        kt_json_append(list, item);
        jobs += row->jobs;
    }
    kt_json_set(json, "failures", list);
    kt_json_set(json, "counted", kt_json_int((int64_t)jobs));
    kt_json_set(json, "more", kt_json_bool(jobs >= COUNTED_MOST));
    kt_api_reply(self, json);
}

void
kt_api_failures(kt_api_t *self)
{
    kt_call_t *call = kt_api_ledger_call(KT_LREQ_LOOK, count_failures, calloc(1, sizeof(counted_t)), free);
    if (!kt_api_ask(self, &call))
        return;
    const kt_ledger_request_t *request = call->requests[0];
    if (request->err)
        kt_api_fail(self, SERVER, request->err, "the ledger cannot be read");
    else
        reply_counted(self, request->call.args);
    kt_call_destroy(&call);
}
