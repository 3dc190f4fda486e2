// Facts of blocks and spectra on the device against the plain reference: counts and flags are equal, sums within their
// tolerance; the bytes of a piece do not depend on the pieces that come with it.
#include "kernels/audio/power_spectrum.h"
#include "kernels/cuda/quality.h"
#include "tests/kernels/check_cuda.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// A whole piece, and one of a few blocks and a rest.
enum { PIECES = 2, FRAMES = KT_SOURCE_FRAMES + 3 * KT_BLOCK_SAMPLES + 100, BLOCKS = KT_PIECE_BLOCKS };

typedef struct stream {
    float           *host;  // [channels][before + FRAMES + after]
    float           *planes;
    kt_cuda_piece_t *pieces;
    kt_cuda_source_t source;
    uint64_t         first;  // number of the first frame
    uint32_t         used;   // channels
} stream_t;

static void *
zeroed(size_t count, size_t bytes)
{
    void *out = calloc(count + 1, bytes);
    if (!check(out != NULL, "memory"))
        exit(1);
    return out;
}

static size_t
plane_floats(const stream_t *self)
{
    return self->source.before + FRAMES + self->source.after;
}

static const float *
samples_of(const stream_t *self, uint32_t channel)
{
    return self->host + channel * plane_floats(self) + self->source.before;
}

// Noise that swells, a tone, clipped tops, clicks, gaps at and across the edges of groups and blocks, silence.
static float
sample(size_t i, uint32_t channel, uint32_t rate_hz, uint32_t *state)
{
    *state         = *state * 1664525U + 1013904223U;
    const double t = (double)i / rate_hz, noise = (double)(*state >> 8) / 16777216.0 - 0.5;
    const double tone  = 0.3 * sin(2 * M_PI * 440 * t) + 0.1 * sin(2 * M_PI * 880 * t) + 0.03 * sin(2 * M_PI * 45 * t);
    const size_t block = i / KT_BLOCK_SAMPLES, kind = block % 7;
    // Zeros that fill half a group in its middle are no gap's.
    const size_t at = i % KT_BLOCK_SAMPLES;
    if (kind == 3 || ((kind == 2 || kind == 6) && i % 4999 < 130) || at > (kind == 5 ? 4052 : 4070) ||
        (kind == 1 && at > 1290 && at < 1330))
        return 0;
    if (kind == 4)
        return (float)(0.0015 * noise);
    if (i % 6007 == 77)
        return 0.9F;
    const double swell = kind < 2 ? 0.0001 : 0.2 + 0.2 * sin(t * 9 + channel);
    return (float)fmax(-0.4, fmin(0.4, 0.02 + tone + swell * noise));
}

static stream_t
open_stream(uint32_t rate_hz, uint32_t channels, uint64_t first)
{
    const uint32_t before = kt_source_before(rate_hz, 64), after = kt_source_after(64);
    const uint32_t stride = kt_cuda_source_floats(before, after) + KT_SOURCE_ALIGN;
    const size_t   floats = (size_t)channels * stride;
    stream_t       self   = {.first = first, .used = channels < 2 ? 1 : 2};
    self.source           = (kt_cuda_source_t){NULL, PIECES, rate_hz, channels, before, after, stride, KT_SAMPLES_F32};
    self.host             = zeroed(channels * plane_floats(&self), sizeof *self.host);
    uint32_t state        = rate_hz;
    for (uint32_t c = 0; c < channels; c++)
        for (size_t i = first ? 0 : before; i < before + FRAMES; i++)
            self.host[c * plane_floats(&self) + i] = sample(i, c, rate_hz, &state);

    float *planes = zeroed(PIECES * floats, sizeof *planes);
    for (uint32_t p = 0; p < PIECES; p++)
        for (uint32_t c = 0; c < channels; c++) {
            const size_t at = (size_t)p * KT_SOURCE_FRAMES, left = plane_floats(&self) - at;
            const size_t most = kt_cuda_source_floats(before, after);
            memcpy(planes + p * floats + c * stride, samples_of(&self, c) - before + at,
                   (left < most ? left : most) * sizeof *planes);
        }
    self.planes = device_copy(planes, PIECES * floats * sizeof *planes);
    free(planes);
    kt_cuda_piece_t pieces[PIECES] = {0};
    for (uint32_t p = 0; p < PIECES; p++) {
        pieces[p].planes = self.planes + p * floats + before;
        pieces[p].first  = first + (uint64_t)p * KT_SOURCE_FRAMES;
        pieces[p].frames = p == 0 ? KT_SOURCE_FRAMES : FRAMES - KT_SOURCE_FRAMES;
    }
    self.pieces        = device_copy(pieces, sizeof pieces);
    self.source.pieces = self.pieces;
    return self;
}

