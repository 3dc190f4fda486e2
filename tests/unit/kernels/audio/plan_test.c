#include "kernels/audio/plan.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static const kt_frontend_opts_t defaults = {22050, 2048, 512, 128, 13, 12};

static kt_plan_t *
plan_for(const kt_frontend_opts_t *opts)
{
    kt_plan_t *plan = NULL;
    cr_assert_eq(kt_plan_new(&plan, opts), KT_OK);
    return plan;
}

Test(plan, options_outside_their_bounds_are_refused)
{
    const kt_frontend_opts_t bad[] = {
        {0, 2048, 512, 128, 13, 12},      {22050, 2047, 512, 128, 13, 12},  {22050, 128, 512, 128, 13, 12},
        {22050, 32768, 512, 128, 13, 12}, {22050, 2048, 0, 128, 13, 12},    {22050, 2048, 512, 0, 13, 12},
        {22050, 2048, 512, 128, 0, 12},   {22050, 2048, 512, 128, 129, 12}, {22050, 2048, 512, 128, 13, 0},
        {22050, 2048, 512, 128, 13, 97},  {900000, 2048, 512, 128, 13, 12}, {22050, 2048, 1 << 20, 128, 13, 12},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        kt_plan_t *plan = NULL;
        cr_assert_eq(kt_plan_new(&plan, &bad[i]), KT_EINVAL, "case %zu", i);
        cr_assert_null(plan);
    }
}

Test(plan, it_keeps_its_options_and_is_destroyed_twice_without_harm)
{
    kt_plan_t *plan = plan_for(&defaults);
    cr_assert_eq(kt_plan_opts(plan)->n_mels, 128);
    cr_assert_eq(kt_row_width(plan, KT_ROW_MEL), 128);
    cr_assert_eq(kt_row_width(plan, KT_ROW_CENTROID), 1);
    cr_assert_eq(kt_row_width(plan, KT_ROW_VALLEY), 7);
    kt_plan_destroy(&plan);
    cr_assert_null(plan);
    kt_plan_destroy(&plan);
}

Test(plan, contrast_bands_are_librosas)
{
    static const struct {
        uint32_t rate, first[7], extremes[7];
    } cases[] = {{22050, {0, 18, 37, 74, 148, 297, 594}, {1, 1, 1, 2, 3, 6, 9}},
                 {44100, {0, 9, 18, 37, 74, 148, 297}, {1, 1, 1, 1, 2, 3, 15}}};
    for (size_t i = 0; i < 2; i++) {
        kt_frontend_opts_t opts = defaults;
        opts.rate_hz            = cases[i].rate;
        kt_plan_t *plan         = plan_for(&opts);
        for (int k = 0; k < KT_BANDS; k++) {
            const uint32_t next = k + 1 < KT_BANDS ? cases[i].first[k + 1] : plan->bins;
            cr_assert_eq(plan->contrast[k].first, cases[i].first[k]);
            cr_assert_eq(plan->contrast[k].first + plan->contrast[k].count, next);
            cr_assert_eq(plan->contrast[k].extremes, cases[i].extremes[k]);
        }
        kt_plan_destroy(&plan);
    }
}

Test(plan, contrast_does_not_exist_where_a_band_has_no_bins)
{
    const kt_frontend_opts_t none[] = {
        {8000, 2048, 512, 128, 13, 12}, {12800, 2048, 512, 128, 13, 12}, {96000, 256, 64, 20, 13, 12}};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        kt_plan_t *plan = plan_for(&none[i]);
        cr_assert_eq(kt_row_width(plan, KT_ROW_PEAK), 0);
        cr_assert_eq(kt_row_width(plan, KT_ROW_VALLEY), 0);
        kt_plan_destroy(&plan);
    }
}

Test(plan, mel_triangles_have_unit_area_and_stay_inside_the_spectrum)
{
    kt_plan_t *plan = plan_for(&defaults);
    for (uint32_t i = 0; i < 128; i++) {
        const kt_mel_band_t *band = &plan->mel[i];
        double               area = 0;
        for (uint32_t j = 0; j < band->count; j++)
            area += plan->mel_weight[band->offset + j] * kt_plan_bin_hz(plan);
        cr_assert_leq(band->first + band->count, plan->bins);
        cr_assert(i < 40 || fabs(area - 1) < 0.05, "band %u has area %g", i, area);  // low bands have few bins
    }
    kt_plan_destroy(&plan);
}

Test(plan, more_mel_bands_than_bins_leave_some_empty_and_break_nothing)
{
    const kt_frontend_opts_t opts  = {22050, 256, 128, 1024, 13, 12};
    kt_plan_t               *plan  = plan_for(&opts);
    uint32_t                 empty = 0;
    for (uint32_t i = 0; i < 1024; i++) {
        empty += plan->mel[i].count == 0;
        cr_assert_leq(plan->mel[i].first + plan->mel[i].count, plan->bins);
    }
    cr_assert_gt(empty, 0);
    kt_plan_destroy(&plan);
}

Test(plan, the_dct_is_orthonormal)
{
    kt_plan_t *plan = plan_for(&defaults);
    for (uint32_t a = 0; a < 13; a++)
        for (uint32_t b = 0; b <= a; b++) {
            double dot = 0;
            for (uint32_t i = 0; i < 128; i++)
                dot += plan->dct[i * plan->dct_stride + a] * plan->dct[i * plan->dct_stride + b];
            cr_assert_float_eq(dot, a == b, 1e-12);
        }
    kt_plan_destroy(&plan);
}

static uint32_t
strongest_class(const kt_plan_t *plan, const float *bank, double hz)
{
    const float *column = bank + (size_t)lrint(hz / kt_plan_bin_hz(plan)) * plan->opts.n_chroma;
    uint32_t     best   = 0;
    for (uint32_t c = 1; c < plan->opts.n_chroma; c++)
        best = column[c] > column[best] ? c : best;
    return best;
}

Test(plan, chroma_starts_at_c)
{
    kt_plan_t *plan = plan_for(&defaults);
    float     *bank = calloc((size_t)plan->bins * 12, sizeof *bank);
    kt_chroma_bank(plan, 0, bank);
    cr_assert_eq(strongest_class(plan, bank, 880), 9);
    cr_assert_eq(strongest_class(plan, bank, 1046.5), 0);
    cr_assert_eq(strongest_class(plan, bank, 1318.5), 4);
    free(bank);
    kt_plan_destroy(&plan);
}
