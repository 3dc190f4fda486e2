#include "kernels/device.h"
#include "kernels/isa.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static const kt_frontend_opts_t defaults = {22050, 2048, 512, 128, 13, 12};

Test(rows, decibels_reach_eighty_below_the_loudest_in_place)
{
    float power[] = {1000, 1, 0, 1e-4F, 10};
    kt_rows_to_db(kt_isa(NULL), power, 5, power);
    const double want[] = {30, 0, -50, -40, 10};
    for (size_t i = 0; i < 5; i++)
        cr_assert_float_eq(power[i], want[i], 1e-5);
}

Test(rows, silence_is_minus_one_hundred_decibels)
{
    float db[3], power[3] = {0};
    kt_rows_to_db(kt_isa(NULL), power, 3, db);
    cr_assert_float_eq(db[0], -100, 1e-5);
    kt_rows_to_db(kt_isa(NULL), power, 0, db);
}

Test(rows, peak_and_valley_have_floors_of_their_own)
{
    kt_plan_t *plan = NULL;
    cr_assert_eq(kt_plan_new(&plan, &defaults), KT_OK);
    float peak[7] = {100, 1, 1, 1, 1, 1, 0}, valley[7] = {1, 0.1F, 0, 1, 1, 1, 0}, out[7];
    kt_rows_contrast(kt_isa(NULL), plan, peak, valley, 1, out);
    cr_assert_float_eq(out[0], 20, 1e-5);
    cr_assert_float_eq(out[1], 10, 1e-5);
    cr_assert_float_eq(out[2], 80, 1e-5);
    cr_assert_float_eq(out[6], -60 + 80, 1e-5);
    kt_plan_destroy(&plan);
}

Test(rows, contrast_writes_nothing_where_it_does_not_exist)
{
    const kt_frontend_opts_t opts = {8000, 2048, 512, 128, 13, 12};
    kt_plan_t               *plan = NULL;
    cr_assert_eq(kt_plan_new(&plan, &opts), KT_OK);
    kt_rows_contrast(kt_isa(NULL), plan, NULL, NULL, 5, NULL);
    kt_plan_destroy(&plan);
}

Test(rows, a_constant_mel_spectrum_has_only_the_first_coefficient)
{
    kt_plan_t *plan = NULL;
    float      mel_db[2 * 128], mfcc[2 * 13];
    cr_assert_eq(kt_plan_new(&plan, &defaults), KT_OK);
    for (size_t i = 0; i < 2 * 128; i++)
        mel_db[i] = i < 128 ? -20 : 3;
    kt_rows_mfcc(kt_isa(NULL), plan, mel_db, 2, mfcc);
    cr_assert_float_eq(mfcc[0], -20 * sqrt(128), 1e-4);
    cr_assert_float_eq(mfcc[13], 3 * sqrt(128), 1e-4);
    for (size_t c = 1; c < 13; c++)
        cr_assert_float_eq(mfcc[c], 0, 1e-5);
    kt_plan_destroy(&plan);
}

Test(rows, an_onset_shows_three_frames_late)
{
    kt_plan_t *plan   = NULL;
    float     *mel_db = calloc(10 * 128, sizeof *mel_db), out[10];
    cr_assert_eq(kt_plan_new(&plan, &defaults), KT_OK);
    for (size_t i = 0; i < 128; i++) {
        mel_db[4 * 128 + i] = 8;                     // up at frame 4, down at frame 5
        mel_db[8 * 128 + i] = i % 2 ? 4.0F : -4.0F;  // half of the bands up at frame 8: beyond the end after the shift
    }
    kt_rows_onset(kt_isa(NULL), plan, mel_db, 10, out);
    for (size_t f = 0; f < 10; f++)
        cr_assert_float_eq(out[f], f == 6 ? 8 : 0, 1e-6, "frame %zu", f);
    kt_rows_onset(kt_isa(NULL), plan, mel_db, 1, out);
    cr_assert_eq(out[0], 0);
    kt_rows_onset(kt_isa(NULL), plan, mel_db, 0, out);
    free(mel_db);
    kt_plan_destroy(&plan);
}
