#include "coordinator/amqp/publisher.h"

#include "common/clock.h"
#include "common/log.h"
#include "coordinator/amqp/backoff.h"
#include "coordinator/amqp/id_set.h"
#include "proto/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS         = 2000,  // on their way
    ROWS_LEAST   = 256,   // room for so many before more are asked for
    A_TURN       = 512,
    PROBES       = 4,
    LOOK_MS      = 5000,
    LOOK_SLOW_MS = 60000,
    LOOK_SHARE   = 50,  // a look from the beginning takes at most one part of so many of the time
    SAY_MS       = 60000,
    DONE_MS      = 3000,
};

struct kt_publisher {
    const kt_settings_t *settings;
    kt_ledger_port_t    *port;
    kt_lease_keeper_t   *lease;
    kt_amqp_out_t       *out;
    kt_ids_t             ids;    // with the actor, or confirmed but not yet recorded in the ledger
    size_t               bytes;  // with the actor
    size_t               with_actor;
    uint64_t             confirmed[ROWS];
    size_t               n_confirmed;
    bool                 telling;                 // a SENT is with the ledger
    bool                 asking;                  // an OUTBOX is
    bool                 more;                    // there may be rows behind `after`
    uint64_t             after, epoch;            // the outbox is read up to there, under that lease
    uint64_t             fenced;                  // an epoch that is no longer ours, 0 none
    int64_t              look_ms, look_began_ms;  // from the beginning: next time; 0 or when the one that runs began
    bool                 unroutable;
    uint64_t             probe_after;
    int64_t              probe_ms;
    kt_backoff_t         probe_pause;
    int64_t              last_logged_ms, done_by_ms;
    uint64_t             said;
    uint64_t             n_sent, n_returned, n_refused, n_lost;
};

kt_err_t
kt_publisher_new(kt_publisher_t **self_p, const kt_settings_t *settings, kt_ledger_port_t *port,
                 kt_lease_keeper_t *lease, char why[KT_LEDGER_WHY])
{
    char            reason[KT_AMQP_WHY] = "";
    kt_publisher_t *self                = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->settings = settings;
    self->port     = port;
    self->lease    = lease;
    kt_backoff_init(&self->probe_pause, (uint64_t)kt_clock_us());
    kt_err_t err = kt_ids_init(&self->ids, ROWS);
    if (!err)
        err = kt_amqp_out_new(&self->out, settings, reason);
    if (err) {
        snprintf(why, KT_LEDGER_WHY, "%s", *reason ? reason : kt_err_text(err));
        kt_publisher_destroy(&self);
        return err;
    }
    *self_p = self;
    return KT_OK;
}

void
kt_publisher_destroy(kt_publisher_t **self_p)
{
    kt_publisher_t *self = *self_p;
    if (!self)
        return;
    kt_amqp_out_destroy(&self->out);
    kt_ids_fini(&self->ids);
    free(self);
    *self_p = NULL;
}

int
kt_publisher_fd(kt_publisher_t *self)
{
    return kt_queue_fd(kt_amqp_out_answers(self->out));
}

void
kt_publisher_wake(kt_publisher_t *self)
{
    if (self)
        self->more = true;
}

static bool
give(kt_publisher_t *self, kt_outbox_row_t *row, bool probe)
{
    kt_amqp_message_t *message = calloc(1, sizeof *message);
    if (!message || !kt_ids_add(&self->ids, row->id)) {
        free(message);
        return false;
    }
    message->row   = *row;
    message->probe = probe;
    size_t bytes   = row->n_bytes;
    row->bytes     = NULL;
    if (kt_amqp_out_give(self->out, &message)) {
        kt_ids_remove(&self->ids, row->id);
        kt_amqp_message_destroy(&message);
        return false;
    }
    self->bytes += bytes;
    self->with_actor++;
    return true;
}

// How far they went out; a row that is on its way already is passed over.
static uint64_t
give_all(kt_publisher_t *self, kt_ledger_request_t *request, uint64_t after, bool probe, bool *all)
{
    *all = true;
    for (size_t i = 0; i < request->outbox.n; i++) {
        kt_outbox_row_t *row = &request->outbox.rows[i];
        if (!kt_ids_has(&self->ids, row->id) && !give(self, row, probe)) {
            *all = false;
            return after;
        }
        after = row->id;
    }
    return after;
}

