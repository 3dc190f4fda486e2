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
    ROWS           = 2000,  // in flight
    ROWS_LEAST     = 256,   // smallest page that is requested
    PROBES         = 4,
    RESCAN_MS      = 5000,
    RESCAN_SLOW_MS = 60000,
    // The pause after a rescan is 50 times its length, 2 % of the time, but at most ten minutes, so that a row of a
    // coordinator that is gone does not wait for longer. From a rescan of 12 s on its share grows: at 60 s it is 9 %.
    RESCAN_SHARE   = 50,
    RESCAN_MOST_MS = 600000,
    LOG_MS         = 60000,
    DONE_MS        = 3000,
};

struct kt_publisher {
    kt_publisher_opts_t opts;
    kt_ids_t            ids;    // with the broker, or confirmed but not yet recorded in the ledger
    size_t              bytes;  // with the broker
    size_t              with_broker;
    uint64_t            confirmed[ROWS];
    size_t              n_confirmed;
    bool                recording;                   // a SENT is with the ledger
    bool                asking;                      // an OUTBOX is
    bool                more;                        // there may be rows after `after`
    uint64_t            after, epoch;                // the outbox is read up to there, under that lease
    uint64_t            fenced;                      // an epoch that was fenced, 0 none
    int64_t             rescan_ms, rescan_began_ms;  // next one due; 0 or when the one that runs began
    bool                unroutable;
    kt_amqp_waits_t     waits;
    uint64_t            probe_after;
    int64_t             probe_ms;
    kt_backoff_t        probe_pause;
    int64_t             last_logged_ms, done_by_ms;
    uint64_t            n_logged;
    uint64_t            n_sent, n_returned, n_refused, n_lost, n_damaged;
    uint64_t            damaged_upto;  // the last row that was found damaged and named
};

kt_err_t
kt_publisher_new(kt_publisher_t **self_p, const kt_publisher_opts_t *opts)
{
    kt_publisher_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->opts = *opts;
    kt_backoff_init(&self->probe_pause, (uint64_t)kt_clock_us());
    kt_err_t err = kt_ids_init(&self->ids, ROWS);
    if (err)
        kt_publisher_destroy(&self);
    else
        *self_p = self;
    return err;
}

void
kt_publisher_destroy(kt_publisher_t **self_p)
{
    kt_publisher_t *self = *self_p;
    if (!self)
        return;
    kt_ids_fini(&self->ids);
    free(self);
    *self_p = NULL;
}

void
kt_publisher_wake(kt_publisher_t *self)
{
    self->more = true;
}

static bool
publisher_send(kt_publisher_t *self, kt_outbox_row_t *row, bool probe)
{
    kt_amqp_message_t *message = calloc(1, sizeof *message);
    if (!message || !kt_ids_add(&self->ids, row->id)) {
        free(message);
        return false;
    }
    message->row   = *row;
    message->probe = probe;
    size_t bytes   = row->n_bytes;
    row->bytes = row->properties = NULL;
    if (self->opts.send(self->opts.context, &message)) {
        kt_ids_remove(&self->ids, row->id);
        kt_amqp_message_destroy(&message);
        return false;
    }
    self->bytes += bytes;
    self->with_broker++;
    return true;
}

// The row waits until its job is done again. It is named once.
static void
publisher_skip_damaged(kt_publisher_t *self, const kt_outbox_row_t *row)
{
    char id[2 * KT_JOB_ID_BYTES];
    if (row->id <= self->damaged_upto)
        return;
    self->damaged_upto = row->id;
    self->n_damaged++;
    kt_log_error("LEDGER-DAMAGED", "job=%llu run=%u message_id=\"%s\" text=\"%s\"", (unsigned long long)row->run.job,
                 row->run.run, kt_log_quote(id, sizeof id, row->message_id),
                 "the stored result is no message and is not published: do the job again, or repair the row");
}

// Returns the last row that was sent; rows in flight are skipped, and so are damaged ones.
static uint64_t
publisher_send_all(kt_publisher_t *self, kt_ledger_request_t *request, uint64_t after, bool probe, bool *all)
{
    *all = true;
    for (size_t i = 0; i < request->outbox.n; i++) {
        kt_outbox_row_t *row = &request->outbox.rows[i];
        if (row->damaged) {
            publisher_skip_damaged(self, row);
        } else if (!kt_ids_has(&self->ids, row->id) && !publisher_send(self, row, probe)) {
            *all = false;
            return after;
        }
        after = row->id;
    }
    return after;
}

