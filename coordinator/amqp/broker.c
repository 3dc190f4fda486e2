#include "coordinator/amqp/broker.h"

#include "common/log.h"
#include "coordinator/amqp/consumer.h"
#include "coordinator/amqp/publisher.h"
#include "coordinator/amqp/receive.h"
#include "coordinator/amqp/send.h"
#include "coordinator/amqp/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGES_PER_TURN = 512 };

struct kt_broker {
    kt_amqp_in_t   *in;
    kt_amqp_out_t  *out;
    kt_consumer_t   consumer;
    kt_publisher_t *publisher;
};

static void
broker_settle(void *context, kt_delivery_t **delivery_p)
{
    kt_broker_t *self = context;
    kt_amqp_in_settle(self->in, delivery_p);
}

static void
broker_on_rejected(void *context)
{
    kt_broker_wake(context);
}

static kt_err_t
broker_send(void *context, kt_amqp_message_t **message_p)
{
    kt_broker_t *self = context;
    return kt_amqp_out_give(self->out, message_p);
}

kt_err_t
kt_broker_new(kt_broker_t **self_p, const kt_settings_t *settings, kt_ledger_port_t *port, kt_lease_keeper_t *lease,
              kt_sink_t sink, char why[KT_LEDGER_WHY])
{
    char         reason[KT_AMQP_WHY] = "";
    kt_broker_t *self                = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    kt_consumer_opts_t consumer = {
        .port = port, .sink = sink, .context = self, .settle = broker_settle, .on_rejected = broker_on_rejected};
    kt_publisher_opts_t publisher = {.port        = port,
                                     .lease       = lease,
                                     .exchange    = settings->exchange_name,
                                     .routing_key = settings->routing_key,
                                     .context     = self,
                                     .send        = broker_send};
    kt_consumer_init(&self->consumer, &consumer);
    kt_err_t err = kt_publisher_new(&self->publisher, &publisher);
    if (!err)
        err = kt_amqp_out_new(&self->out, settings, reason);
    if (!err)
        err = kt_amqp_in_new(&self->in, settings, kt_consumer_read, reason);
    if (err) {
        snprintf(why, KT_LEDGER_WHY, "%s", *reason ? reason : kt_err_text(err));
        kt_broker_destroy(&self);
        return err;
    }
    kt_amqp_url_t url;
    if (!kt_amqp_url_parse(settings->amqp_url, &url, reason) && *url.ignored)
        kt_log_warn("AMQP-URL", "ignored=\"%s\" text=\"parameters of other clients\"",
                    kt_log_quote(reason, sizeof reason, url.ignored));
    explicit_bzero(&url, sizeof url);
    *self_p = self;
    return KT_OK;
}

void
kt_broker_destroy(kt_broker_t **self_p)
{
    kt_broker_t *self = *self_p;
    if (!self)
        return;
    kt_amqp_in_destroy(&self->in);
    kt_consumer_fini(&self->consumer);
    kt_amqp_out_destroy(&self->out);
    kt_publisher_destroy(&self->publisher);
    free(self);
    *self_p = NULL;
}

int
kt_broker_deliveries_fd(kt_broker_t *self)
{
    return kt_queue_fd(kt_amqp_in_deliveries(self->in));
}

int
kt_broker_published_fd(kt_broker_t *self)
{
    return kt_queue_fd(kt_amqp_out_answers(self->out));
}

void
kt_broker_take_deliveries(kt_broker_t *self)
{
    void  *items[MESSAGES_PER_TURN];
    size_t n = 0;
    if (kt_queue_pop(kt_amqp_in_deliveries(self->in), items, MESSAGES_PER_TURN, &n, 0))
        return;
    for (size_t i = 0; i < n; i++) {
        kt_delivery_t *delivery = items[i];
        kt_consumer_deliver(&self->consumer, &delivery);
    }
}

void
kt_broker_take_published(kt_broker_t *self)
{
    void  *items[MESSAGES_PER_TURN];
    size_t n = 0;
    if (kt_queue_pop(kt_amqp_out_answers(self->out), items, MESSAGES_PER_TURN, &n, 0))
        return;
    for (size_t i = 0; i < n; i++) {
        kt_amqp_message_t *message = items[i];
        kt_publisher_take(self->publisher, &message);
    }
    kt_publisher_turn(self->publisher);
}

void
kt_broker_wake(kt_broker_t *self)
{
    kt_publisher_wake(self->publisher);
}

void
kt_broker_turn(kt_broker_t *self)
{
    kt_publisher_turn(self->publisher);
}

void
kt_broker_tick(kt_broker_t *self, int64_t now_ms)
{
    kt_amqp_in_watch(self->in, now_ms);
    kt_amqp_out_watch(self->out, now_ms);
    kt_publisher_turn(self->publisher);
}

void
kt_broker_drain(kt_broker_t *self, int64_t now_ms)
{
    kt_consumer_drain(&self->consumer, now_ms);
    kt_amqp_in_cancel(self->in);
}

bool
kt_broker_is_drained(kt_broker_t *self, int64_t now_ms)
{
    return kt_consumer_is_done(&self->consumer, now_ms) && kt_publisher_is_done(self->publisher, now_ms);
}

void
kt_broker_stats(kt_broker_t *self, kt_amqp_stats_t *out)
{
    *out = (kt_amqp_stats_t){.configured = true};
    kt_consumer_stats(&self->consumer, out);
    kt_publisher_stats(self->publisher, out);
    kt_amqp_in_health(self->in, &out->in);
    kt_amqp_out_health(self->out, &out->out);
}