static void
close_stream(stream_t *self)
{
    device_free(self->planes);
    device_free(self->pieces);
    free(self->host);
}

// --- blocks ----------------------------------------------------------------------------------------------------------

typedef struct blocks {
    kt_block_facts_t *facts;
    float            *low_band;
    double           *products;
} blocks_t;

static void
free_blocks(blocks_t *self)
{
    free(self->facts);
    free(self->low_band);
    free(self->products);
}

// Of the pieces from `from` on.
static blocks_t
device_blocks(const stream_t *self, uint32_t from)
{
    const size_t n = PIECES - from, facts = n * BLOCKS * self->used, low = facts * KT_BLOCK_GROUPS;
    blocks_t out = {zeroed(facts, sizeof *out.facts), zeroed(low, sizeof(float)), zeroed(n * BLOCKS, sizeof(double))};
    kt_cuda_blocks_t of = {.source   = self->source,
                           .facts    = device_copy(out.facts, facts * sizeof *out.facts),
                           .low_band = device_copy(out.low_band, low * sizeof *out.low_band),
                           .products = device_copy(out.products, n * BLOCKS * sizeof *out.products)};
    of.source.pieces += from;
    of.source.n = (uint32_t)n;
    kt_low_band_taps(of.taps);
    check(kt_cuda_blocks(&of, NULL) == KT_OK, "quality: launch of blocks");
    device_read(out.facts, of.facts, facts * sizeof *out.facts);
    device_read(out.low_band, of.low_band, low * sizeof *out.low_band);
    device_read(out.products, of.products, n * BLOCKS * sizeof *out.products);
    device_free(of.facts);
    device_free(of.low_band);
    device_free(of.products);
    return out;
}

static bool
are_near(const float *got, const float *want, size_t n, double scale)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - want[i]) <= tolerance_of(TOLERANCE_BLOCK) * scale))
            return false;
    return true;
}

static void
block_is_right(const kt_block_facts_t *got, const float *low_band, const float *x, const char *where, size_t block)
{
    const size_t      before = KT_LOW_BAND_BEFORE / KT_GROUP_SAMPLES;
    kt_sample_group_t groups[KT_LOW_BAND_BEFORE / KT_GROUP_SAMPLES + KT_BLOCK_GROUPS];
    float             sums[KT_LOWPASS_TAPS + KT_BLOCK_GROUPS * KT_GROUP_SUMS], taps[KT_LOWPASS_TAPS];
    float             want_low[KT_BLOCK_GROUPS];
    kt_block_facts_t  want;
    kt_samples_ops_ref.groups(x - KT_LOW_BAND_BEFORE, before + KT_BLOCK_GROUPS, groups);
    kt_block_facts_of(x, groups + before, KT_BLOCK_SAMPLES, &want);
    double sizes = 0;
    for (size_t i = 0; i < KT_BLOCK_SAMPLES; i++)
        sizes += fabsf(x[i]);
    for (size_t g = 0; g < before + KT_BLOCK_GROUPS; g++)
        memcpy(sums + g * KT_GROUP_SUMS, groups[g].sum, sizeof groups[g].sum);
    kt_low_band_taps(taps);
    kt_samples_ops_ref.lowpass(taps, sums, KT_BLOCK_GROUPS, want_low);

    const float level = fmaxf(want.high, -want.low);
    check(got->low == want.low && got->high == want.high && got->ends[0] == want.ends[0] &&
              got->ends[1] == want.ends[1] && got->levels[0] == want.levels[0] && got->levels[1] == want.levels[1] &&
              got->spikes[0] == want.spikes[0] && got->spikes[1] == want.spikes[1],
          "quality: %s, block %zu: extremes", where, block);
    check(got->first_sound == want.first_sound && got->last_sound == want.last_sound,
          "quality: %s, block %zu: sound from %u to %u, not %u to %u", where, block, got->first_sound, got->last_sound,
          want.first_sound, want.last_sound);
    check(got->clicks == want.clicks && got->zeros == want.zeros && got->has_zeros == want.has_zeros,
          "quality: %s, block %zu: %u clicks, %u zeros (%u), not %u, %u (%u)", where, block, got->clicks, got->zeros,
          got->has_zeros, want.clicks, want.zeros, want.has_zeros);
    check(fabs(got->sum - want.sum) <= tolerance_of(TOLERANCE_BLOCK) * sizes &&
              fabs(got->squares - want.squares) <= tolerance_of(TOLERANCE_BLOCK) * want.squares,
          "quality: %s, block %zu: sums %g, %g, not %g, %g", where, block, got->sum, got->squares, want.sum,
          want.squares);
    check(are_near(got->bends, want.bends, 4, (double)KT_GROUP_SAMPLES * level), "quality: %s, block %zu: bends", where,
          block);
    check(are_near(low_band, want_low, KT_BLOCK_GROUPS, 0.4), "quality: %s, block %zu: low band", where, block);
}

