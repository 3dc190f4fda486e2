// Pieces of a stream at its file's rate: planes and mono are exact.
#include "kernels/audio/resample.h"
#include "kernels/cuda/source.h"
#include "tests/kernels/check_cuda.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// A stream of which a few samples are what a damaged file has.
static float *
make_stream(size_t frames, uint32_t channels, kt_sample_format_t format)
{
    const size_t n     = frames * channels;
    uint32_t     state = (uint32_t)n;
    float       *out   = calloc(n + 1, sizeof *out);
    if (!check(out != NULL, "memory"))
        exit(1);
    for (size_t i = 0; i < n; i++) {
        state                     = state * 1664525U + 1013904223U;
        const int16_t      value  = (int16_t)(state >> 16);
        static const float ODD[5] = {NAN, INFINITY, -INFINITY, 1e12F, 2e12F};
        out[i]                    = format == KT_SAMPLES_S16 ? (float)value * KT_S16_UNIT
                                    : i % 997 == 5           ? ODD[i / 997 % 5]
                                                             : (float)value * 1.3F * KT_S16_UNIT;
    }
    return out;
}

static void *
device_samples(const float *from, size_t n, kt_sample_format_t format)
{
    if (format == KT_SAMPLES_F32)
        return device_copy(from, n * sizeof *from);
    int16_t *host = calloc(n + 1, sizeof *host);
    if (!check(host != NULL, "memory"))
        exit(1);
    for (size_t i = 0; i < n; i++)
        host[i] = (int16_t)(from[i] * 32768);
    void *out = device_copy(host, n * sizeof *host);
    free(host);
    return out;
}

static float
usable(float x, uint32_t *bad)
{
    const bool ok = fabsf(x) <= KT_SAMPLE_LIMIT;
    *bad += !ok;
    return ok ? x : 0;
}

// Frames [first - had, first + frames + has) of a stream of `all` frames are there.
static void
planes_are_right(uint32_t rate_hz, uint32_t channels, kt_sample_format_t format, size_t all, size_t first)
{
    const uint32_t before = kt_source_before(rate_hz, 200), after = kt_source_after(200);
    const uint32_t stride = kt_cuda_source_floats(before, after) + KT_SOURCE_ALIGN;
    const uint32_t frames = (uint32_t)(all - first < KT_SOURCE_FRAMES ? all - first : KT_SOURCE_FRAMES);
    const uint32_t had    = (uint32_t)(first < before ? first : before);
    const size_t   left   = all - first - frames;
    const uint32_t has    = (uint32_t)(left < after ? left : after);
    const size_t   floats = (size_t)(channels + 1) * stride;
    float         *stream = make_stream(all, channels, format), *got = calloc(floats, sizeof *got);
    float         *one = calloc(channels, sizeof *one);
    if (!check(got && one, "memory"))
        exit(1);
    float         *planes = device_new(floats * sizeof *planes);
    const uint32_t none   = 0;
    void *pcm = device_samples(stream + (first - had) * channels, (size_t)(had + frames + has) * channels, format);
    kt_cuda_piece_t  piece  = {.pcm        = pcm,
                               .planes     = planes + before,
                               .mono       = planes + (size_t)channels * stride + before,
                               .not_finite = device_copy(&none, sizeof none),
                               .first      = first,
                               .frames     = frames,
                               .had        = had,
                               .has        = has};
    kt_cuda_piece_t *pieces = device_copy(&piece, sizeof piece);
    check(kt_cuda_planes(&(kt_cuda_source_t){pieces, 1, rate_hz, channels, before, after, stride, format}, NULL) ==
              KT_OK,
          "planes: launch");
    device_read(got, planes, floats * sizeof *got);
    uint32_t not_finite, bad = 0, ignored = 0;
    device_read(&not_finite, piece.not_finite, sizeof not_finite);
    size_t wrong = 0;
    for (int64_t f = -(int64_t)before; f < (int64_t)frames + after; f++) {
        const int64_t at    = (int64_t)first + f;
        const bool    there = at >= 0 && at < (int64_t)all;
        float         mono  = 0;
        for (uint32_t c = 0; c < channels; c++) {
            one[c] = there ? usable(stream[(size_t)at * channels + c], f >= 0 && f < frames ? &bad : &ignored) : 0;
            wrong += got[(size_t)c * stride + (size_t)(f + before)] != one[c];
        }
        kt_to_mono(one, 1, channels, &mono);
        wrong += got[(size_t)channels * stride + (size_t)(f + before)] != mono;
    }
    check(wrong == 0, "planes: %u channels, format %d, from %zu of %zu: %zu samples differ", channels, (int)format,
          first, all, wrong);
    check(not_finite == bad, "planes: %u samples not finite, not %u", not_finite, bad);
    device_free(pcm);
    device_free(planes);
    device_free(piece.not_finite);
    device_free(pieces);
    free(stream);
    free(got);
    free(one);
}

void
check_cuda_source(bool all)
{
    planes_are_right(8000, 2, KT_SAMPLES_S16, KT_SOURCE_FRAMES + 1000, KT_SOURCE_FRAMES);
    planes_are_right(8000, 1, KT_SAMPLES_F32, 3000, 0);
    check(kt_cuda_planes(&(kt_cuda_source_t){.n = 1}, NULL) == KT_EINVAL, "planes: no channels");
    check(kt_cuda_planes(&(kt_cuda_source_t){.channels = 1}, NULL) == KT_OK, "planes: none");
    if (!all)
        return;
    planes_are_right(44100, 2, KT_SAMPLES_F32, 2 * KT_SOURCE_FRAMES + 5, KT_SOURCE_FRAMES);
    planes_are_right(48000, 6, KT_SAMPLES_F32, 1, 0);
    planes_are_right(1000, 3, KT_SAMPLES_S16, KT_SOURCE_FRAMES + 30, 0);
}