// A page that is short of what was wanted is the last, unless its bytes filled it.
static bool
was_cut(const kt_ledger_request_t *request, size_t bytes)
{
    return request->outbox.n == request->outbox.want || bytes > KT_OUTBOX_BYTES - KT_DOCUMENT_MAX_BYTES;
}

static void
end_look(kt_publisher_t *self)
{
    int64_t now_ms = kt_clock_ms(), least_ms = self->unroutable ? LOOK_SLOW_MS : LOOK_MS;
    int64_t pause_ms    = self->look_began_ms ? LOOK_SHARE * (now_ms - self->look_began_ms) : 0;
    self->look_began_ms = 0;
    self->look_ms       = now_ms + (pause_ms > least_ms ? pause_ms : least_ms);
}

static bool
take_page(kt_publisher_t *self, kt_ledger_request_t *request)
{
    self->asking = false;
    if (request->err == KT_EFENCED) {
        self->fenced = self->epoch;  // all of it again under the next lease
        kt_lease_check(self->lease);
    }
    return !request->err;
}

static void
on_rows(void *context, kt_ledger_request_t **request_p)
{
    kt_publisher_t      *self    = context;
    kt_ledger_request_t *request = *request_p;
    size_t               bytes   = 0;
    bool                 all;
    if (!take_page(self, request))
        return;
    for (size_t i = 0; i < request->outbox.n; i++)
        bytes += request->outbox.rows[i].n_bytes;
    bool cut    = was_cut(request, bytes);
    self->after = give_all(self, request, self->after, false, &all);
    if (cut || !all)
        self->more = true;
    else if (!self->more && self->look_began_ms)
        end_look(self);
    kt_publisher_turn(self);
}

// The next few come with the next probe; behind the last one it begins again.
static void
on_probes(void *context, kt_ledger_request_t **request_p)
{
    kt_publisher_t *self = context;
    bool            all;
    if (!take_page(self, *request_p))
        return;
    size_t n = (*request_p)->outbox.n;
    if (!n && !self->probe_after)
        self->unroutable = false;
    uint64_t end      = give_all(self, *request_p, self->probe_after, true, &all);
    self->probe_after = n < PROBES ? 0 : end;
    kt_publisher_turn(self);
}

static void
ask(kt_publisher_t *self, uint64_t after, size_t want, kt_ledger_answered_fn *answered)
{
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_OUTBOX, self);
    if (!request)
        return;  // the next tick tries again
    request->outbox.after = after;
    request->outbox.want  = want;
    request->answered     = answered;
    self->asking          = true;
    kt_ledger_port_post(self->port, &request);
}

static void
on_sent_recorded(void *context, kt_ledger_request_t **request_p)
{
    kt_publisher_t      *self    = context;
    kt_ledger_request_t *request = *request_p;
    self->telling                = false;
    for (size_t i = 0; i < request->sent.n; i++)
        kt_ids_remove(&self->ids, request->sent.ids[i]);
    kt_publisher_turn(self);
}

// One group at a time: while the ledger writes one, the next gathers.
static void
tell(kt_publisher_t *self)
{
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_SENT, self);
    uint64_t            *ids     = malloc(self->n_confirmed * sizeof *ids);
    if (!request || !ids) {
        free(ids);
        kt_ledger_request_destroy(&request);
        return;  // the next tick tries again
    }
    memcpy(ids, self->confirmed, self->n_confirmed * sizeof *ids);
    request->sent.ids = ids;
    request->sent.n   = self->n_confirmed;
    request->answered = on_sent_recorded;
    self->n_confirmed = 0;
    self->telling     = true;
    kt_ledger_port_post(self->port, &request);
}

static void
begin_look(kt_publisher_t *self)
{
    self->after         = 0;
    self->more          = true;
    self->look_began_ms = kt_clock_ms();
}

static void
ask_what_is_due(kt_publisher_t *self, int64_t now_ms)
{
    const kt_lease_keeper_t *lease = self->lease;
    size_t                   room  = ROWS - self->ids.n;
    if (!lease->held || lease->epoch == self->fenced || self->asking || room < ROWS_LEAST ||
        self->bytes >= KT_OUTBOX_BYTES)
        return;
    if (self->epoch != lease->epoch) {
        self->epoch = lease->epoch;
        begin_look(self);
    } else if (!self->more && now_ms >= self->look_ms) {
        begin_look(self);
    }
    if (self->more) {
        self->more = false;
        ask(self, self->after, room, on_rows);
        self->more = !self->asking;
    } else if (self->unroutable && now_ms >= self->probe_ms) {
        self->probe_ms = now_ms + kt_backoff_next(&self->probe_pause);
        ask(self, self->probe_after, PROBES, on_probes);
    }
}

