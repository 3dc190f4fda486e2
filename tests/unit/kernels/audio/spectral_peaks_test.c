#include "kernels/device.h"

#include <criterion/criterion.h>

static double
tuning_of(const float *magnitude, const uint8_t *bin, size_t count)
{
    const kt_spectral_peaks_t peaks = {(float *)(uintptr_t)magnitude, (uint8_t *)(uintptr_t)bin, count, count};
    return kt_spectral_peaks_tuning(&peaks);
}

Test(peaks, no_peaks_mean_no_deviation)
{
    cr_assert_eq(tuning_of(NULL, NULL, 0), 0);
}

Test(peaks, the_answer_is_the_left_edge_of_the_bin)
{
    cr_assert_float_eq(tuning_of((float[]){1}, (uint8_t[]){0}, 1), -0.5, 1e-12);
    cr_assert_float_eq(tuning_of((float[]){1}, (uint8_t[]){50}, 1), 0, 1e-12);
    cr_assert_float_eq(tuning_of((float[]){1}, (uint8_t[]){99}, 1), 0.49, 1e-12);
}

Test(peaks, quiet_peaks_do_not_vote)
{
    const float   magnitude[] = {0.1F, 0.2F, 0.3F, 5, 6, 7, 8};
    const uint8_t bin[]       = {10, 10, 10, 70, 20, 70, 20};
    cr_assert_float_eq(tuning_of(magnitude, bin, 7), -0.3, 1e-12);  // 20 and 70 are tied: the first wins
}

Test(peaks, an_even_count_takes_the_middle_of_two)
{
    const float   magnitude[] = {1, 2, 4, 8};  // the median is 3: two peaks vote
    const uint8_t bin[]       = {5, 5, 60, 60};
    cr_assert_float_eq(tuning_of(magnitude, bin, 4), 0.1, 1e-12);
}

Test(peaks, the_median_is_right_in_any_order_and_over_any_range)
{
    float   magnitude[1001];
    uint8_t bin[1001];
    for (uint32_t i = 0; i < 1001; i++) {
        const uint32_t rank = i * 377 % 1001;
        magnitude[i]        = (float)rank * (rank % 2 ? 1e-20F : 1e20F);
        bin[i]              = rank % 2 ? 10 : 90;
    }
    cr_assert_float_eq(tuning_of(magnitude, bin, 1001), 0.4, 1e-12);
}

Test(peaks, finishing_twice_is_harmless)
{
    kt_spectral_peaks_t peaks = {0};
    kt_spectral_peaks_fini(&peaks);
    kt_spectral_peaks_fini(&peaks);
    cr_assert_eq(peaks.count, 0);
}
