#include "kernels/audio/filterbank_tables.h"
#include "kernels/cpu/fft.h"
#include "kernels/cpu/simd.h"

#include <float.h>

#define OPS KT_NAME(kt_filterbank_ops)

enum { REAL_ROWS = KT_FILTERBANK_REAL_ROWS, COMPLEX_ROWS = KT_FILTERBANK_COMPLEX_ROWS };

// One batch: a frame in each lane.
typedef struct batch_memory {
    vw_t *power;       // [bins]
    vw_t *z;           // a power of two: [points][re, im]
    vw_t *samples;     // other lengths: [stride]
    vw_t *sum, *diff;  // [length / 2 + 1]
    vw_t *spectra;     // [columns][rows of the real table][re, im]
    vw_t *pairs;       // [columns / 2 + 1][sum re, sum im, difference re, difference im]
} batch_memory_t;

static size_t
spectra_row(const kt_filterbank_t *self)
{
    return 2 * kt_filterbank_table_rows(self->length, REAL_ROWS);
}

static size_t
scratch_bytes(const kt_filterbank_t *self)
{
    const size_t factors = kt_filterbank_stride(self->opts.n) + 2 * (size_t)(self->length / 2 + 1) +
                           self->columns * spectra_row(self) + 4 * (size_t)(self->columns / 2 + 1);
    return (self->bins + (self->plan ? 2 * (size_t)self->plan->points : factors)) * sizeof(vw_t);
}

static batch_memory_t
lay_out(const kt_filterbank_t *self, vw_t *memory)
{
    batch_memory_t out = {.power = memory, .z = memory + self->bins, .samples = memory + self->bins};
    if (self->plan)
        return out;
    out.sum     = out.samples + kt_filterbank_stride(self->opts.n);
    out.diff    = out.sum + self->length / 2 + 1;
    out.spectra = out.diff + self->length / 2 + 1;
    out.pairs   = out.spectra + self->columns * spectra_row(self);
    return out;
}

// --- lengths that are no power of two (filterbank_tables.h)

// The transform of one column of real samples; x: [length] at a distance of `columns`.
static void
column_spectrum(const kt_filterbank_t *self, const batch_memory_t *m, size_t column)
{
    const size_t length = self->length, step = self->columns, terms = length / 2 + 1;
    const vw_t  *x = m->samples + column;
    m->sum[0]      = x[0];
    m->diff[0]     = (vw_t){0};
    for (size_t j = 1; j < terms; j++) {
        const vw_t a = x[j * step], b = 2 * j == length ? (vw_t){0} : x[(length - j) * step];
        m->sum[j]  = a + b;
        m->diff[j] = a - b;
    }
    const float *table   = self->real_table;
    const float *twiddle = self->twiddle + column * terms * 2;
    vw_t        *out     = m->spectra + column * spectra_row(self);
    for (size_t k = 0; k < terms; k += REAL_ROWS) {
        vw_t re[REAL_ROWS], im[REAL_ROWS];
        for (size_t r = 0; r < REAL_ROWS; r++)
            re[r] = im[r] = (vw_t){0};
        for (size_t j = 0; j < terms; j++, table += 2 * REAL_ROWS) {
            const vw_t s = m->sum[j], d = m->diff[j];
            for (size_t r = 0; r < REAL_ROWS; r++) {
                re[r] += s * table[r];
                im[r] -= d * table[REAL_ROWS + r];
            }
        }
        for (size_t r = 0; r < REAL_ROWS && k + r < terms; r++) {
            const float c = twiddle[2 * (k + r)], s = twiddle[2 * (k + r) + 1];
            out[2 * (k + r)]     = re[r] * c + im[r] * s;
            out[2 * (k + r) + 1] = im[r] * c - re[r] * s;
        }
    }
}

static void
store_power(const kt_filterbank_t *self, vw_t *power, size_t k, vw_t re, vw_t im)
{
    const size_t n                = self->opts.n;
    power[k <= n / 2 ? k : n - k] = re * re + im * im;
}

// The transform over the columns for frequency k of their spectra: bins k, k + length, k + 2 length ...
static void
across_columns(const kt_filterbank_t *self, const batch_memory_t *m, size_t k)
{
    const size_t columns = self->columns, terms = columns / 2 + 1;
    const size_t width = spectra_row(self);
    const vw_t  *x     = m->spectra + 2 * k;
    for (size_t j = 0; j < terms; j++) {
        const bool  alone = j == 0 || 2 * j == columns;
        const vw_t *a = x + j * width, *b = x + (columns - j) * width;
        vw_t       *pair = m->pairs + 4 * j;
        pair[0]          = alone ? a[0] : a[0] + b[0];
        pair[1]          = alone ? a[1] : a[1] + b[1];
        pair[2]          = alone ? (vw_t){0} : a[0] - b[0];
        pair[3]          = alone ? (vw_t){0} : a[1] - b[1];
    }
    const float *table = self->complex_table;
    for (size_t first = 0; first < terms; first += COMPLEX_ROWS) {
        vw_t even_re[COMPLEX_ROWS], even_im[COMPLEX_ROWS], odd_re[COMPLEX_ROWS], odd_im[COMPLEX_ROWS];
        for (size_t r = 0; r < COMPLEX_ROWS; r++)
            even_re[r] = even_im[r] = odd_re[r] = odd_im[r] = (vw_t){0};
        for (size_t j = 0; j < terms; j++, table += 2 * COMPLEX_ROWS) {
            const vw_t *pair = m->pairs + 4 * j;
            for (size_t r = 0; r < COMPLEX_ROWS; r++) {
                even_re[r] += pair[0] * table[r];
                even_im[r] += pair[1] * table[r];
                odd_re[r] += pair[2] * table[COMPLEX_ROWS + r];
                odd_im[r] += pair[3] * table[COMPLEX_ROWS + r];
            }
        }
        for (size_t r = 0; r < COMPLEX_ROWS && first + r < terms; r++) {
            const size_t row = first + r;
            store_power(self, m->power, k + row * self->length, even_re[r] + odd_im[r], even_im[r] - odd_re[r]);
            if (row > 0)
                store_power(self, m->power, k + (columns - row) * self->length, even_re[r] - odd_im[r],
                            even_im[r] + odd_re[r]);
        }
    }
}

