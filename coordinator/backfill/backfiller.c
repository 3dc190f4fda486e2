#include "coordinator/backfill/backfiller.h"

#include "common/clock.h"
#include "common/log.h"
#include "coordinator/backfill/scanner.h"
#include "coordinator/backfill/step.h"
#include "coordinator/loop/core.h"

#include <stdlib.h>

// How often is looked when there is something to do, and when there was nothing.
enum { BUSY_MS = 100, IDLE_MS = 1000 };

struct kt_backfiller {
    kt_lister_t         *lister;
    kt_backfill_turn_t  *turn;
    kt_ledger_request_t *request;  // NULL while it is posted
    int64_t              due_ms;
};

kt_err_t
kt_backfiller_new(kt_backfiller_t **self_p, kt_ledger_actor_t *actor, const kt_settings_t *settings)
{
    kt_backfiller_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    kt_err_t err = kt_backfill_turn_new(&self->turn);
    if (!err)
        err = kt_lister_new(&self->lister, actor, settings);
    if (!err && !(self->request = kt_ledger_request_new(KT_LREQ_CALL, NULL)))
        err = KT_ENOMEM;
    if (err)
        goto fail;
    self->request->call.run  = kt_backfill_turn_run;
    self->request->call.args = self->turn;
    *self_p                  = self;
    return KT_OK;
fail:
    kt_backfiller_destroy(&self);
    return err;
}

void
kt_backfiller_stop(kt_backfiller_t *self)
{
    if (self)
        kt_lister_stop(self->lister);
}

void
kt_backfiller_destroy(kt_backfiller_t **self_p)
{
    kt_backfiller_t *self = *self_p;
    if (!self)
        return;
    kt_lister_destroy(&self->lister);
    kt_ledger_request_destroy(&self->request);
    kt_backfill_turn_destroy(&self->turn);
    free(self);
    *self_p = NULL;
}

void
kt_backfiller_wake(kt_backfiller_t *self)
{
    self->due_ms = 0;
}

static void
on_turn(void *context, kt_ledger_request_t **request_p)
{
    kt_coordinator_t *core = context;
    kt_backfiller_t  *self = core->backfiller;
    kt_err_t          err  = (*request_p)->err;
    self->request          = *request_p;
    *request_p             = NULL;
    if (err && err != KT_EFENCED)
        kt_log_warn("BACKFILL-TURN", "err=%s", kt_err_name(err));
    if (err)
        return;
    const kt_backfill_t *to_list = kt_backfill_turn_to_list(self->turn);
    if (to_list)
        kt_lister_offer(self->lister, to_list);
    if (kt_backfill_turn_fed(self->turn))
        core->work_came = true;
    bool live = kt_backfill_turn_live(self->turn) != 0;
    // Woken meanwhile, it stays due.
    if (self->due_ms)
        self->due_ms = kt_backfill_turn_again(self->turn) ? 0 : kt_clock_ms() + (live ? BUSY_MS : IDLE_MS);
    kt_core_backfill_tick(core, kt_clock_ms());
}

void
kt_core_backfill_tick(kt_coordinator_t *core, int64_t now_ms)
{
    kt_backfiller_t *self = core->backfiller;
    if (!self || !self->request || now_ms < self->due_ms || !core->lease.held || core->port.err || core->draining)
        return;
    kt_ledger_request_t *request = self->request;
    self->request                = NULL;
    self->due_ms                 = now_ms + IDLE_MS;
    request->context             = core;
    request->answered            = on_turn;
    request->err                 = KT_OK;
    kt_ledger_port_post(&core->port, &request);
}
