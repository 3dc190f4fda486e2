// Pieces of a stream give the quality module the results that its samples give, whether facts of them are there or not.
#include "kernels/audio/piece_facts.h"
#include "kernels/isa.h"
#include "node/audio/quality/state.h"
#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(quality_pieces, .init = ax_open, .fini = ax_close);

// What is made of the facts of each piece.
typedef enum facts { ALL, NO_SPECTRA, NONE, EVERY_OTHER } facts_t;

typedef struct signal {
    uint32_t           rate_hz, channels;
    kt_sample_format_t format;
    size_t             frames;
    void              *pcm;
    float             *floats;
} signal_t;

// A tone with clipped tops, noise, clicks, gaps within and across blocks, digital silence, an offset.
static signal_t
make_signal(uint32_t rate_hz, uint32_t channels, kt_sample_format_t format, size_t frames)
{
    const size_t n     = frames * channels;
    signal_t     self  = {rate_hz, channels, format, frames, malloc(n * sizeof(float)), malloc(n * sizeof(float))};
    uint32_t     state = 5;
    cr_assert(self.pcm && self.floats);
    for (size_t i = 0; i < n; i++) {
        const size_t frame = i / channels;
        const double t = (double)frame / rate_hz, swell = 0.2 + 0.2 * sin(t * 0.7);
        state    = state * 1664525U + 1013904223U;
        double x = 0.01 + (0.3 + swell) * sin(2 * M_PI * (t < 4 ? 440 : 311) * t) * (i % channels ? 0.9 : 1) +
                   0.03 * ((state >> 8) / 16777216.0 - 0.5) + 0.01 * sin(2 * M_PI * 50 * t);
        x              = frame % 50021 == 77 ? x + 0.4 : frame % 40009 < 200 || (t > 7 && t < 7.4) ? 0 : x;
        x              = fmax(-0.5, fmin(0.5, x));
        x              = t > 5 && x > 0 ? x / 2 : x;  // only the tops below
        self.floats[i] = (float)x;
        if (format == KT_SAMPLES_S16) {
            ((int16_t *)self.pcm)[i] = (int16_t)lrint(x * 32767);
            self.floats[i]           = (float)((int16_t *)self.pcm)[i] * KT_S16_UNIT;
        } else {
            ((float *)self.pcm)[i] = self.floats[i];
        }
    }
    return self;
}

static void
free_signal(signal_t *self)
{
    free(self->pcm);
    free(self->floats);
}

static kt_quality_t *
opened(const signal_t *signal)
{
    const kt_stream_t stream = {.plan     = ax_plan,
                                .rate_hz  = signal->rate_hz,
                                .channels = signal->channels,
                                .options  = KT_OPTION_QUALITY,
                                .device   = ax_device,
                                .range    = {0, 0, UINT64_MAX, UINT64_MAX}};
    void             *state  = NULL;
    cr_assert_eq(kt_module_quality.new(&state, &stream), KT_OK);
    return state;
}

typedef struct result {
    char  *text;
    double rumble;  // its last bits are not in the text
} result_t;

static result_t
finished(kt_quality_t *self)
{
    const double     rumble   = self->channel[0].low.rumble;
    const kt_job_t   job      = {.message_id = "m", .file_path = "/a", .options = KT_OPTION_QUALITY};
    const kt_stamp_t stamp    = {0};
    kt_document_t   *document = NULL;
    void            *state    = self;
    kt_buf_t         out;
    char             why[KT_DOCUMENT_WHY] = "";
    kt_buf_init(&out, KT_DOCUMENT_MAX_BYTES);
    cr_assert_eq(kt_document_new(&document, &job), KT_OK);
    cr_assert_eq(kt_module_quality.finish(state, document), KT_OK);
    cr_assert_eq(kt_document_finish(document, &stamp, &out, why), KT_OK, "%s", why);
    kt_document_destroy(&document);
    kt_module_quality.destroy(&state);
    return (result_t){kt_buf_take(&out, NULL), rumble};
}

// --- facts of a piece, by the kernels of the processor ---------------------------------------------------------------

