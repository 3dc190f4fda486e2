// Decibels, MFCC and the onset envelope block by block, against the functions of a whole segment.
#include "kernels/derived.h"
#include "kernels/device.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES_MAX = 1100, LEAD_MAX = 3 };
static kt_plan_t   *plan;
static kt_device_t *device;

static void
open_device(void)
{
    const kt_frontend_opts_t opts = {22050, 2048, 512, 128, 13, 12};
    cr_assert_eq(kt_plan_new(&plan, &opts), KT_OK);
    cr_assert_eq(kt_device_cpu(&device, NULL), KT_OK);
}

static void
close_device(void)
{
    kt_device_destroy(&device);
    kt_plan_destroy(&plan);
}

TestSuite(derived, .init = open_device, .fini = close_device);

// Powers over 16 decades, so that the floor 80 dB below the loudest, in one frame alone, cuts most; some are not
// numbers.
static float *
powers(size_t frames, size_t width)
{
    uint32_t state = 7;
    float   *out   = malloc(frames * width * sizeof *out);
    for (size_t i = 0; i < frames * width; i++) {
        state  = state * 1664525 + 1013904223;
        out[i] = (state >> 8) % 997 == 0 ? NAN : powf(10, (float)(state >> 16) / 4096 - 12);
    }
    out[frames / 2 * width] = 1e5F;
    return out;
}

Test(derived, blocks_have_the_values_of_the_whole_segment)
{
    static const size_t       FRAMES[] = {1, 2, 3, 4, 255, 256, 257, 258, 512, 513, FRAMES_MAX};
    const kt_isa_t           *isa      = kt_device_isa(device);
    const kt_frontend_opts_t *opts     = kt_plan_opts(plan);
    const size_t              width = opts->n_mels, rows = opts->n_mfcc;
    for (size_t i = 0; i < sizeof FRAMES / sizeof *FRAMES; i++)
        for (size_t lead = 0; lead <= LEAD_MAX; lead += LEAD_MAX) {
            const size_t frames = FRAMES[i], all = lead + frames;
            float       *mel = powers(all, width), *db = malloc(all * width * sizeof *db);
            float       *mfcc = malloc(frames * rows * sizeof *mfcc), *onset = malloc(all * sizeof *onset);
            float       *whole_mfcc = malloc(frames * rows * sizeof *mfcc), *whole_onset = malloc(all * sizeof *onset);
            kt_derived_t derived = {.mel = mel, .lead = lead, .frames = frames, .mfcc = mfcc, .onset = onset};
            kt_rows_to_db(isa, mel, all * width, db);
            kt_rows_mfcc(isa, plan, db + lead * width, frames, whole_mfcc);
            kt_rows_onset(isa, plan, db, all, whole_onset);
            cr_assert_eq(kt_derive(isa, plan, &derived), KT_OK);
            cr_expect_eq(memcmp(mfcc, whole_mfcc, frames * rows * sizeof *mfcc), 0, "%zu + %zu", lead, frames);
            cr_expect_eq(memcmp(onset, whole_onset, all * sizeof *onset), 0, "%zu + %zu", lead, frames);
            memset(onset, 0, all * sizeof *onset);
            derived.mfcc = NULL;
            cr_assert_eq(kt_derive(isa, plan, &derived), KT_OK);
            cr_expect_eq(memcmp(onset, whole_onset, all * sizeof *onset), 0, "onsets alone");
            free(mel);
            free(db);
            free(mfcc);
            free(onset);
            free(whole_mfcc);
            free(whole_onset);
        }
}

// Of the segment's own rows, not of those before it.
Test(derived, a_band_is_the_sum_of_four_mel_bands)
{
    enum { LEAD = 2, FRAMES = 3, MELS = 128 };
    float        mel[(LEAD + FRAMES) * MELS], bands[FRAMES * MELS / KT_DERIVED_MELS];
    kt_derived_t derived = {.mel = mel, .lead = LEAD, .frames = FRAMES, .bands = bands};
    for (size_t i = 0; i < sizeof mel / sizeof *mel; i++)
        mel[i] = (float)i;
    cr_assert_eq(kt_derive(kt_device_isa(device), plan, &derived), KT_OK);
    for (size_t i = 0; i < sizeof bands / sizeof *bands; i++)
        cr_assert_eq(bands[i], (float)(4 * (LEAD * MELS + 4 * i) + 6));
}
