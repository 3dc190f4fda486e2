// The outbox on its way to the broker: pages, rescans, confirms, probes of what no queue takes.
#include "../loop/posted.h"
#include "coordinator/amqp/publisher.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { SENT_MAX = 4096 };

static kt_ledger_port_t   port;
static kt_lease_keeper_t  lease;
static kt_publisher_t    *publisher;
static kt_amqp_message_t *sent[SENT_MAX];
static size_t             n_sent, room;

static void
on_event(void *context, const kt_event_t *event)
{
    (void)context, (void)event;
}

static kt_err_t
send_message(void *context, kt_amqp_message_t **message_p)
{
    (void)context;
    if (n_sent >= room)
        return KT_EFULL;
    sent[n_sent++] = *message_p;
    *message_p     = NULL;
    return KT_OK;
}

static void
set_up(void)
{
    kt_sink_t           sink = {.event = on_event};
    kt_publisher_opts_t opts = {
        .port = &port, .lease = &lease, .exchange = "x", .routing_key = "k", .send = send_message};
    n_sent = 0;
    room   = SENT_MAX;
    kt_ledger_port_init(&port, sink);
    posted_set_up(&port);
    kt_lease_init(&lease, &port, sink, "here", 4000);
    lease.held  = true;
    lease.epoch = 1;
    cr_assert_eq(kt_publisher_new(&publisher, &opts), KT_OK);
}

static void
tear_down(void)
{
    while (n_sent)
        kt_amqp_message_destroy(&sent[--n_sent]);
    posted_tear_down();
    kt_publisher_destroy(&publisher);
    kt_ledger_port_fini(&port);
}

TestSuite(publisher, .init = set_up, .fini = tear_down);

// The OUTBOX that is requested, answered with n rows from `first` on.
static void
answer_page(uint64_t first, size_t n)
{
    kt_ledger_request_t *page = posted_take(KT_LREQ_OUTBOX);
    cr_assert_not_null(page);
    cr_assert_geq(page->outbox.want, n);
    page->outbox.rows = calloc(n + 1, sizeof *page->outbox.rows);
    page->outbox.n    = n;
    for (size_t i = 0; i < n; i++)
        page->outbox.rows[i] = (kt_outbox_row_t){.id = first + i, .bytes = strdup("{}"), .n_bytes = 2};
    posted_answer(&port, page, KT_OK);
}

static uint64_t
asked_after(void)
{
    kt_ledger_request_t *page = posted_take(KT_LREQ_OUTBOX);
    cr_assert_not_null(page);
    uint64_t after = page->outbox.after;
    posted_answer(&port, page, KT_OK);  // nothing there
    return after;
}

static void
come_back(size_t place, kt_published_t how)
{
    kt_amqp_message_t *message = sent[place];
    message->how               = how;
    sent[place]                = sent[--n_sent];
    kt_publisher_take(publisher, &message);
    cr_assert_null(message);
    kt_publisher_turn(publisher);
}

static void
pass(int64_t ms)
{
    posted_clock.ms += ms;
    kt_publisher_turn(publisher);
}

static kt_amqp_stats_t
stats(void)
{
    kt_amqp_stats_t out = {0};
    kt_publisher_stats(publisher, &out);
    return out;
}

Test(publisher, without_a_lease_nothing_is_requested)
{
    lease.held = false;
    pass(10000);
    cr_assert_eq(posted_count(KT_LREQ_OUTBOX), 0);
}

Test(publisher, rows_go_out_in_order_and_their_confirms_into_the_ledger)
{
    pass(0);
    answer_page(1, 3);
    cr_assert_eq(n_sent, 3);
    cr_assert_eq(sent[2]->row.id, 3);
    cr_assert_eq(stats().in_flight, 3);
    cr_assert_eq(stats().in_flight_bytes, 6);
    come_back(0, KT_PUBLISHED_CONFIRMED);
    kt_ledger_request_t *record = posted_take(KT_LREQ_SENT);
    cr_assert_eq(record->sent.n, 1);
    cr_assert_eq(record->sent.ids[0], 1);
    come_back(0, KT_PUBLISHED_CONFIRMED);
    come_back(0, KT_PUBLISHED_CONFIRMED);
    cr_assert_eq(posted_count(KT_LREQ_SENT), 0);  // one group at a time
    posted_answer(&port, record, KT_OK);
    record = posted_take(KT_LREQ_SENT);
    cr_assert_eq(record->sent.n, 2);
    posted_answer(&port, record, KT_OK);
    cr_assert_eq(stats().confirmed, 3);
    cr_assert(kt_publisher_is_done(publisher, posted_clock.ms));
}

