// The loop's AMQP side as a whole: absent without AMQP_CONNECTION_STRING, else an intake and an outlet.
#include "coordinator/amqp/consumer.h"
#include "coordinator/amqp/publisher.h"
#include "coordinator/core.h"

static void
on_deliveries(void *context)
{
    kt_coordinator_t *self = context;
    kt_consumer_turn(self->intake);
}

static void
on_published(void *context)
{
    kt_coordinator_t *self = context;
    kt_publisher_answers(self->outlet);
}

static void
on_rejected(void *context)
{
    kt_coordinator_t *self = context;
    kt_publisher_wake(self->outlet);
}

kt_err_t
kt_core_amqp_open(kt_coordinator_t *self, char why[KT_LEDGER_WHY])
{
    if (!*self->settings->amqp_url)
        return KT_OK;
    kt_err_t err = kt_publisher_new(&self->outlet, self->settings, &self->port, &self->lease, why);
    if (!err)
        err = kt_consumer_new(&self->intake, self->settings, &self->port, self->sink, on_rejected, why);
    if (!err)
        err = kt_link_watch(self->link, kt_publisher_fd(self->outlet), on_published);
    if (!err)
        err = kt_link_watch(self->link, kt_consumer_fd(self->intake), on_deliveries);
    return err;
}

void
kt_core_amqp_tick(kt_coordinator_t *self, int64_t now_ms)
{
    if (self->intake)
        kt_consumer_tick(self->intake, now_ms);
    if (self->outlet)
        kt_publisher_tick(self->outlet, now_ms);
}

void
kt_core_amqp_drain(kt_coordinator_t *self, int64_t now_ms)
{
    if (self->intake)
        kt_consumer_cancel(self->intake, now_ms);
}

bool
kt_core_amqp_is_drained(kt_coordinator_t *self, int64_t now_ms)
{
    return (!self->intake || kt_consumer_is_done(self->intake, now_ms)) &&
           (!self->outlet || kt_publisher_is_done(self->outlet, now_ms));
}

void
kt_core_amqp_stats(kt_coordinator_t *self, kt_amqp_stats_t *out)
{
    *out            = (kt_amqp_stats_t){0};
    out->configured = self->intake && self->outlet;
    if (!out->configured)
        return;
    kt_consumer_stats(self->intake, out);
    kt_publisher_stats(self->outlet, out);
}

void
kt_core_amqp_close(kt_coordinator_t *self)
{
    kt_consumer_destroy(&self->intake);
    kt_publisher_destroy(&self->outlet);
}