static void
make_blocks(kt_quality_t *self, const signal_t *signal, uint64_t first, size_t frames, kt_piece_facts_t *out)
{
    enum { BEFORE = KT_LOW_BAND_BEFORE, LEAD = BEFORE / KT_GROUP_SAMPLES };
    static float room[2][1 + BEFORE + KT_BLOCK_SAMPLES + 1];
    for (size_t b = 0; b < frames / KT_BLOCK_SAMPLES; b++) {
        for (uint32_t c = 0; c < self->used; c++) {
            const size_t place = b * self->used + c;
            for (int64_t i = 0; i < 1 + BEFORE + KT_BLOCK_SAMPLES + 1; i++) {
                const int64_t at = (int64_t)(first + b * KT_BLOCK_SAMPLES) - BEFORE - 1 + i;
                room[c][i] =
                    at < 0 || at >= (int64_t)signal->frames ? 0 : signal->floats[(size_t)at * signal->channels + c];
            }
            kt_sample_group_t groups[LEAD + KT_BLOCK_GROUPS];
            float             ignored[LEAD];
            kt_lowband_t      low;
            self->ops->groups(room[c] + 1, LEAD + KT_BLOCK_GROUPS, groups);
            kt_block_facts_of(room[c] + 1 + BEFORE, groups + LEAD, KT_BLOCK_SAMPLES, &out->blocks[place]);
            kt_lowband_init(&low, signal->rate_hz, 0);
            kt_lowband_values(&low, self->ops, groups, LEAD, ignored);
            kt_lowband_values(&low, self->ops, groups + LEAD, KT_BLOCK_GROUPS, out->low_band + place * KT_BLOCK_GROUPS);
        }
        out->products[b] =
            self->used == 2 ? self->ops->product(room[0] + 1 + BEFORE, room[1] + 1 + BEFORE, KT_BLOCK_GROUPS) : 0;
    }
}

static void
make_spectra(kt_quality_t *self, const signal_t *signal, uint64_t first, size_t frames, kt_piece_facts_t *out)
{
    const uint64_t end   = first + frames / KT_BLOCK_SAMPLES * KT_BLOCK_SAMPLES;
    const size_t   n     = self->n_fft;
    uint64_t       frame = kt_spectrum_next(first, signal->rate_hz, self->n_fft);
    float         *x     = malloc(n * sizeof *x);
    for (size_t place = 0; frame * signal->rate_hz / 4 + n <= end; place++, frame++) {
        for (size_t i = 0; i < n; i++)
            x[i] = signal->floats[(frame * signal->rate_hz / 4 + i) * signal->channels + frame % self->used];
        kt_quality_powers(self, x, 1);
        kt_spectrum_facts_of(self->rows, n / 2 + 1, &out->spectra[place],
                             out->bands + place * (n / 2 / KT_SPECTRUM_BAND));
    }
    free(x);
}

static result_t
by_pieces(const signal_t *signal, facts_t which)
{
    kt_quality_t     *self   = opened(signal);
    const size_t      bytes  = signal->channels * (signal->format ? 2 : 4);
    const uint32_t    before = kt_source_before(signal->rate_hz, 0), after = kt_source_after(0);
    kt_piece_facts_t *facts = kt_piece_facts_new(signal->rate_hz, signal->channels);
    cr_assert(facts);
    for (uint64_t first = 0, n = 0; first < signal->frames; first += KT_SOURCE_FRAMES, n++) {
        const size_t      left = signal->frames - first, own = left < KT_SOURCE_FRAMES ? left : KT_SOURCE_FRAMES;
        const size_t      had = first < before ? first : before, has = left - own < after ? left - own : after;
        kt_source_piece_t piece = {.format = signal->format,
                                   .first  = first,
                                   .had    = (uint32_t)had,
                                   .frames = (uint32_t)own,
                                   .has    = (uint32_t)has,
                                   .facts  = facts};
        for (size_t i = 0; i < own * signal->channels && !signal->format; i++)
            piece.not_finite += !(fabsf(((float *)signal->pcm)[first * signal->channels + i]) <= KT_SAMPLE_LIMIT);
        // A copy of its exact size, so that a sanitizer sees what is read beyond.
        void *pcm = malloc((had + own + has) * bytes);
        memcpy(pcm, (const char *)signal->pcm + (first - had) * bytes, (had + own + has) * bytes);
        piece.pcm = pcm;
        make_blocks(self, signal, first, own, facts);
        if (self->spectra)
            make_spectra(self, signal, first, own, facts);
        facts->has_blocks  = which != NONE && (which != EVERY_OTHER || n % 2 == 0);
        facts->has_spectra = facts->has_blocks && which != NO_SPECTRA;
        kt_quality_add_piece(self, &piece);
        free(pcm);
    }
    free(facts);
    return finished(self);
}