Test(publisher, a_full_page_is_followed_by_the_next)
{
    pass(0);
    kt_ledger_request_t *page = posted_take(KT_LREQ_OUTBOX);
    size_t               want = page->outbox.want;
    cr_assert_eq(page->outbox.after, 0);
    page->outbox.rows = calloc(want, sizeof *page->outbox.rows);
    page->outbox.n    = want;
    for (size_t i = 0; i < want; i++)
        page->outbox.rows[i] = (kt_outbox_row_t){.id = i + 1, .bytes = strdup("{}"), .n_bytes = 2};
    posted_answer(&port, page, KT_OK);
    cr_assert_eq(posted_count(KT_LREQ_OUTBOX), 0);  // no room for more in flight
    for (size_t i = 0; i < want / 2; i++)
        come_back(0, KT_PUBLISHED_CONFIRMED);
    while (posted_count(KT_LREQ_SENT))
        posted_answer(&port, posted_take(KT_LREQ_SENT), KT_OK);
    cr_assert_eq(asked_after(), want);
}

Test(publisher, a_row_in_flight_is_not_sent_again_by_a_rescan)
{
    pass(0);
    answer_page(1, 2);
    pass(5000);
    answer_page(1, 3);
    cr_assert_eq(n_sent, 3);
    cr_assert_eq(sent[2]->row.id, 3);
}

Test(publisher, new_rows_are_read_after_the_last_and_a_rescan_from_the_beginning)
{
    pass(0);
    answer_page(1, 2);
    pass(4999);
    cr_assert_eq(posted_count(KT_LREQ_OUTBOX), 0);
    kt_publisher_wake(publisher);
    pass(0);
    cr_assert_eq(asked_after(), 2);
    pass(1);
    cr_assert_eq(asked_after(), 0);
}

Test(publisher, a_long_rescan_is_followed_by_a_long_pause)
{
    pass(0);
    posted_clock.ms += 1000;  // of the one rescan
    cr_assert_eq(asked_after(), 0);
    pass(49999);
    cr_assert_eq(posted_count(KT_LREQ_OUTBOX), 0);
    pass(1);
    cr_assert_eq(posted_count(KT_LREQ_OUTBOX), 1);
}

Test(publisher, the_pause_after_a_very_long_rescan_has_a_bound)
{
    pass(0);
    posted_clock.ms += 60000;  // of the one rescan: fifty times that is 50 minutes
    cr_assert_eq(asked_after(), 0);
    pass(599999);
    cr_assert_eq(posted_count(KT_LREQ_OUTBOX), 0);
    pass(1);
    cr_assert_eq(posted_count(KT_LREQ_OUTBOX), 1);
}

Test(publisher, a_lost_message_is_read_and_sent_again)
{
    pass(0);
    answer_page(1, 3);
    come_back(1, KT_PUBLISHED_LOST);
    cr_assert_eq(stats().lost, 1);
    kt_ledger_request_t *page = posted_take(KT_LREQ_OUTBOX);
    cr_assert_eq(page->outbox.after, 1);
    page->outbox.rows = calloc(3, sizeof *page->outbox.rows);
    page->outbox.n    = 2;
    for (size_t i = 0; i < 2; i++)
        page->outbox.rows[i] = (kt_outbox_row_t){.id = i + 2, .bytes = strdup("{}"), .n_bytes = 2};
    posted_answer(&port, page, KT_OK);
    cr_assert_eq(n_sent, 3);
    cr_assert_eq(sent[2]->row.id, 2);
}

