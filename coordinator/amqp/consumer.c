#include "coordinator/amqp/consumer.h"

#include "common/clock.h"
#include "common/log.h"
#include "coordinator/amqp/reject.h"

enum { LOG_MS = 1000, DONE_MS = 5000 };

void
kt_consumer_init(kt_consumer_t *self, const kt_consumer_opts_t *opts)
{
    *self = (kt_consumer_t){.opts = *opts};
}

void
kt_consumer_fini(kt_consumer_t *self)
{
    while (self->first) {
        kt_delivery_t *delivery = self->first;
        self->first             = delivery->next;
        kt_delivery_destroy(&delivery);
    }
}

static void
consumer_settle(kt_consumer_t *self, kt_delivery_t *delivery)
{
    if (delivery->previous)
        delivery->previous->next = delivery->next;
    else
        self->first = delivery->next;
    if (delivery->next)
        delivery->next->previous = delivery->previous;
    self->n--;
    self->settled++;
    self->opts.settle(self->opts.context, &delivery);
}

// At most one line per second.
static void
consumer_log_rejected(kt_consumer_t *self, const kt_ledger_request_t *request)
{
    char    reason[2 * KT_OUTBOX_REASON], id[2 * KT_JOB_ID_BYTES];
    int64_t now_ms = kt_clock_ms();
    self->rejected++;
    if (self->n_logged && now_ms - self->last_logged_ms < LOG_MS)
        return;
    kt_log_warn("INTAKE-REJECTED", "message_id=\"%s\" err=%s others=%llu reason=\"%s\"",
                kt_log_quote(id, sizeof id, request->reject.message_id), kt_err_name(request->reject.reject.err),
                (unsigned long long)(self->rejected - self->n_logged - 1),
                kt_log_quote(reason, sizeof reason, request->reject.reason));
    self->n_logged       = self->rejected;
    self->last_logged_ms = now_ms;
}

// The ledger's error, not the message's: the message stays with the broker, which delivers it again on the next
// connection. No tag has the epoch 0, so nothing is acknowledged.
static void
consumer_leave(kt_consumer_t *self, kt_delivery_t *delivery, kt_err_t err)
{
    if (err != KT_ECLOSED)
        kt_log_warn("INTAKE-LEFT", "err=%s", kt_err_name(err));
    if (kt_err_verdict(err) == KT_VERDICT_CRASH)  // else unacknowledged messages fill the prefetch window
        self->opts.sink.fatal(self->opts.sink.context, "LEDGER-BROKEN", err);
    delivery->epoch = 0;
    consumer_settle(self, delivery);
}

static void
consumer_on_reject(void *context, kt_ledger_request_t **request_p)
{
    kt_delivery_t *delivery = context;
    kt_consumer_t *self     = delivery->owner;
    if ((*request_p)->err) {
        consumer_leave(self, delivery, (*request_p)->err);
        return;
    }
    consumer_log_rejected(self, *request_p);
    self->opts.on_rejected(self->opts.context);
    consumer_settle(self, delivery);
}

static void
consumer_reject(kt_delivery_t *delivery, kt_ledger_request_t *request, kt_err_t why_not)
{
    kt_consumer_t       *self   = delivery->owner;
    kt_ledger_request_t *reject = NULL;
    char               **body_p = delivery->body ? &delivery->body : &request->insert.body;  // the one that came
    size_t               bytes  = delivery->body ? delivery->body_bytes : request->insert.body_bytes;
    if (kt_delivery_reject(delivery, body_p, bytes, why_not, kt_err_text(why_not), &reject)) {
        consumer_leave(self, delivery, KT_ENOMEM);
        return;
    }
    reject->context  = delivery;
    reject->answered = consumer_on_reject;
    kt_ledger_port_post(self->opts.port, &reject);
}

static void
consumer_on_replay(void *context, kt_ledger_request_t **request_p)
{
    kt_delivery_t *delivery = context;
    kt_consumer_t *self     = delivery->owner;
    if ((*request_p)->err) {
        consumer_leave(self, delivery, (*request_p)->err);
        return;
    }
    self->replayed += (*request_p)->replay.found;
    self->opts.on_rejected(self->opts.context);
    consumer_settle(self, delivery);
}

// The stored answer goes out again, to whom this message names.
static void
consumer_replay(kt_delivery_t *delivery, kt_ledger_request_t *insert)
{
    kt_consumer_t       *self    = delivery->owner;
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_REPLAY, delivery);
    if (!request) {
        consumer_leave(self, delivery, KT_ENOMEM);
        return;
    }
    request->replay           = (kt_replay_t){.job              = insert->insert.id,
                                              .properties       = insert->insert.properties,
                                              .properties_bytes = insert->insert.properties_bytes};
    insert->insert.properties = NULL;
    request->answered         = consumer_on_replay;
    kt_ledger_port_post(self->opts.port, &request);
}

static void
consumer_on_insert(void *context, kt_ledger_request_t **request_p)
{
    kt_ledger_request_t *request  = *request_p;
    kt_delivery_t       *delivery = context;
    kt_consumer_t       *self     = delivery->owner;
    if (request->err && kt_err_verdict(request->err) != KT_VERDICT_REJECT) {
        consumer_leave(self, delivery, request->err);
    } else if (request->err) {
        consumer_reject(delivery, request, request->err);
    } else if (request->insert.inserted == KT_INSERTED_CLASH) {
        consumer_reject(delivery, request, KT_ECLASH);
    } else {
        bool is_new = request->insert.inserted == KT_INSERTED_NEW;
        if (is_new)
            self->opts.sink.work(self->opts.sink.context);
        self->accepted += is_new;
        self->known += !is_new;
        if (!is_new && delivery->replay)
            consumer_replay(delivery, request);
        else
            consumer_settle(self, delivery);
    }
}

void
kt_consumer_deliver(kt_consumer_t *self, kt_delivery_t **delivery_p)
{
    kt_delivery_t       *delivery = *delivery_p;
    kt_ledger_request_t *request  = delivery->request;
    *delivery_p                   = NULL;
    delivery->request             = NULL;
    delivery->owner               = self;
    delivery->next                = self->first;
    if (self->first)
        self->first->previous = delivery;
    self->first = delivery;
    self->n++;
    self->delivered++;
    int64_t now_ms = kt_clock_wall_ms();
    if (delivery->sent_ms > 0 && delivery->sent_ms <= now_ms)  // a producer's clock may be ahead
        kt_histogram_add(&self->queue_times, 1000 * (now_ms - delivery->sent_ms));
    request->context  = delivery;
    request->answered = request->type == KT_LREQ_REJECT ? consumer_on_reject : consumer_on_insert;
    kt_ledger_port_post(self->opts.port, &request);
}

void
kt_consumer_drain(kt_consumer_t *self, int64_t now_ms)
{
    self->done_by_ms = now_ms + DONE_MS;
}

bool
kt_consumer_is_done(const kt_consumer_t *self, int64_t now_ms)
{
    return self->n == 0 || now_ms >= self->done_by_ms;
}

void
kt_consumer_stats(const kt_consumer_t *self, kt_amqp_stats_t *out)
{
    out->delivered   = self->delivered;
    out->accepted    = self->accepted;
    out->known       = self->known;
    out->rejected    = self->rejected;
    out->settled     = self->settled;
    out->unsettled   = self->n;
    out->replayed    = self->replayed;
    out->queue_times = self->queue_times;
}
