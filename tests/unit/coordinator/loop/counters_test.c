#include "common/err.h"
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
    cr_assert_eq(counters.stages[1].times.us, 5);
    cr_assert_eq(kt_histogram_count(&counters.stages[1].times), 2);
}

Test(counters, a_name_that_is_no_stage_is_not_counted)
{
    static const char *const NAMES[]  = {"a b", "a\nb", "a\"", "Decode", "\x1B", "\xC3\xB6", "a{b=1}"};
    kt_counters_t            counters = {0};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        kt_counters_stage(&counters, NAMES[i], 2);
    cr_assert_eq(counters.n_stages, 0);
}

Test(counters, a_duration_is_in_the_bucket_of_its_bound_and_one_of_the_past_is_none)
{
    kt_histogram_t times   = {0};
    const int64_t  taken[] = {-5, 0, 1000, 1001, 5000000, 86400000000, 86400000001};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        kt_histogram_add(&times, taken[i]);
    cr_assert_eq(times.counts[0], 3);  // at most a millisecond
    cr_assert_eq(times.counts[1], 1);
    cr_assert_eq(times.counts[7], 1);  // 5 s
    cr_assert_eq(times.counts[KT_BUCKETS - 1], 1);
    cr_assert_eq(times.counts[KT_BUCKETS], 1);
    cr_assert_eq(kt_histogram_count(&times), sizeof taken / sizeof *taken);
    for (size_t i = 1; i < KT_BUCKETS; i++)
        cr_assert_lt(KT_BUCKETS_S[i - 1], KT_BUCKETS_S[i]);
}

Test(counters, deaths_of_decoders_are_counted_by_reason_and_others_are_not)
{
    kt_counters_t counters = {0};
    const int     codes[]  = {-KT_EDECODER, -KT_EDECMEM, -KT_EDECCPU, -KT_EDECWALL, -KT_EDECWALL, -KT_EFORMAT, 0};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        kt_counters_decoder(&counters, codes[i]);
    cr_assert_eq(counters.decoder_deaths.crash, 1);
    cr_assert_eq(counters.decoder_deaths.memory, 1);
    cr_assert_eq(counters.decoder_deaths.cpu, 1);
    cr_assert_eq(counters.decoder_deaths.stall, 2);
}
