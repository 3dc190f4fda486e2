// Liveness and readiness, for a supervisor.
#include "common/json.h"
#include "coordinator/api/api.h"

enum { UNAVAILABLE = 503, TURN_MS = 1000 };

// A call that the loop has answered, or NULL if it did not within a second.
static kt_call_t *
ask_loop(kt_api_t *self)
{
    kt_call_t *call = kt_call_new(1);
    return call && !kt_call_ask(&call, self->calls, TURN_MS) ? call : NULL;
}

static void
reply_probe(kt_api_t *self, const char *name, const char *trouble)
{
    json_t *json = kt_json_object();
    kt_json_set(json, name, kt_json_bool(!trouble));
    kt_json_set(json, "reason", kt_json_text(trouble));
    kt_api_reply(self, json);
    if (trouble)
        self->response->status = UNAVAILABLE;
}

void
kt_api_livez(kt_api_t *self)
{
    kt_call_t *call = ask_loop(self);
    reply_probe(self, "alive", call ? NULL : "the loop did not turn within a second");
    kt_call_destroy(&call);
}

void
kt_api_readyz(kt_api_t *self)
{
    kt_call_t  *call    = ask_loop(self);
    const char *trouble = NULL;
    if (!call)
        trouble = "the loop did not turn within a second";
    else if (call->snapshot.draining)
        trouble = "the coordinator is ending";
    else if (!call->snapshot.view.ledger_up)
        trouble = "the ledger does not answer";
    else if (!call->snapshot.view.lease_held)
        trouble = "no lease on the ledger";
    reply_probe(self, "ready", trouble);
    kt_call_destroy(&call);
}
