// Spectral peaks in cents on the device against the processor's: as many peaks, as much of them, in the same places
// but for a peak at the edge of a cent; and the same counts whatever the pieces.
#include "kernels/cuda/cents.h"
#include "tests/kernels/check_cuda.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Triads with overtones over some noise; the first frames are louder.
static void
fill(float *pcm, size_t n, uint32_t rate_hz)
{
    static const double hz[]  = {110, 138.59, 164.81, 261.63, 393.1};
    uint32_t            state = rate_hz;
    for (size_t i = 0; i < n; i++) {
        double x = 0;
        for (size_t h = 0; h < 5 * sizeof hz / sizeof *hz; h++)
            x += sin(6.283185307179586 * hz[h / 5] * (double)(1 + h % 5) * (double)i / rate_hz) / (double)(1 + h % 5);
        state  = state * 1664525U + 1013904223U;
        pcm[i] = (float)(x * (i < n / 2 ? 0.1 : 0.01)) + ((float)(state >> 8) / 8388608.0F - 1) * 1e-3F;
    }
}

static void
count_frames(const kt_cents_shape_t *shape, const float *pcm, uint32_t frames, kt_gpu_cents_counts_t *counts,
             uint32_t *peaks)
{
    const kt_cuda_cents_t cents = {pcm, counts, peaks, *shape, frames};
    check(kt_cuda_cents(&cents, NULL) == KT_OK, "cents: launch");
}

static double
sum_of(const double *a, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i];
    return sum;
}

static void
same_counts(const uint64_t *got, const double *want, size_t n, const char *what)
{
    double apart = 0, got_sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double here = (double)got[i] * KT_GPU_CENTS_UNIT;
        got_sum += here;
        apart += fabs(here - want[i]);
    }
    const double sum = sum_of(want, n);
    check(fabs(got_sum - sum) <= 1e-6 * sum, "cents: %s add up to %.9g, not %.9g", what, got_sum, sum);
    check(apart <= 1e-3 * sum, "cents: %s are apart by %g of %g", what, apart, sum);
}

static void
cents_are_right(uint32_t rate_hz, uint32_t frames, bool silent)
{
    kt_cents_shape_t       shape;
    kt_cents_counter_t    *counter = NULL;
    kt_cents_t            *want    = calloc(1, sizeof *want);
    kt_gpu_cents_counts_t *got = calloc(1, sizeof *got), *pieces = calloc(1, sizeof *pieces);
    if (!check(want && got && pieces && kt_cents_shape_of(rate_hz, &shape) == KT_OK &&
                   kt_cents_counter_new(&counter, kt_isa("ref")->rows, rate_hz) == KT_OK,
               "cents: memory"))
        exit(1);
    const size_t n     = (size_t)(frames - 1) * shape.hop + shape.n_fft;
    float       *pcm   = calloc(n, sizeof *pcm);
    uint32_t    *peaks = calloc(frames, sizeof *peaks), all = 0;
    if (!check(pcm && peaks, "memory"))
        exit(1);
    if (!silent)
        fill(pcm, n, rate_hz);
    kt_cents_count(counter, pcm, n, want);
    float                 *in  = device_copy(pcm, n * sizeof *pcm);
    kt_gpu_cents_counts_t *out = device_copy(got, sizeof *got), *some = device_copy(got, sizeof *got);
    uint32_t              *of = device_new(frames * sizeof *of);
    count_frames(&shape, in, frames, out, of);
    device_read(got, out, sizeof *got);
    device_read(peaks, of, frames * sizeof *peaks);
    for (uint32_t f = 0; f < frames; f++)
        all += peaks[f];
    check(all == want->peaks, "cents: %u peaks, not %llu", all, (unsigned long long)want->peaks);
    check(silent == (all == 0), "cents: %u peaks", all);
    same_counts(got->all, want->all, KT_CENTS, "all");
    same_counts(got->own, want->own, KT_CENTS, "own");
    same_counts(got->deviation, want->deviation, KT_CENTS_SEMITONE, "deviations");
    for (uint32_t f = 0; f < frames; f++)
        count_frames(&shape, in + (size_t)f * shape.hop, 1, some, of + f);
    device_read(pieces, some, sizeof *pieces);
    check(memcmp(got, pieces, sizeof *got) == 0, "cents: pieces have other counts");
    device_free(in);
    device_free(out);
    device_free(some);
    device_free(of);
    kt_cents_counter_destroy(&counter);
    free(pcm);
    free(peaks);
    free(want);
    free(got);
    free(pieces);
}

void
check_cuda_cents(bool all)
{
    cents_are_right(22050, 2, false);
    if (!all)
        return;
    cents_are_right(22050, 1, true);
    cents_are_right(11025, 3, false);
    cents_are_right(16000, 2, false);
    kt_cuda_cents_t cents = {.frames = 1};
    check(kt_cents_shape_of(44100, &cents.shape) == KT_OK && kt_cuda_cents(&cents, NULL) == KT_EINVAL,
          "cents: a transform of 16384");
    check(kt_cents_shape_of(22050, &cents.shape) == KT_OK, "cents: shape");
    cents.frames = 0;
    check(kt_cuda_cents(&cents, NULL) == KT_OK, "cents: none");
}
