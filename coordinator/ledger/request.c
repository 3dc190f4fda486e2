#include "coordinator/ledger/actor.h"

#include <stdlib.h>

kt_ledger_request_t *
kt_ledger_request_new(kt_ledger_request_type_t type, void *context)
{
    kt_ledger_request_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->type    = type;
    self->context = context;
    return self;
}

static void
free_insert(kt_ledger_request_t *self)
{
    free(self->insert.body);
    free(self->insert.properties);
}

static void
free_claimed(kt_ledger_request_t *self)
{
    for (size_t i = 0; i < self->claim.n; i++)
        free(self->claim.claimed[i].body);
    free(self->claim.claimed);
}

static void
free_rows(kt_ledger_request_t *self)
{
    for (size_t i = 0; i < self->jobs.n; i++)
        free(self->jobs.rows[i].document);
    free(self->jobs.rows);
    free(self->jobs.path_prefix);
}

static void
free_outbox(kt_ledger_request_t *self)
{
    for (size_t i = 0; i < self->outbox.n; i++)
        kt_outbox_row_fini(&self->outbox.rows[i]);
    free(self->outbox.rows);
}

static void
free_reject(kt_ledger_request_t *self)
{
    free(self->reject.body);
    free(self->reject.reply);
    free(self->reject.properties);
}

void
kt_ledger_request_destroy(kt_ledger_request_t **self_p)
{
    kt_ledger_request_t *self = *self_p;
    if (!self)
        return;
    switch (self->type) {
    case KT_LREQ_INSERT: free_insert(self); break;
    case KT_LREQ_REPLAY: free(self->replay.properties); break;
    case KT_LREQ_CLAIM: free_claimed(self); break;
    case KT_LREQ_STORE:
    case KT_LREQ_FAIL: free(self->store.document); break;
    case KT_LREQ_JOBS: free_rows(self); break;
    case KT_LREQ_REJECT: free_reject(self); break;
    case KT_LREQ_OUTBOX: free_outbox(self); break;
    case KT_LREQ_SENT: free(self->sent.ids); break;
    case KT_LREQ_STORY: free(self->story.rows); break;
    case KT_LREQ_DRAINED: free(self->drained.names); break;
    case KT_LREQ_CALL:
    case KT_LREQ_LOOK:
        if (self->call.free)
            self->call.free(self->call.args);
        break;
    default: break;
    }
    free(self);
    *self_p = NULL;
}
