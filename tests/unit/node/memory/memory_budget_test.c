#include "common/clock.h"
#include "node/memory/memory_budget.h"

#include <criterion/criterion.h>
#include <pthread.h>

static kt_admission_t *admission;

static void
open_it(void)
{
    cr_assert_eq(kt_admission_new(&admission, 100), KT_OK);
}

static void
close_it(void)
{
    kt_admission_destroy(&admission);
    kt_admission_destroy(&admission);  // idempotent
}

TestSuite(admission, .init = open_it, .fini = close_it, .timeout = 20);

static uint64_t
now_bytes(void)
{
    uint64_t now, peak;
    kt_admission_levels(admission, &now, &peak);
    return now;
}

static kt_err_t
take(uint64_t bytes, int64_t wait_ms)
{
    kt_admission_wait_t wait = {.deadline_ms = kt_clock_ms() + wait_ms};
    return kt_admission_take(admission, bytes, &wait);
}

Test(admission, what_fits_is_taken_at_once)
{
    cr_assert_eq(take(60, 0), KT_OK);
    cr_assert_eq(take(40, 0), KT_OK);
    cr_assert_eq(now_bytes(), 100);
    kt_admission_give(admission, 60);
    kt_admission_give(admission, 40);
    cr_assert_eq(now_bytes(), 0);
}

Test(admission, more_than_the_limit_alone_is_refused)
{
    cr_assert_eq(take(101, 1000), KT_EMEMLIMIT);
    cr_assert_eq(now_bytes(), 0);
}

Test(admission, a_wait_ends_with_its_deadline)
{
    cr_assert_eq(take(60, 0), KT_OK);
    cr_assert_eq(take(41, 30), KT_ETIME);
    cr_assert_eq(now_bytes(), 60);
    kt_admission_give(admission, 60);
}

Test(admission, a_cancelled_wait_ends_and_counts_its_turns)
{
    _Atomic bool        cancelled = true;
    _Atomic uint64_t    progress  = 0;
    kt_admission_wait_t wait      = {kt_clock_ms() + 10000, &cancelled, &progress};
    cr_assert_eq(take(100, 0), KT_OK);
    cr_assert_eq(kt_admission_take(admission, 1, &wait), KT_ECANCELLED);
    cancelled        = false;
    wait.deadline_ms = kt_clock_ms() + 150;
    cr_assert_eq(kt_admission_take(admission, 1, &wait), KT_ETIME);
    cr_assert_geq(progress, 1, "a waiting worker is not a stuck one");
    kt_admission_give(admission, 100);
}

Test(admission, growing_never_waits_and_keeps_to_the_limit_of_one)
{
    cr_assert_eq(take(60, 0), KT_OK);
    cr_assert_eq(take(40, 0), KT_OK);
    cr_assert_eq(kt_admission_grow(admission, 60, 40), KT_OK);
    cr_assert_eq(now_bytes(), 140);
    cr_assert_eq(kt_admission_grow(admission, 100, 1), KT_EMEMLIMIT);
    kt_admission_give(admission, 100);
    kt_admission_give(admission, 40);
}

// A large one that waits first is served before small ones that would fit, one after the other.
static _Atomic int large_waits, order, large_order, small_order;

static void *
take_large(void *context)
{
    (void)context;
    _Atomic uint64_t    progress = 0;
    kt_admission_wait_t wait     = {kt_clock_ms() + 10000, NULL, &progress};
    large_waits                  = 1;
    cr_assert_eq(kt_admission_take(admission, 90, &wait), KT_OK);
    large_order = ++order;
    kt_admission_give(admission, 90);
    return NULL;
}

static void *
take_small(void *context)
{
    (void)context;
    cr_assert_eq(take(30, 10000), KT_OK);
    small_order = ++order;
    kt_admission_give(admission, 30);
    return NULL;
}

Test(admission, a_large_file_is_not_passed_by_small_ones)
{
    pthread_t large, small;
    cr_assert_eq(take(60, 0), KT_OK);
    pthread_create(&large, NULL, take_large, NULL);
    while (take(40, 0) == KT_OK)  // until the large one waits in the queue, a small one is served at once
        kt_admission_give(admission, 40);
    cr_assert_eq(large_waits, 1);
    pthread_create(&small, NULL, take_small, NULL);
    cr_assert_eq(take(40, 50), KT_ETIME, "there is room, but it is not this one's turn");
    kt_admission_give(admission, 60);
    pthread_join(large, NULL);
    pthread_join(small, NULL);
    cr_assert_lt(large_order, small_order);
    cr_assert_eq(now_bytes(), 0);
}
