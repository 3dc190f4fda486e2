#include "coordinator/backfill/backfiller.h"

#include "common/clock.h"
#include "common/log.h"
#include "coordinator/backfill/scanner.h"
#include "coordinator/backfill/step.h"

#include <stdlib.h>

// Pause between steps while a backfill is live, and while none is.
enum { BUSY_MS = 100, IDLE_MS = 1000 };

struct kt_backfiller {
    kt_ledger_port_t        *port;
    const kt_lease_keeper_t *lease;
    kt_sink_t                sink;
    kt_scanner_t            *scanner;
    kt_backfill_step_t      *turn;
    kt_ledger_request_t     *request;  // NULL while it is posted
    int64_t                  due_ms;
    bool                     draining;
    size_t                   live;
};

kt_err_t
kt_backfiller_new(kt_backfiller_t **self_p, const kt_settings_t *settings, kt_ledger_port_t *port,
                  const kt_lease_keeper_t *lease, kt_sink_t sink)
{
    kt_backfiller_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->port   = port;
    self->lease  = lease;
    self->sink   = sink;
    kt_err_t err = kt_backfill_step_new(&self->turn);
    if (!err)
        err = kt_scanner_new(&self->scanner, port->actor, settings);
    if (!err && !(self->request = kt_ledger_request_new(KT_LREQ_CALL, NULL)))
        err = KT_ENOMEM;
    if (err)
        goto fail;
    self->request->call.run  = kt_backfill_step_run;
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
        kt_scanner_stop(self->scanner);
}

void
kt_backfiller_destroy(kt_backfiller_t **self_p)
{
    kt_backfiller_t *self = *self_p;
    if (!self)
        return;
    kt_scanner_destroy(&self->scanner);
    kt_ledger_request_destroy(&self->request);
    kt_backfill_step_destroy(&self->turn);
    free(self);
    *self_p = NULL;
}

void
kt_backfiller_wake(kt_backfiller_t *self)
{
    self->due_ms = 0;
}

static void
backfiller_on_turn(void *context, kt_ledger_request_t **request_p)
{
    kt_backfiller_t *self = context;
    kt_err_t         err  = (*request_p)->err;
    self->request         = *request_p;
    *request_p            = NULL;
    if (err && err != KT_EFENCED)
        kt_log_warn("BACKFILL-TURN", "err=%s", kt_err_name(err));
    if (err)
        return;
    const kt_backfill_t *to_list = kt_backfill_step_to_list(self->turn);
    if (to_list)
        kt_scanner_offer(self->scanner, to_list);
    if (kt_backfill_step_fed(self->turn))
        self->sink.work(self->sink.context);
    self->live = kt_backfill_step_live(self->turn);
    // Woken meanwhile, it stays due.
    if (self->due_ms)
        self->due_ms = kt_backfill_step_again(self->turn) ? 0 : kt_clock_ms() + (self->live ? BUSY_MS : IDLE_MS);
    kt_backfiller_tick(self, kt_clock_ms());
}

size_t
kt_backfiller_live(const kt_backfiller_t *self)
{
    return self->live;
}

void
kt_backfiller_drain(kt_backfiller_t *self)
{
    self->draining = true;
}

void
kt_backfiller_tick(kt_backfiller_t *self, int64_t now_ms)
{
    if (!self->request || now_ms < self->due_ms || !self->lease->held || self->port->err || self->draining)
        return;
    kt_ledger_request_t *request = self->request;
    self->request                = NULL;
    self->due_ms                 = now_ms + IDLE_MS;
    request->context             = self;
    request->answered            = backfiller_on_turn;
    request->err                 = KT_OK;
    kt_ledger_port_post(self->port, &request);
}
