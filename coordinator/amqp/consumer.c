#include "coordinator/amqp/consumer.h"

#include "common/clock.h"
#include "common/log.h"
#include "coordinator/amqp/reject.h"

#include <stdio.h>
#include <stdlib.h>

enum { A_TURN = 512, SAY_MS = 1000, DONE_MS = 5000 };

struct kt_consumer {
    kt_ledger_port_t *port;
    kt_sink_t         sink;
    void (*on_rejected)(void *context);  // context of the sink
    kt_amqp_in_t  *in;
    kt_delivery_t *first;  // with the ledger
    size_t         n;
    uint64_t       delivered, accepted, known, rejected, settled;
    uint64_t       said;  // of the rejected, in the log
    int64_t        last_logged_ms, done_by_ms;
};

kt_err_t
kt_consumer_new(kt_consumer_t **self_p, const kt_settings_t *settings, kt_ledger_port_t *port, kt_sink_t sink,
                void (*rejected)(void *context), char why[KT_LEDGER_WHY])
{
    char           reason[KT_AMQP_WHY] = "";
    kt_consumer_t *self                = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->port        = port;
    self->sink        = sink;
    self->on_rejected = rejected;
    kt_err_t err      = kt_amqp_in_new(&self->in, settings, kt_consumer_read, reason);
    if (err) {
        snprintf(why, KT_LEDGER_WHY, "%s", *reason ? reason : kt_err_text(err));
        free(self);
        return err;
    }
    *self_p = self;
    return KT_OK;
}

void
kt_consumer_destroy(kt_consumer_t **self_p)
{
    kt_consumer_t *self = *self_p;
    if (!self)
        return;
    kt_amqp_in_destroy(&self->in);
    while (self->first) {
        kt_delivery_t *delivery = self->first;
        self->first             = delivery->next;
        kt_delivery_destroy(&delivery);
    }
    free(self);
    *self_p = NULL;
}

int
kt_consumer_fd(kt_consumer_t *self)
{
    return kt_queue_fd(kt_amqp_in_deliveries(self->in));
}

static void
keep(kt_consumer_t *self, kt_delivery_t *delivery)
{
    delivery->owner = self;
    delivery->next  = self->first;
    if (self->first)
        self->first->previous = delivery;
    self->first = delivery;
    self->n++;
}

static void
settle(kt_consumer_t *self, kt_delivery_t *delivery)
{
    if (delivery->previous)
        delivery->previous->next = delivery->next;
    else
        self->first = delivery->next;
    if (delivery->next)
        delivery->next->previous = delivery->previous;
    self->n--;
    self->settled++;
    kt_amqp_in_settle(self->in, &delivery);
}

// A flood of malformed messages is a line a second.
static void
say_rejected(kt_consumer_t *self, const kt_ledger_request_t *request)
{
    char    reason[2 * KT_OUTBOX_REASON], id[2 * KT_JOB_ID_BYTES];
    int64_t now_ms = kt_clock_ms();
    self->rejected++;
    if (self->said && now_ms - self->last_logged_ms < SAY_MS)
        return;
    kt_log_warn("INTAKE-REJECTED", "message_id=\"%s\" err=%s others=%llu reason=\"%s\"",
                kt_log_quote(id, sizeof id, request->reject.message_id), kt_err_name(request->reject.reject.err),
                (unsigned long long)(self->rejected - self->said - 1),
                kt_log_quote(reason, sizeof reason, request->reject.reason));
    self->said           = self->rejected;
    self->last_logged_ms = now_ms;
}

// Not the message's fault: it stays with the broker, which delivers it again on the next connection. No tag has the
// epoch 0, so nothing is acknowledged.
static void
leave(kt_consumer_t *self, kt_delivery_t *delivery, kt_err_t err)
{
    if (err != KT_ECLOSED)
        kt_log_warn("INTAKE-LEFT", "err=%s", kt_err_name(err));
    if (kt_err_verdict(err) == KT_VERDICT_CRASH)  // else the prefetch window fills with what nobody asks for again
        self->sink.fatal(self->sink.context, "LEDGER-BROKEN", err);
    delivery->epoch = 0;
    settle(self, delivery);
}

static void
on_reject(void *context, kt_ledger_request_t **request_p)
{
    kt_delivery_t *delivery = context;
    kt_consumer_t *self     = delivery->owner;
    if ((*request_p)->err) {
        leave(self, delivery, (*request_p)->err);
        return;
    }
    say_rejected(self, *request_p);
    self->on_rejected(self->sink.context);
    settle(self, delivery);
}

static void
post_reject(kt_delivery_t *delivery, kt_ledger_request_t *reject)
{
    kt_consumer_t *self = delivery->owner;
    reject->context     = delivery;
    reject->answered    = on_reject;
    kt_ledger_port_post(self->port, &reject);
}

static void
refuse(kt_delivery_t *delivery, kt_ledger_request_t *request, kt_err_t why_not)
{
    kt_ledger_request_t *reject = NULL;
    size_t               bytes  = request->insert.body_bytes;
    if (kt_delivery_reject(&reject, &request->insert.body, bytes, delivery->message_id, why_not, kt_err_text(why_not)))
        leave(delivery->owner, delivery, KT_ENOMEM);
    else
        post_reject(delivery, reject);
}

static void
on_insert(void *context, kt_ledger_request_t **request_p)
{
    kt_ledger_request_t *request  = *request_p;
    kt_delivery_t       *delivery = context;
    kt_consumer_t       *self     = delivery->owner;
    if (request->err && kt_err_verdict(request->err) != KT_VERDICT_REJECT) {
        leave(self, delivery, request->err);
    } else if (request->err) {
        refuse(delivery, request, request->err);
    } else if (request->insert.inserted == KT_INSERTED_CLASH) {
        refuse(delivery, request, KT_ECLASH);
    } else {
        bool is_new = request->insert.inserted == KT_INSERTED_NEW;
        if (is_new)
            self->sink.work(self->sink.context);
        self->accepted += is_new;
        self->known += !is_new;
        settle(self, delivery);
    }
}

static void
take(kt_consumer_t *self, kt_delivery_t *delivery)
{
    kt_ledger_request_t *request = delivery->request;
    delivery->request            = NULL;
    self->delivered++;
    keep(self, delivery);
    request->context  = delivery;
    request->answered = request->type == KT_LREQ_REJECT ? on_reject : on_insert;
    kt_ledger_port_post(self->port, &request);
}

void
kt_consumer_turn(kt_consumer_t *self)
{
    void  *items[A_TURN];
    size_t n = 0;
    if (kt_queue_pop(kt_amqp_in_deliveries(self->in), items, A_TURN, &n, 0))
        return;
    for (size_t i = 0; i < n; i++)
        take(self, items[i]);
}

void
kt_consumer_tick(kt_consumer_t *self, int64_t now_ms)
{
    kt_amqp_in_watch(self->in, now_ms);
}

void
kt_consumer_cancel(kt_consumer_t *self, int64_t now_ms)
{
    self->done_by_ms = now_ms + DONE_MS;
    kt_amqp_in_cancel(self->in);
}

bool
kt_consumer_is_done(const kt_consumer_t *self, int64_t now_ms)
{
    return self->n == 0 || now_ms >= self->done_by_ms;
}

void
kt_consumer_stats(kt_consumer_t *self, kt_amqp_stats_t *out)
{
    kt_amqp_in_health(self->in, &out->in);
    out->delivered = self->delivered;
    out->accepted  = self->accepted;
    out->known     = self->known;
    out->rejected  = self->rejected;
    out->settled   = self->settled;
    out->unsettled = self->n;
}
