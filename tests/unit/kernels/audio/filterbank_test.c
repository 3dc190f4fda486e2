#include "kernels/audio/filterbank.h"
#include "tests/unit/kernels/isa_named.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES = 37, MOST_BINS = 1025 };

// Every bin is a band of its own.
typedef struct bank {
    kt_filterbank_band_t bands[MOST_BINS];
    float                weights[MOST_BINS];
    double               window[2048];
    kt_filterbank_opts_t opts;
} bank_t;

static bank_t *
bank_of_bins(uint32_t n)
{
    bank_t *self = calloc(1, sizeof *self);
    cr_assert(self);
    self->opts = (kt_filterbank_opts_t){.n       = n,
                                        .length  = n - n / 5,
                                        .hop     = 1 + n / 3,
                                        .window  = self->window,
                                        .scale   = 3,
                                        .factor  = 1,
                                        .floor   = 1e-9F,
                                        .gain    = 1,
                                        .bands   = self->bands,
                                        .weights = self->weights};
    for (uint32_t i = 0; i < n; i++)
        self->window[i] = 1 + 0.5 * cos(0.01 * i);
    for (uint32_t k = 0; k <= n / 2 && k < KT_FILTERBANK_BANDS; k++) {
        self->bands[k]     = (kt_filterbank_band_t){.first = k, .count = 1, .offset = k};
        self->weights[k]   = 1;
        self->opts.n_bands = self->opts.n_weights = k + 1;
    }
    return self;
}

static float *
noise(const kt_filterbank_opts_t *opts, size_t frames)
{
    const size_t length = (frames - 1) * opts->hop + opts->length;
    float       *out    = calloc(length, sizeof *out);
    uint32_t     state  = 7;
    cr_assert(out);
    for (size_t i = 0; i < length; i++) {
        state  = state * 1664525U + 1013904223U;
        out[i] = (float)(state >> 8) / 8388608.0F - 1 + 0.5F * sinf(0.1F * (float)i);
    }
    return out;
}

static float *
rows_with(const char *isa, const kt_filterbank_opts_t *opts, const float *pcm, size_t count)
{
    const kt_filterbank_ops_t *ops  = isa_named(isa)->filterbank;
    kt_filterbank_t           *self = NULL;
    float                     *out  = calloc(count * opts->n_bands, sizeof *out);
    cr_assert(out);
    cr_assert_eq(kt_filterbank_new(&self, opts), KT_OK);
    void *scratch = aligned_alloc(64, (ops->scratch_bytes(self) + 63) / 64 * 64);
    cr_assert(scratch);
    ops->rows(self, scratch, pcm, count, out);
    free(scratch);
    kt_filterbank_destroy(&self);
    return out;
}

Test(filterbank, every_instruction_set_and_length_agrees_with_the_definition)
{
    static const char *const sets[]    = {"base", "avx2", "avx512", ""};
    static const uint32_t    lengths[] = {256, 512, 2048, 1411, 400, 64, 16, 4, 9, 441, 1000, 35};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        const uint32_t n    = lengths[l];
        bank_t        *bank = bank_of_bins(n);
        bank->opts.offset = bank->opts.magnitude = l % 2 == 0;
        bank->opts.preemphasis                   = l % 3 == 0 ? 0.97 : 0;
        float *in = noise(&bank->opts, FRAMES), *ref = rows_with("ref", &bank->opts, in, FRAMES);
        for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
            float *fast = rows_with(sets[s], &bank->opts, in, FRAMES), worst = 0;
            for (size_t i = 0; i < FRAMES * bank->opts.n_bands; i++)
                worst = fmaxf(worst, fabsf(fast[i] - ref[i]));
            cr_expect(worst < 4e-6F, "'%s', length %u: %g", sets[s], n, (double)worst);
            free(fast);
        }
        free(ref);
        free(in);
        free(bank);
    }
}