static void
blocks_are_right(const stream_t *self, const char *where)
{
    blocks_t got = device_blocks(self, 0), alone = device_blocks(self, 1);
    for (size_t b = 0; b < FRAMES / KT_BLOCK_SAMPLES; b++) {
        double want = 0, sizes = 0;
        for (uint32_t c = 0; c < self->used; c++) {
            const size_t place = b * self->used + c;
            block_is_right(got.facts + place, got.low_band + place * KT_BLOCK_GROUPS,
                           samples_of(self, c) + b * KT_BLOCK_SAMPLES, where, b);
        }
        if (self->used < 2)
            continue;
        for (size_t i = 0; i < KT_BLOCK_SAMPLES; i++) {
            const double product =
                (double)samples_of(self, 0)[b * KT_BLOCK_SAMPLES + i] * samples_of(self, 1)[b * KT_BLOCK_SAMPLES + i];
            want += product;
            sizes += fabs(product);
        }
        check(fabs(got.products[b] - want) <= tolerance_of(TOLERANCE_BLOCK) * sizes,
              "quality: %s, block %zu: product %g, not %g", where, b, got.products[b], want);
    }
    const size_t facts = BLOCKS * self->used;
    check(memcmp(got.facts + facts, alone.facts, facts * sizeof *alone.facts) == 0 &&
              memcmp(got.low_band + facts * KT_BLOCK_GROUPS, alone.low_band, facts * KT_BLOCK_GROUPS * sizeof(float)) ==
                  0 &&
              memcmp(got.products + BLOCKS, alone.products, BLOCKS * sizeof(double)) == 0,
          "quality: %s: the blocks of a piece depend on another one", where);
    free_blocks(&got);
    free_blocks(&alone);
}

// --- spectra ---------------------------------------------------------------------------------------------------------

typedef struct spectra {
    kt_spectrum_facts_t *facts;
    float               *bands;
    size_t               places, width;
} spectra_t;

static void
free_spectra(spectra_t *self)
{
    free(self->facts);
    free(self->bands);
}

static spectra_t
device_spectra(const stream_t *self, uint32_t n_fft, uint32_t from)
{
    const size_t n          = PIECES - from;
    spectra_t    out        = {.places = kt_piece_spectra(self->source.rate_hz), .width = n_fft / 2 / KT_SPECTRUM_BAND};
    out.facts               = zeroed(n * out.places, sizeof *out.facts);
    out.bands               = zeroed(n * out.places * out.width, sizeof *out.bands);
    const size_t      facts = n * out.places * sizeof *out.facts, bands = n * out.places * out.width * sizeof(float);
    kt_cuda_spectra_t of = {self->source, n_fft, (uint32_t)out.places, device_copy(out.facts, facts),
                            device_copy(out.bands, bands)};
    of.source.pieces += from;
    of.source.n = (uint32_t)n;
    check(kt_cuda_spectra(&of, NULL) == KT_OK, "quality: launch of spectra");
    device_read(out.facts, of.facts, facts);
    device_read(out.bands, of.bands, bands);
    device_free(of.facts);
    device_free(of.bands);
    return out;
}

// The powers as the CPU makes them, of a periodogram.
static void
reference_powers(uint32_t rate_hz, uint32_t n_fft, const float *x, float *out)
{
    kt_power_spectra_t *powers = NULL;
    if (!check(kt_power_spectra_new(&powers, &kt_cpu_ops_ref, rate_hz, n_fft, n_fft) == KT_OK, "memory"))
        exit(1);
    kt_power_spectra_rows(powers, x, 1, n_fft / 2 + 1, out);
    for (size_t k = 0; k < n_fft / 2 + 1; k++)
        out[k] *= (float)(1 / (0.375 * n_fft));
    kt_power_spectra_destroy(&powers);
}