void
kt_publisher_turn(kt_publisher_t *self)
{
    if (!self)
        return;
    if (self->n_confirmed && !self->telling)
        tell(self);
    ask_what_is_due(self, kt_clock_ms());
}

static void
say_returned(kt_publisher_t *self, const kt_amqp_message_t *message, int64_t now_ms)
{
    uint64_t all = self->n_returned + self->n_refused;
    if (self->said && now_ms - self->last_logged_ms < SAY_MS)
        return;
    kt_log_warn("AMQP-RETURNED",
                "exchange=\"%s\" routing_key=\"%s\" how=%s messages=%llu text=\"they wait until a queue takes them\"",
                message->row.kind == KT_OUTBOX_DEAD ? "dead-letter" : self->settings->exchange_name,
                self->settings->routing_key, message->how == KT_PUBLISHED_RETURNED ? "returned" : "refused",
                (unsigned long long)(all - self->said));
    self->said           = all;
    self->last_logged_ms = now_ms;
}

static void
on_unwanted(kt_publisher_t *self, const kt_amqp_message_t *message)
{
    int64_t now_ms = kt_clock_ms();
    if (message->how == KT_PUBLISHED_RETURNED)
        self->n_returned++;
    else
        self->n_refused++;
    kt_ids_remove(&self->ids, message->row.id);
    say_returned(self, message, now_ms);
    if (self->unroutable)
        return;
    self->unroutable = true;
    self->probe_ms   = now_ms + kt_backoff_next(&self->probe_pause);
}

// A probe that gets through opens the way for all that waits.
static void
on_confirmed(kt_publisher_t *self, const kt_amqp_message_t *message)
{
    self->confirmed[self->n_confirmed++] = message->row.id;
    self->n_sent++;
    if (!message->probe || !self->unroutable)
        return;
    self->unroutable  = false;
    self->probe_after = 0;
    kt_backoff_reset(&self->probe_pause);
    begin_look(self);
}

// Again from there on; what was confirmed meanwhile does not wait any more.
static void
on_lost(kt_publisher_t *self, const kt_amqp_message_t *message)
{
    self->n_lost++;
    kt_ids_remove(&self->ids, message->row.id);
    if (self->after >= message->row.id)
        self->after = message->row.id - 1;
    self->more = true;
}

void
kt_publisher_answers(kt_publisher_t *self)
{
    void  *items[A_TURN];
    size_t n = 0;
    if (kt_queue_pop(kt_amqp_out_answers(self->out), items, A_TURN, &n, 0))
        return;
    for (size_t i = 0; i < n; i++) {
        kt_amqp_message_t *message = items[i];
        self->bytes -= message->row.n_bytes;
        self->with_actor--;
        switch (message->how) {
        case KT_PUBLISHED_CONFIRMED: on_confirmed(self, message); break;
        case KT_PUBLISHED_RETURNED:
        case KT_PUBLISHED_REFUSED: on_unwanted(self, message); break;
        case KT_PUBLISHED_LOST: on_lost(self, message); break;
        }
        kt_amqp_message_destroy(&message);
    }
    kt_publisher_turn(self);
}

void
kt_publisher_tick(kt_publisher_t *self, int64_t now_ms)
{
    kt_amqp_out_watch(self->out, now_ms);
    kt_publisher_turn(self);
}

bool
kt_publisher_is_done(kt_publisher_t *self, int64_t now_ms)
{
    if (!self->done_by_ms)
        self->done_by_ms = now_ms + DONE_MS;
    bool idle = !self->ids.n && !self->asking && !self->telling && !self->more;
    return idle || now_ms >= self->done_by_ms;
}

void
kt_publisher_stats(kt_publisher_t *self, kt_amqp_stats_t *out)
{
    kt_amqp_out_health(self->out, &out->out);
    out->confirmed       = self->n_sent;
    out->returned        = self->n_returned;
    out->refused         = self->n_refused;
    out->lost            = self->n_lost;
    out->in_flight       = self->with_actor;
    out->in_flight_bytes = self->bytes;
    out->unroutable      = self->unroutable;
}
