// Liveness and readiness, for a supervisor.
#include "common/json.h"
#include "coordinator/api/api.h"
#include "coordinator/api/trouble.h"

enum { UNAVAILABLE = 503, TURN_MS = 1000 };

// A call that the loop has answered, or NULL if it did not within a second.
static kt_call_t *
ask_loop(kt_api_t *self)
{
    kt_call_t *call = kt_call_new(1);
    if (call)
        call->wants_nodes = true;
    return call && !kt_call_ask(&call, self->calls, TURN_MS) ? call : NULL;
}

// seen: NULL, or what else is wrong is listed, too.
static void
reply_probe(kt_api_t *self, const char *name, const char *trouble, const kt_snapshot_t *seen)
{
    json_t *json = kt_json_object(), *degraded = seen ? kt_api_troubles(seen) : NULL;
    kt_json_set(json, name, kt_json_bool(!trouble));
    kt_json_set(json, "reason", kt_json_text(trouble));
    if (degraded)
        kt_json_set(json, "degraded", degraded);
    kt_api_reply(self, json);
    if (trouble)
        self->response->status = UNAVAILABLE;
}

void
kt_api_livez(kt_api_t *self)
{
    kt_call_t *call = ask_loop(self);
    reply_probe(self, "alive", call ? NULL : "the loop did not turn within a second", NULL);
    kt_call_destroy(&call);
}

void
kt_api_readyz(kt_api_t *self)
{
    kt_call_t  *call    = ask_loop(self);
    const char *trouble = call ? kt_api_fault(&call->snapshot) : "the loop did not turn within a second";
    reply_probe(self, "ready", trouble, call ? &call->snapshot : NULL);
    kt_call_destroy(&call);
}
