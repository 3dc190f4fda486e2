#include "common/clock.h"
#include "uplink_fixture.h"

#include <criterion/criterion.h>

TestSuite(uplink, .init = uplink_setup, .fini = uplink_teardown);

Test(uplink, a_tick_sends_what_is_due)
{
    int64_t now_ms = kt_clock_ms();
    kt_uplink_tick(fixture.uplink, now_ms);
    cr_assert_eq(uplink_count(0, KT_MSG_HELLO), 1);
    cr_assert_eq(uplink_count(1, KT_MSG_HELLO), 1);
    kt_uplink_tick(fixture.uplink, now_ms + 100);
    cr_assert_eq(uplink_count(0, KT_MSG_HELLO), 1);
    uplink_welcome(0);
    uplink_clear_sent();
    kt_uplink_tick(fixture.uplink, now_ms + 500);
    cr_assert_eq(uplink_count(0, KT_MSG_LIVE), 1);
    cr_assert_eq(uplink_count(0, KT_MSG_HELLO), 0);
    cr_assert_eq(uplink_count(1, KT_MSG_HELLO), 1);
    kt_uplink_tick(fixture.uplink, now_ms + 1000);
    cr_assert_eq(uplink_count(0, KT_MSG_BEAT), 1);
    cr_assert_eq(uplink_count(0, KT_MSG_LIVE), 1);  // a BEAT at that moment counts too
}

Test(uplink, a_connection_is_greeted_with_the_next_tick)
{
    int64_t now_ms = kt_clock_ms();
    kt_uplink_tick(fixture.uplink, now_ms + 60000);
    uplink_clear_sent();
    kt_uplink_state(fixture.uplink, 0, KT_DEALER_UP);
    kt_uplink_tick(fixture.uplink, kt_clock_ms());
    cr_assert_eq(uplink_count(0, KT_MSG_HELLO), 1);
}

Test(uplink, a_refused_connection_is_retried_once_after_a_second)
{
    kt_uplink_state(fixture.uplink, 1, KT_DEALER_REFUSED);
    int64_t after_ms = kt_clock_ms();
    kt_uplink_tick(fixture.uplink, after_ms);
    cr_assert_eq(fixture.reconnects[1], 0);
    kt_uplink_tick(fixture.uplink, after_ms + 1000);
    kt_uplink_tick(fixture.uplink, after_ms + 2000);
    cr_assert_eq(fixture.reconnects[1], 1);
    cr_assert_eq(fixture.reconnects[0], 0);
}

Test(uplink, one_that_never_comes_up_is_connected_anew_now_and_then)
{
    int64_t from_ms = kt_clock_ms();
    kt_uplink_tick(fixture.uplink, from_ms + 5000);
    cr_assert_eq(fixture.reconnects[0], 0);
    for (int64_t ms = 5500; ms <= 60000; ms += 500)
        kt_uplink_tick(fixture.uplink, from_ms + ms);
    cr_assert_geq(fixture.reconnects[0], 5);
    cr_assert_leq(fixture.reconnects[0], 6);
}

Test(uplink, one_that_is_up_is_not_connected_anew)
{
    int64_t from_ms = kt_clock_ms();
    kt_uplink_state(fixture.uplink, 0, KT_DEALER_UP);
    kt_uplink_state(fixture.uplink, 1, KT_DEALER_UP);
    kt_uplink_state(fixture.uplink, 1, KT_DEALER_DOWN);
    kt_uplink_tick(fixture.uplink, from_ms + 60000);
    cr_assert_eq(fixture.reconnects[0], 0);
    cr_assert_eq(fixture.reconnects[1], 1);
}

Test(uplink, the_tasks_of_a_lost_coordinator_are_shown_to_the_other_at_once)
{
    uplink_welcome(0);
    uplink_welcome(1);
    uplink_batch(0, 4, 1);
    uplink_batch(0, 5, 1);
    uplink_finish(uplink_take(), "{}");
    int64_t now_ms = kt_clock_ms();
    kt_uplink_tick(fixture.uplink, now_ms);
    uplink_clear_sent();
    kt_uplink_state(fixture.uplink, 0, KT_DEALER_DOWN);
    kt_send_flush(fixture.uplink);
    cr_assert_eq(uplink_last(1, KT_MSG_RESULT)->result.items.at[0].job, 4);
    kt_uplink_tick(fixture.uplink, now_ms + 1);
    cr_assert_eq(uplink_last(1, KT_MSG_BEAT)->beat.kept.n, 1);
    cr_assert_eq(uplink_last(1, KT_MSG_BEAT)->beat.held.n, 1);
    cr_assert_eq(uplink_count(0, KT_MSG_BEAT), 0);
}

Test(uplink, it_is_welcome_while_one_coordinator_is_connected)
{
    cr_assert_not(kt_uplink_is_welcome(fixture.uplink));
    uplink_welcome(0);
    uplink_welcome(1);
    kt_uplink_state(fixture.uplink, 0, KT_DEALER_DOWN);
    cr_assert(kt_uplink_is_welcome(fixture.uplink));
    kt_uplink_state(fixture.uplink, 1, KT_DEALER_DOWN);
    cr_assert_not(kt_uplink_is_welcome(fixture.uplink));
}

Test(uplink, it_needs_a_coordinator_and_an_address_that_fits)
{
    static char      address[300];
    const char      *addresses[] = {address};
    kt_uplink_t     *uplink      = NULL;
    kt_uplink_opts_t opts        = {.addresses = addresses, .n = 0};
    for (size_t i = 0; i + 1 < sizeof address; i++)
        address[i] = 'a';
    cr_assert_eq(kt_uplink_new(&uplink, &opts), KT_EINVAL);
    opts.n = 1;
    cr_assert_eq(kt_uplink_new(&uplink, &opts), KT_EINVAL);
    opts.n = KT_COORDINATORS_MAX + 1;
    cr_assert_eq(kt_uplink_new(&uplink, &opts), KT_EINVAL);
    cr_assert_null(uplink);
}
