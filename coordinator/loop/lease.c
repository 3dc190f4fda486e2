#include "coordinator/loop/lease.h"

#include "common/clock.h"
#include "common/log.h"

#include <stdio.h>

enum { RENEW_AGAIN_MS = 200 };  // after a renewal that failed, as while a database restarts

void
kt_lease_init(kt_lease_keeper_t *self, kt_ledger_port_t *port, kt_sink_t sink, const char *coordinator,
              int64_t length_ms)
{
    *self = (kt_lease_keeper_t){.port = port, .sink = sink, .length_ms = length_ms};
    snprintf(self->coordinator, sizeof self->coordinator, "%s", coordinator);
}

static void
lease_post(kt_lease_keeper_t *self, kt_ledger_request_type_t type, kt_ledger_answered_fn *answered)
{
    if (self->asked)
        return;
    kt_ledger_request_t *request = kt_ledger_request_new(type, self);
    if (!request)
        return;  // the next tick tries again
    request->answered = answered;
    snprintf(request->open.lease.coordinator, sizeof request->open.lease.coordinator, "%s", self->coordinator);
    request->open.lease.length_ms = self->length_ms;
    request->open.lease.epoch     = self->epoch;
    self->asked                   = true;
    self->asked_ms                = kt_clock_ms();
    kt_ledger_port_post(self->port, &request);
}

// The claimed jobs no longer belong to this coordinator.
void
kt_lease_lose(kt_lease_keeper_t *self, const char *why)
{
    kt_event_t event = {.type = KT_EV_LEASE_LOST};
    if (!self->held)
        return;
    self->held = false;
    kt_log_warn("LEASE-LOST", "coordinator=%s epoch=%llu why=\"%s\"", self->coordinator,
                (unsigned long long)self->epoch, why);
    self->sink.event(self->sink.context, &event);
}

static void
lease_on_opened(void *context, kt_ledger_request_t **request_p)
{
    kt_lease_keeper_t         *self    = context;
    const kt_ledger_request_t *request = *request_p;
    kt_event_t                 event   = {.type = KT_EV_LEASE_OPEN};
    self->asked                        = false;
    if (request->err) {
        kt_log_warn("LEASE-REFUSED", "coordinator=%s err=%s", self->coordinator, kt_err_name(request->err));
        if (request->err == KT_ESTATE)
            self->sink.fatal(self->sink.context, "LEDGER-BROKEN", KT_ESTATE);
        if (request->err == KT_ELOCKED)  // two coordinators of one name would fence each other
            self->sink.fatal(self->sink.context, "LEASE-NAME", KT_ELOCKED);
        return;  // the next tick repeats the request
    }
    if (!self->exclusive && kt_clock_ms() - self->asked_ms > self->length_ms) {
        // The guard would lose it within the step of its LEASE_OPEN, so that the scheduler got LEASE_LOST before that.
        kt_log_warn("LEASE-LOST", "coordinator=%s epoch=%llu why=\"its answer came too late\"", self->coordinator,
                    (unsigned long long)request->open.lease.epoch);
        return;
    }
    self->held    = true;
    self->epoch   = request->open.lease.epoch;
    self->good_ms = self->asked_ms;
    kt_log_info("LEASE-OPEN", "coordinator=%s epoch=%llu", self->coordinator, (unsigned long long)self->epoch);
    self->sink.event(self->sink.context, &event);
}

static void
lease_on_renewed(void *context, kt_ledger_request_t **request_p)
{
    kt_lease_keeper_t *self  = context;
    kt_event_t         event = {.type = KT_EV_WORK};
    self->asked              = false;
    if (!(*request_p)->err) {
        self->good_ms = self->asked_ms;
        self->sink.event(self->sink.context, &event);  // a renewal takes over the jobs of crashed coordinators
    } else if ((*request_p)->err == KT_EFENCED) {
        kt_lease_lose(self, "another holds it");
    } else if ((*request_p)->err == KT_ESTATE) {
        self->sink.fatal(self->sink.context, "LEDGER-BROKEN", KT_ESTATE);
    } else {
        self->asked_ms = kt_clock_ms() - self->length_ms / 4 + RENEW_AGAIN_MS;
    }
}

void
kt_lease_check(kt_lease_keeper_t *self)
{
    if (self->held)
        lease_post(self, KT_LREQ_RENEW, lease_on_renewed);
}

void
kt_lease_guard(kt_lease_keeper_t *self, int64_t now_ms)
{
    if (self->held && !self->exclusive && now_ms - self->good_ms > self->length_ms)
        kt_lease_lose(self, "not renewed in time");
}

void
kt_lease_tick(kt_lease_keeper_t *self, int64_t now_ms)
{
    kt_lease_guard(self, now_ms);
    if (!self->held)
        lease_post(self, KT_LREQ_OPEN, lease_on_opened);
    else if (now_ms - self->asked_ms >= self->length_ms / 4)
        lease_post(self, KT_LREQ_RENEW, lease_on_renewed);
}
