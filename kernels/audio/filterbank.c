#include "kernels/audio/filterbank_tables.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

enum { LEAST = 256, MOST = 16384 };

static bool
is_power(uint32_t n)
{
    return n >= LEAST && n <= MOST && (n & (n - 1)) == 0;
}

// The smaller factor of the most balanced product; 0: one factor would be too large.
static uint32_t
smaller_factor(uint32_t n)
{
    uint32_t out = 0;
    for (uint32_t a = 2; a * a <= n && a <= KT_FILTERBANK_FACTOR; a++)
        if (n % a == 0)
            out = a;
    return out && n / out <= KT_FILTERBANK_FACTOR ? out : 0;
}

bool
kt_filterbank_fits(uint32_t n)
{
    return n >= 4 && n <= MOST && (is_power(n) || smaller_factor(n) > 0);
}

static double *
table_new(uint32_t size, uint32_t rows)
{
    const size_t count = kt_filterbank_table_rows(size, rows), terms = size / 2 + 1;
    double      *out = calloc(count * terms * 2, sizeof *out);
    for (size_t k = 0; out && k < count; k++)
        for (size_t j = 0; j < terms; j++) {
            const double angle = 2 * PI * (double)(j * k % size) / size;
            double      *at    = out + ((k / rows * terms) + j) * 2 * rows + k % rows;
            at[0]              = cos(angle);
            at[rows]           = sin(angle);
        }
    return out;
}

static kt_err_t
fill_factors(kt_filterbank_t *self)
{
    const uint32_t n    = self->opts.n;
    self->columns       = smaller_factor(n);
    self->length        = n / self->columns;
    const size_t terms  = self->length / 2 + 1;
    self->real_table    = table_new(self->length, KT_FILTERBANK_REAL_ROWS);
    self->complex_table = table_new(self->columns, KT_FILTERBANK_COMPLEX_ROWS);
    self->twiddle       = calloc(self->columns * terms * 2, sizeof *self->twiddle);
    if (!self->real_table || !self->complex_table || !self->twiddle)
        return KT_ENOMEM;
    for (size_t column = 0; column < self->columns; column++)
        for (size_t k = 0; k < terms; k++) {
            double      *at    = self->twiddle + (column * terms + k) * 2;
            const double angle = 2 * PI * (double)(column * k) / n;
            at[0]              = cos(angle);
            at[1]              = sin(angle);
        }
    return KT_OK;
}

static bool
are_options_valid(const kt_filterbank_opts_t *opts)
{
    bool valid = kt_filterbank_fits(opts->n) && opts->length >= 1 && opts->length <= opts->n && opts->hop >= 1 &&
                 opts->n_bands >= 1 && opts->n_bands <= KT_FILTERBANK_BANDS && opts->floor >= FLT_MIN &&
                 isfinite(opts->floor) && isfinite(opts->factor) && isfinite(opts->term) && isfinite(opts->gain) &&
                 isfinite(opts->scale) && isfinite(opts->preemphasis);
    for (size_t i = 0; valid && i < opts->n_bands; i++) {
        const kt_filterbank_band_t *band = &opts->bands[i];
        valid = band->first <= opts->n / 2 + 1 && band->count <= opts->n / 2 + 1 - band->first &&
                band->offset <= opts->n_weights && band->count <= opts->n_weights - band->offset;
    }
    return valid;
}

kt_err_t
kt_filterbank_new(kt_filterbank_t **self_p, const kt_filterbank_opts_t *opts)
{
    if (!are_options_valid(opts))
        return KT_EINVAL;
    kt_err_t              err     = KT_ENOMEM;
    kt_filterbank_band_t *bands   = NULL;
    float                *weights = NULL;
    kt_filterbank_t      *self    = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    self->opts        = *opts;
    self->opts.window = NULL;
    self->window      = malloc(opts->length * sizeof *self->window);
    self->opts.bands = bands = malloc(opts->n_bands * sizeof *bands);
    self->opts.weights = weights = malloc((opts->n_weights + 1) * sizeof *weights);
    if (!bands || !weights || !self->window)
        goto fail;
    memcpy(bands, opts->bands, opts->n_bands * sizeof *bands);
    if (opts->n_weights)
        memcpy(weights, opts->weights, opts->n_weights * sizeof *weights);
    for (uint32_t i = 0; i < opts->length; i++)
        self->window[i] = opts->window[i] * opts->scale;
    self->bins = opts->n / 2 + 1;
    err        = is_power(opts->n) ? kt_plan_new_transform(&self->plan, opts->n) : fill_factors(self);
    if (err)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_filterbank_destroy(&self);
    return err;
}

void
kt_filterbank_destroy(kt_filterbank_t **self_p)
{
    kt_filterbank_t *self = *self_p;
    if (!self)
        return;
    kt_plan_destroy(&self->plan);
    free((void *)self->opts.bands);
    free((void *)self->opts.weights);
    free(self->window);
    free(self->real_table);
    free(self->complex_table);
    free(self->twiddle);
    free(self);
    *self_p = NULL;
}
