#include "kernels/audio/filterbank_tables.h"
#include "kernels/cpu/fft.h"
#include "kernels/cpu/simd.h"

#include <float.h>

#define OPS KT_NAME(kt_filterbank_ops)

enum { REAL_ROWS = KT_FILTERBANK_REAL_ROWS, COMPLEX_ROWS = KT_FILTERBANK_COMPLEX_ROWS };

// One batch: a frame in each lane.
typedef struct batch_memory {
    vd_t *power;       // [bins]
    vd_t *samples;     // [n]; a power of two: as complex values, and their transform in place
    vd_t *sum, *diff;  // [length / 2 + 1]
    vd_t *spectra;     // [columns][rows of the real table][re, im]
    vd_t *pairs;       // [columns / 2 + 1][sum re, sum im, difference re, difference im]
} batch_memory_t;

static size_t
spectra_row(const kt_filterbank_t *self)
{
    return 2 * kt_filterbank_table_rows(self->length, REAL_ROWS);
}

static size_t
scratch_bytes(const kt_filterbank_t *self)
{
    const size_t factors =
        2 * (size_t)(self->length / 2 + 1) + self->columns * spectra_row(self) + 4 * (size_t)(self->columns / 2 + 1);
    return (self->bins + self->opts.n + (self->plan ? 0 : factors)) * sizeof(vd_t);
}

static batch_memory_t
lay_out(const kt_filterbank_t *self, vd_t *memory)
{
    batch_memory_t out = {.power = memory, .samples = memory + self->bins};
    if (self->plan)
        return out;
    out.sum     = out.samples + self->opts.n;
    out.diff    = out.sum + self->length / 2 + 1;
    out.spectra = out.diff + self->length / 2 + 1;
    out.pairs   = out.spectra + self->columns * spectra_row(self);
    return out;
}

static void
load_frames(const kt_filterbank_t *self, const float *const *lane, vd_t *x)
{
    const kt_filterbank_opts_t *opts = &self->opts;
    const size_t                n = opts->length, tiles = n / 8 * 8;
    float                       tile[8 * KT_LANES] __attribute__((aligned(64)));
    for (size_t at = 0; at < tiles; at += 8) {
        load_tile(lane, at, tile, KT_LANES);
        for (size_t i = 0; i < 8; i++)
            x[at + i] = widen(*(const vf_t *)(const void *)(tile + i * KT_LANES));
    }
    for (size_t i = tiles; i < n; i++)
        for (size_t l = 0; l < KT_LANES; l++)
            x[i][l] = (double)lane[l][i];
    if (opts->offset) {
        vd_t sum = {0};
        for (size_t i = 0; i < n; i++)
            sum += x[i];
        sum /= (double)n;
        for (size_t i = 0; i < n; i++)
            x[i] -= sum;
    }
    if (opts->preemphasis != 0) {
        for (size_t i = n - 1; i > 0; i--)
            x[i] -= x[i - 1] * opts->preemphasis;
        x[0] -= x[0] * opts->preemphasis;
    }
    for (size_t i = 0; i < n; i++)
        x[i] *= self->window[i];
    for (size_t i = n; i < opts->n; i++)
        x[i] = (vd_t){0};
}

// --- lengths that are no power of two (filterbank_tables.h)

// The transform of one column of real samples; x: [length] at a distance of `columns`.
static void
column_spectrum(const kt_filterbank_t *self, const batch_memory_t *m, size_t column)
{
    const size_t length = self->length, step = self->columns, terms = length / 2 + 1;
    const vd_t  *x = m->samples + column;
    m->sum[0]      = x[0];
    m->diff[0]     = (vd_t){0};
    for (size_t j = 1; j < terms; j++) {
        const vd_t a = x[j * step], b = 2 * j == length ? (vd_t){0} : x[(length - j) * step];
        m->sum[j]  = a + b;
        m->diff[j] = a - b;
    }
    const double *table   = self->real_table;
    const double *twiddle = self->twiddle + column * terms * 2;
    vd_t         *out     = m->spectra + column * spectra_row(self);
    for (size_t k = 0; k < terms; k += REAL_ROWS) {
        vd_t re[REAL_ROWS], im[REAL_ROWS];
        for (size_t r = 0; r < REAL_ROWS; r++)
            re[r] = im[r] = (vd_t){0};
        for (size_t j = 0; j < terms; j++, table += 2 * REAL_ROWS) {
            const vd_t s = m->sum[j], d = m->diff[j];
            for (size_t r = 0; r < REAL_ROWS; r++) {
                re[r] += s * table[r];
                im[r] -= d * table[REAL_ROWS + r];
            }
        }
        for (size_t r = 0; r < REAL_ROWS && k + r < terms; r++) {
            const double c = twiddle[2 * (k + r)], s = twiddle[2 * (k + r) + 1];
            out[2 * (k + r)]     = re[r] * c + im[r] * s;
            out[2 * (k + r) + 1] = im[r] * c - re[r] * s;
        }
    }
}