// The band is bin 0 of the magnitudes, whose value is the one sample that is not zero.
static float
value_of(const char *isa, kt_filterbank_opts_t opts, float sample)
{
    const kt_filterbank_band_t band       = {.first = 0, .count = 1};
    const float                weight     = 1;
    const double               window     = 1;
    float                      frame[256] = {sample};
    opts.n = 256, opts.length = opts.hop = 1, opts.scale = 1, opts.window = &window, opts.magnitude = true;
    opts.bands = &band, opts.n_bands = 1, opts.weights = &weight, opts.n_weights = 1;
    float      *row = rows_with(isa, &opts, frame, 1);
    const float out = row[0];
    free(row);
    return out;
}

Test(filterbank, values_are_rounded_to_float16_as_IEEE_does)
{
    // x: to the nearest, to even at a tie, subnormal, tiny, too large
    static const struct {
        float x, rounded;
    } CASES[]                       = {{1.0F, 1.0F},
                                       {1.0004F, 1.0F},
                                       {1.0006F, 1.0009765625F},
                                       {1.00048828125F, 1.0F},
                                       {3.001953125F, 3.001953125F},
                                       {6e-8F, 5.9604645e-8F},
                                       {2e-8F, 0},
                                       {1.5e-5F, 1.5020370e-5F},
                                       {1e6F, 65504}};
    static const char *const sets[] = {"ref", "base", "avx2", "avx512"};
    for (size_t s = 0; s < sizeof sets / sizeof *sets; s++)
        for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
            const kt_filterbank_opts_t opts = {.half = true, .factor = 1, .term = 1e-9F, .floor = 1e-30F, .gain = 1};
            const float                got  = value_of(sets[s], opts, CASES[c].x);
            cr_expect_float_eq(got, logf(CASES[c].rounded + 1e-9F), 2e-6F, "'%s', %g: %g", sets[s], (double)CASES[c].x,
                               (double)got);
        }
}

Test(filterbank, what_is_no_number_becomes_the_floor_and_values_are_finite)
{
    static const char *const   sets[] = {"ref", "base", "avx2", "avx512"};
    const kt_filterbank_opts_t opts   = {.factor = 1, .floor = 1e-10F, .gain = 1};
    for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
        cr_expect_float_eq(value_of(sets[s], opts, NAN), logf(1e-10F), 1e-5F, "'%s'", sets[s]);
        cr_expect_float_eq(value_of(sets[s], opts, 0), logf(1e-10F), 1e-5F, "'%s'", sets[s]);
        cr_expect(isfinite(value_of(sets[s], opts, INFINITY)), "'%s'", sets[s]);
        cr_expect(isfinite(value_of(sets[s], opts, 3e38F)), "'%s'", sets[s]);
    }
}

Test(filterbank, a_frame_depends_on_its_samples_alone)
{
    bank_t *bank = bank_of_bins(1411);
    float  *in = noise(&bank->opts, FRAMES), *all = rows_with("", &bank->opts, in, FRAMES);
    for (size_t f = 0; f < FRAMES; f += 5) {
        float *one = rows_with("", &bank->opts, in + f * bank->opts.hop, 1);
        cr_expect_arr_eq(one, all + f * bank->opts.n_bands, bank->opts.n_bands * sizeof *one);
        free(one);
    }
    free(all);
    free(in);
    free(bank);
}

Test(filterbank, what_does_not_fit_is_refused)
{
    static const uint32_t bad[] = {0, 1, 2, 3, 127 * 131, 16385, 32768, 2 * 131};
    bank_t               *bank  = bank_of_bins(512);
    kt_filterbank_t      *self  = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        kt_filterbank_opts_t opts = bank->opts;
        opts.n                    = bad[i];
        opts.length               = 1;
        cr_expect_eq(kt_filterbank_new(&self, &opts), KT_EINVAL, "%u", bad[i]);
    }
    bank->bands[3].count = 255;
    cr_expect_eq(kt_filterbank_new(&self, &bank->opts), KT_EINVAL);
    bank->bands[3] = (kt_filterbank_band_t){.first = 3, .count = 1, .offset = 257};
    cr_expect_eq(kt_filterbank_new(&self, &bank->opts), KT_EINVAL);
    bank->opts.floor = 0;
    cr_expect_eq(kt_filterbank_new(&self, &bank->opts), KT_EINVAL);
    cr_expect_null(self);
    free(bank);
}