static void
power_by_factors(const kt_filterbank_t *self, const batch_memory_t *m, const float *const *lane)
{
    const size_t stride = kt_filterbank_stride(self->opts.n);
    for (size_t at = 0; at < stride; at += 8)
        load_tile(lane, at, (float *)(m->samples + at), KT_WIDE);
    for (size_t column = 0; column < self->columns; column++)
        column_spectrum(self, m, column);
    for (size_t k = 0; k <= self->length / 2; k++)
        across_columns(self, m, k);
}

// --- both

static void
power_by_plan(const kt_filterbank_t *self, const batch_memory_t *m, const float *const *lane)
{
    const uint32_t points = self->plan->points, middle = points / 2;
    KT_NAME(kt_fft_f32)(self->plan, lane, m->z);
    for (uint32_t k = 0; k <= middle; k++)
        m->power[k] = kt_fft_power(self->plan, m->z, k, false);
    for (uint32_t k = middle + 1; k <= points; k++)
        m->power[k] = kt_fft_power(self->plan, m->z, points - k, true);
}

// To the nearest float16, ties to even, at most its largest; x >= 0. Below 2^-14 the step is 2^-24, which is that of
// floats from .5 to 1.
KT_INLINE vw_t
round_half(vw_t x)
{
    const vwi_t bits    = (vwi_t)x;
    const vwi_t normal  = (bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFF;
    vw_t        shifted = x + 0.5F;
    __asm__("" : "+m"(shifted));  // the sum is rounded before the difference is taken
    const vwi_t small = (vwi_t)(shifted - 0.5F);
    return vw_min((vw_t)vwi_choose(x < 0x1p-14F, small, normal), (vw_t){0} + 65504.0F);
}

// ln of positive normal values: exponent, and atanh's series for the mantissa in [sqrt(1/2), sqrt(2)).
KT_INLINE vw_t
ln(vw_t x)
{
    const vwi_t shifted  = (vwi_t)x + (0x3F800000 - 0x3F3504F3);
    const vw_t  exponent = __builtin_convertvector((shifted >> 23) - 127, vw_t);
    const vw_t  m        = (vw_t)((shifted & 0x007FFFFF) + 0x3F3504F3);
    const vw_t  f = m - 1.0F, s = f / (f + 2.0F), t = s * s;
    const vw_t  series = (((2.0F / 11 * t + 2.0F / 9) * t + 2.0F / 7) * t + 2.0F / 5) * t + 2.0F / 3;
    return exponent * 0.693145751953125F + (exponent * 1.42860682030941723212e-6F + (s * t * series + 2.0F * s));
}

static void
rows(const kt_filterbank_t *self, void *scratch, const float *frames, size_t count, float *out)
{
    const kt_filterbank_opts_t *opts   = &self->opts;
    const size_t                stride = kt_filterbank_stride(opts->n);
    const vw_t                  least = (vw_t){0} + opts->floor, most = (vw_t){0} + FLT_MAX;
    const batch_memory_t        m = lay_out(self, scratch);
    for (size_t first = 0; first < count; first += KT_WIDE, out += KT_WIDE * opts->n_bands) {
        const size_t lanes = count - first < KT_WIDE ? count - first : KT_WIDE;
        const float *lane[KT_WIDE];
        for (size_t i = 0; i < KT_WIDE; i++)
            lane[i] = frames + (first + (i < lanes ? i : lanes - 1)) * stride;
        (self->plan ? power_by_plan : power_by_factors)(self, &m, lane);
        for (uint32_t k = 0; opts->magnitude && k < self->bins; k++)
            m.power[k] = vw_sqrt(m.power[k]);
        for (size_t b = 0; b < opts->n_bands; b++) {
            const float *weight = opts->weights + opts->bands[b].offset;
            const vw_t  *x      = m.power + opts->bands[b].first;
            vw_t         sum    = {0};
            for (size_t i = 0; i < opts->bands[b].count; i++)
                sum += x[i] * weight[i];
            sum              = vw_max(sum, (vw_t){0});  // which NaN becomes
            sum              = opts->half ? round_half(sum) : sum;
            const vw_t value = ln(vw_min(vw_max(sum * opts->scale + opts->offset, least), most)) * opts->gain;
            for (size_t i = 0; i < lanes; i++)
                out[i * opts->n_bands + b] = value[i];
        }
    }
}

const kt_filterbank_ops_t OPS = {.scratch_bytes = scratch_bytes, .rows = rows};