Test(publisher, what_no_queue_takes_is_probed_in_turn_until_one_gets_through)
{
    pass(0);
    answer_page(1, 6);
    while (n_sent)
        come_back(0, KT_PUBLISHED_RETURNED);
    cr_assert(stats().unroutable);
    cr_assert_eq(stats().returned, 6);
    cr_assert_eq(posted_count(KT_LREQ_OUTBOX), 0);
    pass(1000);
    answer_page(1, 4);
    cr_assert_eq(n_sent, 4);
    cr_assert(sent[0]->probe);
    while (n_sent)
        come_back(0, KT_PUBLISHED_REFUSED);
    cr_assert_eq(stats().refused, 4);
    pass(1000);
    kt_ledger_request_t *page = posted_take(KT_LREQ_OUTBOX);
    cr_assert_eq(page->outbox.after, 4);  // the next few
    page->outbox.rows    = calloc(2, sizeof *page->outbox.rows);
    page->outbox.rows[0] = (kt_outbox_row_t){.id = 5, .bytes = strdup("{}"), .n_bytes = 2};
    page->outbox.n       = 1;
    posted_answer(&port, page, KT_OK);
    come_back(0, KT_PUBLISHED_CONFIRMED);
    cr_assert_not(stats().unroutable);
    cr_assert_eq(asked_after(), 0);  // all that waits follows
}

Test(publisher, while_nothing_is_routable_rescans_are_rare)
{
    pass(0);
    answer_page(1, 1);
    come_back(0, KT_PUBLISHED_RETURNED);
    pass(5000);  // the rescan that was due already, and with it the slow pace
    answer_page(1, 1);
    come_back(0, KT_PUBLISHED_RETURNED);
    for (int64_t ms = 0; ms < 59000; ms += 1000) {
        pass(1000);
        kt_ledger_request_t *page = posted_take(KT_LREQ_OUTBOX);
        if (!page)
            continue;
        cr_assert_eq(page->outbox.want, 4);  // a probe
        posted_answer(&port, page, KT_EIO);
    }
}

Test(publisher, a_fenced_page_checks_the_lease_and_waits_for_another)
{
    pass(0);
    posted_answer(&port, posted_take(KT_LREQ_OUTBOX), KT_EFENCED);
    cr_assert_eq(posted_count(KT_LREQ_RENEW), 1);
    pass(60000);
    cr_assert_eq(posted_count(KT_LREQ_OUTBOX), 0);
    lease.epoch = 2;
    pass(0);
    cr_assert_eq(asked_after(), 0);
}

Test(publisher, rows_that_the_sender_does_not_take_are_read_again)
{
    room = 2;
    pass(0);
    answer_page(1, 5);
    cr_assert_eq(n_sent, 2);
    cr_assert_eq(asked_after(), 2);
}

Test(publisher, it_is_done_after_a_while_even_if_the_broker_is_not)
{
    pass(0);
    answer_page(1, 1);
    cr_assert_not(kt_publisher_is_done(publisher, posted_clock.ms));
    cr_assert(kt_publisher_is_done(publisher, posted_clock.ms + 3000));
}

// A page with fewer messages than rows is not taken for the last one.
Test(publisher, a_damaged_row_is_left_out_and_counted_once)
{
    kt_amqp_stats_t stats = {0};
    for (int round = 1; round <= 2; round++) {
        kt_ledger_request_t *page;
        kt_publisher_wake(publisher);
        kt_publisher_turn(publisher);
        page = posted_take(KT_LREQ_OUTBOX);
        cr_assert_not_null(page);
        page->outbox.rows = calloc(3, sizeof *page->outbox.rows);
        page->outbox.n    = 3;
        for (uint64_t i = 0; i < 3; i++)
            page->outbox.rows[i] = (kt_outbox_row_t){.id = 1 + i, .damaged = i == 1};
        page->outbox.rows[0].bytes = strdup("{}"), page->outbox.rows[0].n_bytes = 2;
        page->outbox.rows[2].bytes = strdup("{}"), page->outbox.rows[2].n_bytes = 2;
        posted_answer(&port, page, KT_OK);
        cr_assert_eq(n_sent, 2);
        cr_assert(sent[0]->row.id == 1 && sent[1]->row.id == 3);
        kt_publisher_stats(publisher, &stats);
        cr_assert_eq(stats.damaged, 1);
    }
}

Test(publisher, a_row_that_is_lost_while_a_page_is_read_is_read_again_at_once)
{
    pass(0);
    answer_page(1, 3);
    kt_publisher_wake(publisher);
    pass(0);
    come_back(0, KT_PUBLISHED_LOST);
    answer_page(4, 1);
    cr_assert_eq(asked_after(), 0);
}
