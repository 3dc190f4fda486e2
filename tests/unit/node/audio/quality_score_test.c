#include "node/audio/quality/quality.h"

#include <criterion/criterion.h>
#include <math.h>

// From bad to good, for each fault.
static const struct {
    double worst, best;
} faults[KT_FAULTS] = {
    [KT_FAULT_NOISE] = {-20, 90},    [KT_FAULT_CLIPPING] = {1, 0}, [KT_FAULT_BANDWIDTH] = {100, 20000},
    [KT_FAULT_DISTORTION] = {10, 0}, [KT_FAULT_HUM] = {-10, -120}, [KT_FAULT_DROPOUTS] = {1000, 0},
    [KT_FAULT_CLICKS] = {10000, 0},  [KT_FAULT_OFFSET] = {1, 0},   [KT_FAULT_PHASE] = {-1, 0},
};

static double
score_with(int fault, double value)
{
    double parts[KT_FAULTS];
    for (int i = 0; i < KT_FAULTS; i++)
        parts[i] = kt_quality_part((kt_fault_t)i, i == fault ? value : NAN);
    return kt_quality_score(parts);
}

Test(quality_score, it_falls_as_any_one_fault_grows)
{
    for (int fault = 0; fault < KT_FAULTS; fault++) {
        double before = -1;
        for (int step = 0; step <= 50; step++) {
            const double at    = faults[fault].worst + (faults[fault].best - faults[fault].worst) * step / 50;
            const double score = score_with(fault, at);
            cr_assert_gt(score, before, "%s at %g", kt_fault_names[fault], at);
            cr_assert(score >= 0 && score <= 1);
            before = score;
        }
        cr_assert_gt(before, 0.99, "%s: no fault, no loss", kt_fault_names[fault]);
    }
}

Test(quality_score, every_fault_has_a_name_and_counts_as_absent_when_unknown)
{
    for (int fault = 0; fault < KT_FAULTS; fault++)
        cr_assert_not_null(kt_fault_names[fault]);
    cr_assert_eq(score_with(0, NAN), 1);
}

Test(quality_score, a_histogram_of_powers_gives_its_quantiles_within_a_tenth)
{
    static kt_levels_t levels;
    cr_assert_eq(kt_levels_quantile(&levels, 0.5), 0);
    for (int i = 1; i <= 1000; i++)
        kt_levels_add(&levels, (float)i * 1e-6F);
    for (double q = 0.05; q < 1; q += 0.05)
        cr_assert_float_eq(kt_levels_quantile(&levels, q), q * 1e-3, 1e-4 * q);
}

Test(quality_score, powers_beyond_the_histogram_stay_at_its_ends)
{
    static kt_levels_t levels;
    kt_levels_add(&levels, 0);
    cr_assert_eq(kt_levels_quantile(&levels, 1), 0);
    kt_levels_add(&levels, 1e30F);
    cr_assert(isfinite(kt_levels_quantile(&levels, 1)));
}
