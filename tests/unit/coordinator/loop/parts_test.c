#include "../ledger/fixture.h"
#include "common/clock.h"
#include "coordinator/loop/drains.h"
#include "coordinator/loop/lease.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>

enum { LENGTH_MS = 60000, WAIT_MS = 5000 };

static kt_ledger_port_t port;
static size_t           events[KT_EVENTS], fatals, notified;

static void
on_event(void *context, const kt_event_t *event)
{
    (void)context;
    events[event->type]++;
}

static void
on_fatal(void *context, const char *id, kt_err_t err)
{
    (void)context, (void)id, (void)err;
    fatals++;
}

static void
on_work(void *context)
{
    (void)context;
}

static void
on_notify(void *context, const char *node_name, bool on)
{
    (void)context, (void)node_name, (void)on;
    notified++;
}

static const kt_sink_t SINK = {NULL, on_event, on_fatal, on_work};

static void
set_up(void)
{
    kt_ledger_t *ledger = fixture_memory();
    memset(events, 0, sizeof events);
    fatals = notified = 0;
    kt_ledger_port_init(&port, SINK);
    cr_assert_eq(kt_ledger_port_open(&port, &ledger), KT_OK);
}

static void
tear_down(void)
{
    kt_ledger_port_stop(&port);
    kt_ledger_port_fini(&port);
}

static void
take_answers(void)
{
    struct pollfd ready = {.fd = kt_ledger_port_fd(&port), .events = POLLIN};
    cr_assert_eq(poll(&ready, 1, WAIT_MS), 1);
    cr_assert(kt_ledger_port_answers(&port));
}

static void
open_lease(kt_lease_keeper_t *lease)
{
    kt_lease_init(lease, &port, SINK, "here", LENGTH_MS);
    kt_lease_tick(lease, kt_clock_ms());
    take_answers();
    cr_assert(lease->held);
    cr_assert_eq(events[KT_EV_LEASE_OPEN], 1);
}

TestSuite(lease, .init = set_up, .fini = tear_down);
TestSuite(drains, .init = set_up, .fini = tear_down);
TestSuite(ledger_port, .init = set_up, .fini = tear_down);

Test(lease, a_lease_that_was_not_renewed_is_lost_before_the_next_step)
{
    kt_lease_keeper_t lease;
    open_lease(&lease);
    kt_lease_guard(&lease, lease.good_ms + LENGTH_MS);
    cr_assert(lease.held);
    kt_lease_guard(&lease, lease.good_ms + LENGTH_MS + 1);
    cr_assert_not(lease.held);
    kt_lease_guard(&lease, lease.good_ms + LENGTH_MS + 2);
    cr_assert_eq(events[KT_EV_LEASE_LOST], 1);
}

Test(lease, a_lease_is_renewed_after_a_quarter_of_its_length)
{
    kt_lease_keeper_t lease;
    open_lease(&lease);
    kt_lease_tick(&lease, lease.asked_ms + LENGTH_MS / 4 - 1);
    cr_assert_not(lease.asked);
    kt_lease_tick(&lease, lease.asked_ms + LENGTH_MS / 4);
    cr_assert(lease.asked);
    take_answers();
    cr_assert_not(lease.asked);
    cr_assert_eq(events[KT_EV_WORK], 1);
}

// The ledger counts it from the request at the latest: from the answer it would be held here after it has run out
// there.
Test(lease, a_lease_counts_from_the_request_not_from_its_answer)
{
    enum { SLOW_MS = 1000 };
    kt_lease_keeper_t lease;
    kt_lease_init(&lease, &port, SINK, "here", LENGTH_MS);
    kt_lease_tick(&lease, kt_clock_ms());
    lease.asked_ms -= SLOW_MS;
    take_answers();
    cr_assert(lease.held);
    cr_assert_eq(lease.good_ms, lease.asked_ms);
    kt_lease_tick(&lease, lease.asked_ms + LENGTH_MS / 4);
    lease.asked_ms -= SLOW_MS;
    take_answers();
    cr_assert_eq(lease.good_ms, lease.asked_ms);
}

Test(drains, an_answer_to_a_request_before_a_change_is_ignored)
{
    kt_drains_t drains;
    kt_drains_init(&drains, &port, SINK, on_notify);
    kt_drains_read(&drains);
    kt_drains_set(&drains, "n1", true);
    take_answers();
    cr_assert(kt_drains_has(&drains, "n1"));
    cr_assert_eq(notified, 0);
    kt_drains_fini(&drains);
}

Test(drains, a_name_that_the_ledger_does_not_list_is_drained_no_longer)
{
    kt_drains_t drains;
    kt_drains_init(&drains, &port, SINK, on_notify);
    kt_drains_set(&drains, "n1", true);
    kt_drains_read(&drains);
    take_answers();
    cr_assert_not(kt_drains_has(&drains, "n1"));
    cr_assert_eq(events[KT_EV_DRAIN], 1);
    cr_assert_eq(notified, 1);
    kt_drains_fini(&drains);
}

static void
count_answer(void *context, kt_ledger_request_t **request_p)
{
    (void)request_p;
    ++*(size_t *)context;
}

Test(ledger_port, an_answer_goes_to_the_callback_of_its_request)
{
    size_t               answered = 0;
    kt_ledger_request_t *request  = kt_ledger_port_request(&port, KT_LREQ_TOTALS, &answered, count_answer);
    kt_ledger_port_post(&port, &request);
    cr_assert_null(request);
    take_answers();
    cr_assert_eq(answered, 1);
    cr_assert_eq(fatals, 0);
}

Test(ledger_port, after_close_no_callback_is_called)
{
    size_t               answered = 0;
    kt_ledger_request_t *request  = kt_ledger_port_request(&port, KT_LREQ_TOTALS, &answered, count_answer);
    kt_ledger_port_post(&port, &request);
    kt_ledger_port_close(&port);
    take_answers();
    cr_assert_eq(answered, 0);
}