static bool
publisher_page_ok(kt_publisher_t *self, kt_ledger_request_t *request)
{
    self->asking = false;
    if (request->err == KT_EFENCED) {
        self->fenced = self->epoch;  // starts again under the next lease
        kt_lease_check(self->opts.lease);
    }
    return !request->err;
}

static void
publisher_on_rows(void *context, kt_ledger_request_t **request_p)
{
    kt_publisher_t      *self    = context;
    kt_ledger_request_t *request = *request_p;
    size_t               bytes   = 0;
    bool                 all;
    if (!publisher_page_ok(self, request))
        return;
    for (size_t i = 0; i < request->outbox.n; i++)
        bytes += request->outbox.rows[i].n_bytes;
    // A page with fewer rows than requested is the last one, unless its bytes filled it.
    bool cut = request->outbox.n == request->outbox.want || bytes > KT_OUTBOX_BYTES - KT_DOCUMENT_MAX_BYTES;
    // A row that was lost, or a rescan that was begun, while the page was read: reading goes on from there.
    const bool     back = self->after != request->outbox.after;
    const uint64_t end  = publisher_send_all(self, request, request->outbox.after, false, &all);
    self->after         = back ? self->after : end;
    if (cut || !all) {
        self->more = true;
    } else if (!self->more && self->rescan_began_ms) {  // the rescan has ended
        int64_t now_ms = kt_clock_ms(), least_ms = self->unroutable ? RESCAN_SLOW_MS : RESCAN_MS;
        int64_t pause_ms      = RESCAN_SHARE * (now_ms - self->rescan_began_ms);
        pause_ms              = pause_ms < RESCAN_MOST_MS ? pause_ms : RESCAN_MOST_MS;
        self->rescan_began_ms = 0;
        self->rescan_ms       = now_ms + (pause_ms > least_ms ? pause_ms : least_ms);
    }
    kt_publisher_turn(self);
}

// The next probe takes the next rows; after the last row it starts from the first.
static void
publisher_on_probes(void *context, kt_ledger_request_t **request_p)
{
    kt_publisher_t *self = context;
    bool            all;
    if (!publisher_page_ok(self, *request_p))
        return;
    size_t n = (*request_p)->outbox.n;
    if (!n && !self->probe_after)
        self->unroutable = false;
    uint64_t end      = publisher_send_all(self, *request_p, self->probe_after, true, &all);
    self->probe_after = n < PROBES ? 0 : end;
    kt_publisher_turn(self);
}

static void
publisher_ask(kt_publisher_t *self, uint64_t after, size_t want, kt_ledger_answered_fn *answered)
{
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_OUTBOX, self);
    if (!request)
        return;  // the next tick tries again
    request->outbox.after = after;
    request->outbox.want  = want;
    request->answered     = answered;
    self->asking          = true;
    kt_ledger_port_post(self->opts.port, &request);
}

static void
publisher_on_recorded(void *context, kt_ledger_request_t **request_p)
{
    kt_publisher_t      *self    = context;
    kt_ledger_request_t *request = *request_p;
    self->recording              = false;
    for (size_t i = 0; i < request->sent.n; i++)
        kt_ids_remove(&self->ids, request->sent.ids[i]);
    kt_publisher_turn(self);
}

// One group at a time: while the ledger writes one, the next gathers.
static void
publisher_record_sent(kt_publisher_t *self)
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
    request->answered = publisher_on_recorded;
    self->n_confirmed = 0;
    self->recording   = true;
    kt_ledger_port_post(self->opts.port, &request);
}

static void
publisher_begin_rescan(kt_publisher_t *self)
{
    self->after           = 0;
    self->more            = true;
    self->rescan_began_ms = kt_clock_ms();
}

static void
publisher_ask_due(kt_publisher_t *self, int64_t now_ms)
{
    const kt_lease_keeper_t *lease = self->opts.lease;
    size_t                   room  = ROWS - self->ids.n;
    if (!lease->held || lease->epoch == self->fenced || self->asking || room < ROWS_LEAST ||
        self->bytes >= KT_OUTBOX_BYTES)
        return;
    if (self->epoch != lease->epoch) {
        self->epoch = lease->epoch;
        publisher_begin_rescan(self);
    } else if (!self->more && now_ms >= self->rescan_ms) {
        publisher_begin_rescan(self);
    }
    if (self->more) {
        self->more = false;
        publisher_ask(self, self->after, room, publisher_on_rows);
        self->more = !self->asking;
    } else if (self->unroutable && now_ms >= self->probe_ms) {
        self->probe_ms = now_ms + kt_backoff_next(&self->probe_pause);
        publisher_ask(self, self->probe_after, PROBES, publisher_on_probes);
    }
}

