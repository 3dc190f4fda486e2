// Rises of mel rows on the device against the processor's: of the same rows to the last bit.
#include "kernels/cuda/rises.h"
#include "tests/kernels/check_cuda.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Powers of some decades, and what a damaged file leaves: zeros, huge ones, NaN.
static float
power(size_t i, uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    switch (i % 97) {
    case 13: return 0;
    case 29: return 3e38F;
    case 31: return NAN;
    default: return expf((float)(*state >> 8) / 16777216.0F * 40 - 30);
    }
}

static void
rises_are_right(size_t frames, size_t bands, bool begins)
{
    const kt_rise_opts_t opts = {3e-4F, 1598.4F, begins};
    const size_t         rows = KT_RISE_LAG + frames, floats = rows * bands, units = frames * KT_RISE_WIDTH;
    float               *mel  = calloc(floats, sizeof *mel);
    uint16_t            *want = calloc(units + 1, sizeof *want), *got = calloc(units + 1, sizeof *got);
    uint32_t             state = (uint32_t)(frames + bands);
    kt_rises_t           rises = {0};
    if (!check(mel && want && got && kt_rises_init(&rises, bands, frames + KT_RISE_LAG) == KT_OK, "memory"))
        exit(1);
    for (size_t i = 0; i < floats; i++)
        mel[i] = power(i, &state);
    if (begins)
        kt_rises_begin(&rises, &opts);
    else
        kt_rises_add(&rises, &opts, mel, KT_RISE_LAG, NULL);
    kt_rises_add(&rises, &opts, mel + KT_RISE_LAG * bands, frames, want);
    float                *in     = device_copy(mel, floats * sizeof *mel);
    uint16_t             *out    = device_new(units * sizeof *out);
    const kt_cuda_rises_t device = {in, out, (uint32_t)frames, (uint32_t)bands, opts.floor, opts.unit, begins};
    check(kt_cuda_rises(&device, NULL) == KT_OK, "rises: launch");
    device_read(got, out, units * sizeof *out);
    for (size_t i = 0; i < units; i++)
        if (!check(want[i] == got[i], "rises: %zu frames of %zu bands, %zu.%zu: %u, not %u", frames, bands,
                   i / KT_RISE_WIDTH, i % KT_RISE_WIDTH, got[i], want[i]))
            break;
    device_free(in);
    device_free(out);
    kt_rises_fini(&rises);
    free(mel);
    free(want);
    free(got);
}

void
check_cuda_rises(bool all)
{
    rises_are_right(70, KT_RISE_BANDS, true);
    rises_are_right(33, KT_RISE_BANDS, false);
    if (!all)
        return;
    static const size_t frames[] = {1, 2, 31, 32, 64}, bands[] = {8, 50, 79, 81, 110};
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        rises_are_right(frames[i], bands[i], i % 2);
    check(kt_cuda_rises(&(kt_cuda_rises_t){.frames = 1}, NULL) == KT_EINVAL, "rises: no bands");
    check(kt_cuda_rises(&(kt_cuda_rises_t){.bands = 8}, NULL) == KT_OK, "rises: none");
}
