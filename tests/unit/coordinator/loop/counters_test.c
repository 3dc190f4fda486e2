#include "coordinator/loop/counters.h"

#include <criterion/criterion.h>
#include <stdio.h>

Test(counters, the_rate_is_over_the_life_of_a_young_process)
{
    kt_counters_t counters = {.started_ms = 1000};
    kt_counters_tick(&counters, 1000);
    for (int i = 0; i < 8; i++)
        kt_counters_outcome(&counters, false, 0);
    cr_assert_float_eq(kt_counters_rate(&counters, 1100), 8.0, 1e-9);  // at least a second
    cr_assert_float_eq(kt_counters_rate(&counters, 5000), 2.0, 1e-9);
}

Test(counters, the_rate_covers_the_last_ten_seconds)
{
    kt_counters_t counters = {.started_ms = -100000};
    kt_counters_outcome(&counters, false, 0);
    int64_t now_ms = 1000;
    for (int i = 0; i < KT_RATE_SECONDS; i++, now_ms += 1000)
        cr_assert(kt_counters_tick(&counters, now_ms));
    cr_assert_gt(kt_counters_rate(&counters, now_ms), 0);
    cr_assert(kt_counters_tick(&counters, now_ms));
    cr_assert_float_eq(kt_counters_rate(&counters, now_ms), 0, 1e-9);
}

Test(counters, a_second_begins_once)
{
    kt_counters_t counters = {0};
    cr_assert(kt_counters_tick(&counters, 1000));
    cr_assert_not(kt_counters_tick(&counters, 1999));
    cr_assert(kt_counters_tick(&counters, 2000));
}

Test(counters, failures_are_counted_by_their_code)
{
    kt_counters_t counters = {0};
    kt_counters_outcome(&counters, true, 5);
    kt_counters_outcome(&counters, true, 5);
    kt_counters_outcome(&counters, true, KT_FAILURE_CODES);
    kt_counters_outcome(&counters, true, -1);
    cr_assert_eq(counters.outcomes.failed, 4);
    cr_assert_eq(counters.outcomes.failures[5], 2);
}

Test(counters, stages_are_summed_by_name_and_have_a_bound)
{
    char          name[32];
    kt_counters_t counters = {0};
    for (int i = 0; i < KT_SNAPSHOT_STAGES + 5; i++) {
        snprintf(name, sizeof name, "stage-%d", i);
        kt_counters_stage(&counters, name, 2);
        kt_counters_stage(&counters, name, 3);
    }
    cr_assert_eq(counters.n_stages, KT_SNAPSHOT_STAGES);
    cr_assert_eq(counters.stages[1].us, 5);
    cr_assert_eq(counters.stages[1].count, 2);
}