static void
frame_is_right(const stream_t *self, uint32_t n_fft, uint64_t frame, const kt_spectrum_facts_t *got, const float *bands,
               size_t *pitched)
{
    const uint64_t      start = frame * self->source.rate_hz / 4;
    const size_t        bins = n_fft / 2 + 1, width = n_fft / 2 / KT_SPECTRUM_BAND;
    float              *powers = zeroed(bins, sizeof *powers), *want_bands = zeroed(width, sizeof *want_bands);
    kt_spectrum_facts_t want;
    reference_powers(self->source.rate_hz, n_fft,
                     samples_of(self, frame % self->used) + (ptrdiff_t)(start - self->first), powers);
    kt_spectrum_facts_of(powers, bins, &want, want_bands);
    check(got->sounds == want.sounds && (got->pitch > 0) == (want.pitch > 0) &&
              fabs(got->pitch - want.pitch) <= tolerance_of(TOLERANCE_PITCH_POSITION) * want.pitch,
          "quality: frame %zu of %u: sounds %u, pitch %.9g, not %u, %.9g", (size_t)frame, n_fft, got->sounds,
          got->pitch, want.sounds, want.pitch);
    check(!want.sounds || off_by(bands, want_bands, width) <= tolerance_of(TOLERANCE_BAND_POWER),
          "quality: frame %zu of %u: bands off by %g", (size_t)frame, n_fft, off_by(bands, want_bands, width));
    *pitched += want.pitch > 0;
    free(powers);
    free(want_bands);
}

static void
spectra_are_right(const stream_t *self, uint32_t n_fft)
{
    spectra_t got = device_spectra(self, n_fft, 0), alone = device_spectra(self, n_fft, 1);
    uint64_t  frame   = kt_spectrum_next(self->first, self->source.rate_hz, n_fft);
    size_t    pitched = 0, frames = 0;
    for (size_t p = 0; p < PIECES; p++) {
        const uint64_t end = self->first + (p == 0 ? KT_SOURCE_FRAMES : FRAMES / KT_BLOCK_SAMPLES * KT_BLOCK_SAMPLES);
        for (size_t place = 0; frame * self->source.rate_hz / 4 + n_fft <= end; place++, frame++, frames++) {
            const size_t at = p * got.places + place;
            if (!check(place < got.places, "quality: more frames than places"))
                break;
            frame_is_right(self, n_fft, frame, got.facts + at, got.bands + at * got.width, &pitched);
        }
    }
    check(pitched > 0 && pitched < frames, "quality: %zu of %zu frames have a pitch", pitched, frames);
    check(memcmp(got.facts + got.places, alone.facts, got.places * sizeof *alone.facts) == 0 &&
              memcmp(got.bands + got.places * got.width, alone.bands, got.places * got.width * sizeof(float)) == 0,
          "quality: the spectra of a piece depend on another one");
    free_spectra(&got);
    free_spectra(&alone);
}

static void
stream_is_right(uint32_t rate_hz, uint32_t channels, uint64_t first, uint32_t n_fft, const char *where)
{
    stream_t stream = open_stream(rate_hz, channels, first);
    blocks_are_right(&stream, where);
    spectra_are_right(&stream, n_fft);
    close_stream(&stream);
}

static void
wrong_sizes_are_refused(void)
{
    const kt_cuda_source_t source = {.n = 1, .rate_hz = 8000, .channels = 1, .before = 1024, .after = 64};
    kt_cuda_blocks_t       blocks = {.source = source};
    blocks.source.channels        = 0;
    check(kt_cuda_blocks(&blocks, NULL) == KT_EINVAL, "quality: no channels");
    blocks.source        = source;
    blocks.source.before = KT_LOW_BAND_BEFORE;
    check(kt_cuda_blocks(&blocks, NULL) == KT_EINVAL, "quality: a margin that is too short");
    blocks.source.before = 1024;
    blocks.source.n      = 0;
    check(kt_cuda_blocks(&blocks, NULL) == KT_OK, "quality: no pieces");
    kt_cuda_spectra_t spectra = {.source = source, .n_fft = 8192, .places = 1};
    check(kt_cuda_spectra(&spectra, NULL) == KT_EINVAL, "quality: a frame that the transform does not have");
    spectra.n_fft = 1536;
    check(kt_cuda_spectra(&spectra, NULL) == KT_EINVAL, "quality: a frame of no power of two");
    spectra.n_fft = 2048;
    check(kt_cuda_spectra(&spectra, NULL) == KT_EINVAL, "quality: a margin shorter than a frame");
}

void
check_cuda_quality(bool all)
{
    wrong_sizes_are_refused();
    stream_is_right(44100, 2, 0, 4096, "44.1 kHz");
    if (!all)
        return;
    stream_is_right(48000, 1, KT_SOURCE_FRAMES, 4096, "mono");
    stream_is_right(22050, 6, 3 * (uint64_t)KT_SOURCE_FRAMES, 2048, "six channels");
    stream_is_right(8000, 2, KT_SOURCE_FRAMES, 1024, "8 kHz");
    stream_is_right(4000, 2, 0, 512, "4 kHz");
}