static void
store_power(const kt_filterbank_t *self, vd_t *power, size_t k, vd_t re, vd_t im)
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
    const vd_t  *x     = m->spectra + 2 * k;
    for (size_t j = 0; j < terms; j++) {
        const bool  alone = j == 0 || 2 * j == columns;
        const vd_t *a = x + j * width, *b = x + (columns - j) * width;
        vd_t       *pair = m->pairs + 4 * j;
        pair[0]          = alone ? a[0] : a[0] + b[0];
        pair[1]          = alone ? a[1] : a[1] + b[1];
        pair[2]          = alone ? (vd_t){0} : a[0] - b[0];
        pair[3]          = alone ? (vd_t){0} : a[1] - b[1];
    }
    const double *table = self->complex_table;
    for (size_t first = 0; first < terms; first += COMPLEX_ROWS) {
        vd_t even_re[COMPLEX_ROWS], even_im[COMPLEX_ROWS], odd_re[COMPLEX_ROWS], odd_im[COMPLEX_ROWS];
        for (size_t r = 0; r < COMPLEX_ROWS; r++)
            even_re[r] = even_im[r] = odd_re[r] = odd_im[r] = (vd_t){0};
        for (size_t j = 0; j < terms; j++, table += 2 * COMPLEX_ROWS) {
            const vd_t *pair = m->pairs + 4 * j;
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
power_by_factors(const kt_filterbank_t *self, const batch_memory_t *m)
{
    for (size_t column = 0; column < self->columns; column++)
        column_spectrum(self, m, column);
    for (size_t k = 0; k <= self->length / 2; k++)
        across_columns(self, m, k);
}

// --- powers of two: the real samples as complex pairs (even, odd)

// Bins j and n / 2 - j, four times too large.
static void
store_pair(const kt_plan_t *plan, const vd_t *z, vd_t *power, uint32_t j)
{
    const uint32_t points = plan->points;
    const vd_t    *a = z + 2 * (size_t)plan->place[j], *b = z + 2 * (size_t)plan->place[j ? points - j : 0];
    const double   c = plan->unpack[2 * j], s = plan->unpack[2 * j + 1];
    const vd_t     er = a[0] + b[0], ei = a[1] - b[1], dr = a[0] - b[0], di = a[1] + b[1];
    const vd_t     tr = di * c - dr * s, ti = dr * c + di * s;
    power[j]          = ((er + tr) * (er + tr) + (ei - ti) * (ei - ti)) * 0.25;
    power[points - j] = ((er - tr) * (er - tr) + (ei + ti) * (ei + ti)) * 0.25;
}

static void
power_by_plan(const kt_filterbank_t *self, const batch_memory_t *m)
{
    KT_NAME(kt_fft_values_f64)(self->plan, m->samples);
    for (uint32_t j = 0; j <= self->plan->points / 2; j++)
        store_pair(self->plan, m->samples, m->power, j);
}

// --- both

KT_INLINE vi_t
vi_choose(vi_t mask, vi_t yes, vi_t no)
{
    return (yes & mask) | (no & ~mask);
}

// To the nearest float16, ties to even, at most its largest; x >= 0. Below 2^-14 the step is 2^-24, which is that of
// floats from .5 to 1.
KT_INLINE vf_t
round_half(vf_t x)
{
    const vi_t bits    = (vi_t)x;
    const vi_t normal  = (bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFF;
    vf_t       shifted = x + 0.5F;
    __asm__("" : "+m"(shifted));  // the sum is rounded before the difference is taken
    const vi_t small = (vi_t)(shifted - 0.5F);
    return vf_min((vf_t)vi_choose(x < 0x1p-14F, small, normal), (vf_t){0} + 65504.0F);
}

// ln of positive normal values: exponent, and atanh's series for the mantissa in [sqrt(1/2), sqrt(2)).
KT_INLINE vf_t
ln(vf_t x)
{
    const vi_t shifted  = (vi_t)x + (0x3F800000 - 0x3F3504F3);
    const vf_t exponent = __builtin_convertvector((shifted >> 23) - 127, vf_t);
    const vf_t m        = (vf_t)((shifted & 0x007FFFFF) + 0x3F3504F3);
    const vf_t f = m - 1.0F, s = f / (f + 2.0F), t = s * s;
    const vf_t series = (((2.0F / 11 * t + 2.0F / 9) * t + 2.0F / 7) * t + 2.0F / 5) * t + 2.0F / 3;
    return exponent * 0.693145751953125F + (exponent * 1.42860682030941723212e-6F + (s * t * series + 2.0F * s));
}

KT_INLINE vf_t
value_of(const kt_filterbank_opts_t *opts, vd_t sum)
{
    const vf_t most = (vf_t){0} + FLT_MAX, least = (vf_t){0} + opts->floor;
    vf_t       x = vf_min(vf_max(narrow(sum), (vf_t){0}), most);  // NaN becomes 0
    x            = opts->half ? round_half(x) : x;
    return ln(vf_min(vf_max(x * opts->factor + opts->term, least), most)) * opts->gain;
}

static void
rows(const kt_filterbank_t *self, void *scratch, const float *pcm, size_t count, float *out)
{
    const kt_filterbank_opts_t *opts = &self->opts;
    const batch_memory_t        m    = lay_out(self, scratch);
    for (size_t first = 0; first < count; first += KT_LANES, out += KT_LANES * opts->n_bands) {
        const size_t lanes = count - first < KT_LANES ? count - first : KT_LANES;
        const float *lane[KT_LANES];
        for (size_t i = 0; i < KT_LANES; i++)
            lane[i] = pcm + (first + (i < lanes ? i : lanes - 1)) * opts->hop;
        load_frames(self, lane, m.samples);
        (self->plan ? power_by_plan : power_by_factors)(self, &m);
        for (uint32_t k = 0; opts->magnitude && k < self->bins; k++)
            m.power[k] = vd_sqrt(m.power[k]);
        for (size_t b = 0; b < opts->n_bands; b++) {
            const float *weight = opts->weights + opts->bands[b].offset;
            const vd_t  *x      = m.power + opts->bands[b].first;
            vd_t         sum    = {0};
            for (size_t i = 0; i < opts->bands[b].count; i++)
                sum += x[i] * (double)weight[i];
            const vf_t value = value_of(opts, sum);
            for (size_t i = 0; i < lanes; i++)
                out[i * opts->n_bands + b] = value[i];
        }
    }
}

const kt_filterbank_ops_t OPS = {.scratch_bytes = scratch_bytes, .rows = rows};
