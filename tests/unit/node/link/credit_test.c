#include "node/link/credit.h"

#include <criterion/criterion.h>

enum { N = 4 };

static kt_coordinator_view_t views[N];

static void
welcome_all(void)
{
    for (size_t i = 0; i < N; i++)
        views[i] = (kt_coordinator_view_t){.welcomed = true};
}

TestSuite(credit, .init = welcome_all);

static size_t
sum(void)
{
    size_t all = 0;
    for (size_t i = 0; i < N; i++)
        all += views[i].share;
    return all;
}

Test(credit, an_unknown_speed_requests_a_batch_beyond_the_threads)
{
    cr_assert_eq(kt_credit_wanted(4, 10, 0), 14);
    cr_assert_eq(kt_credit_wanted(16, 10, 0), 32);  // at least one file per thread ahead
}

Test(credit, a_second_s_work_ahead_within_bounds)
{
    cr_assert_eq(kt_credit_wanted(4, 10, 1e6), 8);
    cr_assert_eq(kt_credit_wanted(4, 10, 2e5), 24);
    cr_assert_eq(kt_credit_wanted(4, 10, 1), 44);   // four batches ahead
    cr_assert_eq(kt_credit_wanted(4, 10, 6e7), 8);  // long files: one per thread ahead
}

Test(credit, the_shares_are_the_room_whatever_it_is)
{
    for (size_t room = 0; room < 40; room++)
        for (uint64_t turn = 0; turn < N; turn++) {
            kt_credit_share(views, N, room, turn);
            cr_assert_eq(sum(), room);
            for (size_t i = 0; i < N; i++)
                cr_assert_leq(views[i].share, room / N + 1);
        }
}

Test(credit, the_remainder_goes_round)
{
    size_t extra[N] = {0};
    for (uint64_t turn = 0; turn < N; turn++) {
        views[0].used = views[1].used = views[2].used = views[3].used = true;
        kt_credit_share(views, N, N + 1, turn);
        for (size_t i = 0; i < N; i++)
            extra[i] += views[i].share - 1;
    }
    for (size_t i = 0; i < N; i++)
        cr_assert_eq(extra[i], 1);
}

Test(credit, the_drained_and_the_unwelcome_get_nothing)
{
    views[0].drained  = true;
    views[2].welcomed = false;
    kt_credit_share(views, N, 9, 0);
    cr_assert_eq(views[0].share, 0);
    cr_assert_eq(views[2].share, 0);
    cr_assert_eq(views[1].share + views[3].share, 9);
    views[1].drained = views[3].drained = true;
    kt_credit_share(views, N, 9, 0);
    cr_assert_eq(sum(), 0);
}

Test(credit, an_idle_coordinator_keeps_one_file_while_others_are_busy)
{
    for (int beat = 0; beat < KT_IDLE_BEATS; beat++) {
        views[1].used = true;
        kt_credit_share(views, N, 20, (uint64_t)beat);
    }
    cr_assert_eq(views[0].share, 1);
    cr_assert_eq(views[1].share, 17);
    cr_assert_eq(sum(), 20);
    views[0].used = views[1].used = true;  // it has sent a batch
    kt_credit_share(views, N, 20, 0);
    cr_assert_eq(views[0].share, 9);
    cr_assert_eq(views[1].share, 9);
}

Test(credit, when_all_are_idle_they_share_evenly)
{
    for (int beat = 0; beat < 2 * KT_IDLE_BEATS; beat++)
        kt_credit_share(views, N, 20, (uint64_t)beat);
    for (size_t i = 0; i < N; i++)
        cr_assert_eq(views[i].share, 5);
}
