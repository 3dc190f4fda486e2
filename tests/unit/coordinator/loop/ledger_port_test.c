// The port without an actor: what finds no room waits in its order.
#include "posted.h"

#include <criterion/criterion.h>

static kt_ledger_port_t port;
static size_t           fatals, events[KT_EVENTS];

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
set_up(void)
{
    kt_ledger_port_init(&port, (kt_sink_t){.event = on_event, .fatal = on_fatal});
    posted_set_up(&port);
}

static void
tear_down(void)
{
    posted_tear_down();
    kt_ledger_port_fini(&port);
}

TestSuite(ledger_overflow, .init = set_up, .fini = tear_down);

static void
post(uint64_t job)
{
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_RELEASE, NULL);
    request->release.id.job      = job;
    kt_ledger_port_post(&port, &request);
    cr_assert_null(request);
}

Test(ledger_overflow, what_finds_no_room_is_posted_later_in_its_order)
{
    posted_room = 2;
    for (uint64_t job = 1; job <= 5; job++)
        post(job);
    cr_assert_eq(kt_ledger_port_overflow(&port), 3);
    posted_room = 3;
    kt_ledger_port_post_overflow(&port);
    cr_assert_eq(kt_ledger_port_overflow(&port), 2);
    posted_room = POSTED_MAX;
    post(6);  // behind those that wait, although there is room now
    cr_assert_eq(kt_ledger_port_overflow(&port), 3);
    kt_ledger_port_post_overflow(&port);
    for (uint64_t job = 1; job <= 6; job++) {
        kt_ledger_request_t *request = posted_take(KT_LREQ_RELEASE);
        cr_assert_eq(request->release.id.job, job);
        kt_ledger_request_destroy(&request);
    }
    cr_assert_eq(fatals, 0);
}

Test(ledger_overflow, what_still_waits_at_the_end_is_freed)
{
    posted_room = 0;
    post(1);
    post(2);
    cr_assert_eq(kt_ledger_port_overflow(&port), 2);
}

Test(ledger_overflow, no_memory_for_what_waits_is_fatal_and_the_request_is_freed)
{
    posted_room             = 0;
    port.overflow.max_bytes = sizeof(kt_ledger_request_t *) + 1;
    post(1);
    cr_assert_eq(fatals, 0);
    post(2);  // freed, as the simulation's count of blocks shows
    cr_assert_eq(fatals, 1);
    cr_assert_eq(kt_ledger_port_overflow(&port), 1);
}

Test(ledger_overflow, a_state_becomes_an_event_and_is_kept)
{
    posted_answer(&port, kt_ledger_request_new(KT_LREQ_STATE, NULL), KT_EIO);
    cr_assert_eq(port.err, KT_EIO);
    cr_assert_eq(events[KT_EV_LEDGER_DOWN], 1);
    posted_answer(&port, kt_ledger_request_new(KT_LREQ_STATE, NULL), KT_OK);
    cr_assert_eq(port.err, KT_OK);
    cr_assert_eq(events[KT_EV_LEDGER_UP], 1);
}