static result_t
by_samples(const signal_t *signal)
{
    kt_quality_t *self = opened(signal);
    cr_assert_eq(kt_module_quality.push(self, signal->floats, signal->frames), KT_OK);
    return finished(self);
}

static void
expect_equal(uint32_t rate_hz, uint32_t channels, kt_sample_format_t format, size_t frames)
{
    signal_t signal = make_signal(rate_hz, channels, format, frames);
    result_t want   = by_samples(&signal);
    for (int which = ALL; which <= EVERY_OTHER; which++) {
        result_t got = by_pieces(&signal, (facts_t)which);
        cr_expect_eq(got.rumble, want.rumble, "%u Hz, facts %d: %.17g, not %.17g", rate_hz, which, got.rumble,
                     want.rumble);
        cr_expect_str_eq(got.text, want.text, "%u Hz, %u channels, %zu frames, facts %d", rate_hz, channels, frames,
                         which);
        free(got.text);
    }
    free(want.text);
    free_signal(&signal);
}

Test(quality_pieces, pieces_are_the_stream)
{
    expect_equal(44100, 2, KT_SAMPLES_F32, 12 * 44100 + 1234);
    expect_equal(44100, 2, KT_SAMPLES_S16, 12 * 44100 + 1234);
    expect_equal(22050, 1, KT_SAMPLES_F32, 9 * 22050);
    expect_equal(8000, 6, KT_SAMPLES_S16, 40 * 8000 + 1);
}

Test(quality_pieces, an_end_at_any_place_of_a_piece_or_block)
{
    static const size_t frames[] = {1,
                                    KT_BLOCK_SAMPLES - 1,
                                    KT_BLOCK_SAMPLES,
                                    KT_BLOCK_SAMPLES + 1,
                                    KT_SOURCE_FRAMES - 1,
                                    KT_SOURCE_FRAMES,
                                    KT_SOURCE_FRAMES + 1,
                                    KT_SOURCE_FRAMES + KT_BLOCK_SAMPLES,
                                    3 * KT_SOURCE_FRAMES};
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        expect_equal(44100, 2, KT_SAMPLES_F32, frames[i]);
}

Test(quality_pieces, rates_without_spectra_and_with_the_longest)
{
    expect_equal(2000, 2, KT_SAMPLES_F32, KT_SOURCE_FRAMES + 5000);
    expect_equal(192000, 1, KT_SAMPLES_F32, 3 * KT_SOURCE_FRAMES + 99);
}

Test(quality_pieces, samples_that_are_not_finite_are_zeros)
{
    signal_t signal                             = make_signal(44100, 2, KT_SAMPLES_F32, 200000);
    ((float *)signal.pcm)[2 * KT_SOURCE_FRAMES] = NAN;  // the margin of a piece without such samples
    signal.floats[2 * KT_SOURCE_FRAMES]         = 0;
    for (size_t i = 0; i < 10; i++) {
        ((float *)signal.pcm)[377777 + 64 * i] = i % 2 ? NAN : 2e12F;
        signal.floats[377777 + 64 * i]         = 0;
    }
    result_t want = by_samples(&signal), got = by_pieces(&signal, NONE);
    cr_expect_str_eq(got.text, want.text);
    free(want.text);
    free(got.text);
    free_signal(&signal);
}
