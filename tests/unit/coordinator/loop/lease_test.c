// The lease with answers that come late, refused or fenced.
#include "loop_fixture.h"

#include <criterion/criterion.h>

TestSuite(lease_answers, .init = loop_set_up, .fini = loop_tear_down);

static bool
scheduler_has_lease(void)
{
    kt_sched_view_t view;
    kt_sched_view(loop.dispatcher.sched, &view);
    return view.lease_held;
}

Test(lease_answers, a_fenced_renewal_loses_the_lease_and_opens_another)
{
    loop_open_lease();
    cr_assert(scheduler_has_lease());
    posted_clock.ms += 1000;
    kt_loop_tick(&loop, posted_clock.ms);
    posted_answer(&loop.port, posted_take(KT_LREQ_RENEW), KT_EFENCED);
    cr_assert_not(loop.lease.held);
    cr_assert_not(scheduler_has_lease());
    kt_loop_tick(&loop, posted_clock.ms);
    cr_assert_eq(posted_count(KT_LREQ_OPEN), 1);
}

Test(lease_answers, a_renewal_that_fails_otherwise_keeps_the_lease_until_it_runs_out)
{
    loop_open_lease();
    posted_clock.ms += 1000;
    kt_loop_tick(&loop, posted_clock.ms);
    posted_answer(&loop.port, posted_take(KT_LREQ_RENEW), KT_EIO);
    cr_assert(loop.lease.held);
    posted_clock.ms += 200;
    kt_loop_tick(&loop, posted_clock.ms);
    posted_answer(&loop.port, posted_take(KT_LREQ_RENEW), KT_EIO);  // asked again before its quarter is over
    cr_assert(loop.lease.held);
    posted_clock.ms += 2801;
    kt_loop_tick(&loop, posted_clock.ms);
    cr_assert_not(loop.lease.held);
    cr_assert_not(scheduler_has_lease());
}

Test(lease_answers, a_lease_that_nobody_else_can_take_does_not_run_out)
{
    loop.lease.exclusive = true;
    loop_open_lease();
    posted_clock.ms += 60000;
    kt_loop_tick(&loop, posted_clock.ms);
    cr_assert(loop.lease.held && scheduler_has_lease());
    cr_assert_eq(posted_count(KT_LREQ_RENEW), 1);
    posted_answer(&loop.port, posted_take(KT_LREQ_RENEW), KT_OK);
    cr_assert(scheduler_has_lease());
}

Test(lease_answers, a_lease_whose_answer_came_after_its_length_is_not_held)
{
    posted_clock.ms += 4001;
    posted_answer(&loop.port, posted_take(KT_LREQ_OPEN), KT_OK);
    cr_assert_not(loop.lease.held);
    cr_assert_not(scheduler_has_lease());
    kt_loop_tick(&loop, posted_clock.ms);
    cr_assert_eq(posted_count(KT_LREQ_OPEN), 1);
    posted_answer(&loop.port, posted_take(KT_LREQ_OPEN), KT_OK);
    cr_assert(loop.lease.held);
    cr_assert(scheduler_has_lease());
}

Test(lease_answers, a_live_coordinator_of_this_name_ends_the_loop)
{
    posted_answer(&loop.port, posted_take(KT_LREQ_OPEN), KT_ELOCKED);
    cr_assert_eq(loop_fatals, 1);
}

Test(lease_answers, one_request_at_a_time_is_with_the_ledger)
{
    loop_pass(3000);
    cr_assert_eq(posted_count(KT_LREQ_OPEN), 1);
}