void
kt_publisher_turn(kt_publisher_t *self)
{
    if (self->n_confirmed && !self->recording)
        publisher_record_sent(self);
    publisher_ask_due(self, kt_clock_ms());
}

static const struct {
    kt_amqp_waits_t waits;
    const char     *how, *text;
} UNWANTED[] = {
    [KT_PUBLISHED_RETURNED]  = {KT_AMQP_WAITS_FOR_BINDING, "returned",
                                "they wait until a queue is bound that takes them"},
    [KT_PUBLISHED_REFUSED]   = {KT_AMQP_WAITS_FOR_ROOM, "refused", "they wait until the queue that is bound has room"},
    [KT_PUBLISHED_FORBIDDEN] = {KT_AMQP_WAITS_FOR_RIGHTS, "forbidden",
                                "they wait until the user may write there and their queue can be declared"},
};

static void
publisher_on_unwanted(kt_publisher_t *self, const kt_amqp_message_t *message)
{
    int64_t now_ms = kt_clock_ms();
    if (message->how == KT_PUBLISHED_RETURNED)
        self->n_returned++;
    else
        self->n_refused++;
    kt_ids_remove(&self->ids, message->row.id);

    uint64_t all = self->n_returned + self->n_refused;
    if (!self->n_logged || now_ms - self->last_logged_ms >= LOG_MS) {
        kt_log_warn("AMQP-RETURNED", "exchange=\"%s\" routing_key=\"%s\" how=%s messages=%llu text=\"%s\"",
                    message->row.kind == KT_OUTBOX_DEAD ? "dead-letter" : self->opts.exchange, self->opts.routing_key,
                    UNWANTED[message->how].how, (unsigned long long)(all - self->n_logged),
                    UNWANTED[message->how].text);
        self->n_logged       = all;
        self->last_logged_ms = now_ms;
    }
    self->waits = UNWANTED[message->how].waits;
    if (self->unroutable)
        return;
    self->unroutable = true;
    self->probe_ms   = now_ms + kt_backoff_next(&self->probe_pause);
}

// A confirmed probe: all waiting rows follow.
static void
publisher_on_confirmed(kt_publisher_t *self, const kt_amqp_message_t *message)
{
    self->confirmed[self->n_confirmed++] = message->row.id;
    self->n_sent++;
    if (!message->probe || !self->unroutable)
        return;
    self->unroutable  = false;
    self->probe_after = 0;
    kt_backoff_reset(&self->probe_pause);
    publisher_begin_rescan(self);
}

// Reads the outbox again from this row; rows confirmed since are no longer in it.
static void
publisher_on_lost(kt_publisher_t *self, const kt_amqp_message_t *message)
{
    self->n_lost++;
    kt_ids_remove(&self->ids, message->row.id);
    if (self->after >= message->row.id)
        self->after = message->row.id - 1;
    self->more = true;
}

void
kt_publisher_take(kt_publisher_t *self, kt_amqp_message_t **message_p)
{
    const kt_amqp_message_t *message = *message_p;
    self->bytes -= message->row.n_bytes;
    self->with_broker--;
    switch (message->how) {
    case KT_PUBLISHED_CONFIRMED: publisher_on_confirmed(self, message); break;
    case KT_PUBLISHED_RETURNED:
    case KT_PUBLISHED_REFUSED:
    case KT_PUBLISHED_FORBIDDEN: publisher_on_unwanted(self, message); break;
    case KT_PUBLISHED_LOST: publisher_on_lost(self, message); break;
    }
    kt_amqp_message_destroy(message_p);
}

bool
kt_publisher_is_done(kt_publisher_t *self, int64_t now_ms)
{
    if (!self->done_by_ms)
        self->done_by_ms = now_ms + DONE_MS;
    bool idle = !self->ids.n && !self->asking && !self->recording && !self->more;
    return idle || now_ms >= self->done_by_ms;
}

void
kt_publisher_stats(const kt_publisher_t *self, kt_amqp_stats_t *out)
{
    out->confirmed       = self->n_sent;
    out->returned        = self->n_returned;
    out->refused         = self->n_refused;
    out->lost            = self->n_lost;
    out->damaged         = self->n_damaged;
    out->in_flight       = self->with_broker;
    out->in_flight_bytes = self->bytes;
    out->unroutable      = self->unroutable;
    out->waits           = self->unroutable ? self->waits : KT_AMQP_WAITS_FOR_NOTHING;
}
