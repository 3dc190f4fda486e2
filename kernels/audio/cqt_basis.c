#include "kernels/audio/cqt_basis.h"

#include "common/assert.h"

#include <math.h>
#include <stdlib.h>

static const double PI             = 3.14159265358979323846;
static const double C1_HZ          = 32.703195662574829;  // three octaves and nine semitones below A440
static const double HANN_BANDWIDTH = 1.50018310546875;    // equivalent noise bandwidth of the window, in bins
static const double DROPPED        = 0.01;                // share of a row's magnitude that sparsifying may take

enum { MIN_N_FFT = 256, MAX_N_FFT = 16384 };

// --- shape

// Centre frequency of the row of the top octave.
static double
row_hz(unsigned row, double tuning)
{
    const double lowest = C1_HZ * exp2(tuning / KT_CQT_PER_OCTAVE);
    return lowest * exp2(KT_CQT_OCTAVES - 1) * exp2((double)row / KT_CQT_PER_OCTAVE);
}

// Quality factor at which neighbouring wavelets' bandwidths meet.
static double
quality_factor(void)
{
    const double step = exp2(2.0 / KT_CQT_PER_OCTAVE);
    return (step + 1) / (step - 1);
}

static double
cutoff_hz(double tuning)
{
    return row_hz(KT_CQT_PER_OCTAVE - 1, tuning) * (1 + 0.5 * HANN_BANDWIDTH / quality_factor());
}

// How often the rate may be halved before the first octave without touching it, and without the last octave's hop
// becoming less than one sample.
static uint32_t
early_decimations(uint32_t rate_hz, uint32_t hop, double tuning)
{
    const int by_rate = (int)ceil(log2(rate_hz / 2.0 / cutoff_hz(tuning))) - 2;
    const int by_hop  = __builtin_ctz(hop) - (KT_CQT_OCTAVES - 1);
    const int least   = by_rate < by_hop ? by_rate : by_hop;
    return least > 0 ? (uint32_t)least : 0;
}

uint32_t
kt_cqt_n_fft(uint32_t rate_hz, uint32_t hop, double tuning)
{
    if (hop == 0 || __builtin_ctz(hop) < KT_CQT_OCTAVES - 1 || cutoff_hz(tuning) > rate_hz / 2.0)
        return 0;
    const double rate    = ldexp(rate_hz, -(int)early_decimations(rate_hz, hop, tuning));
    const double longest = quality_factor() * rate / row_hz(0, tuning);
    const double n_fft   = exp2(ceil(log2(longest)));
    return n_fft >= MIN_N_FFT && n_fft <= MAX_N_FFT ? (uint32_t)n_fft : 0;
}

// --- one row

typedef struct turning {
    double re, im, step_re, step_im;
} turning_t;

static turning_t
turning(double angle, double step)
{
    return (turning_t){cos(angle), sin(angle), cos(step), sin(step)};
}

static void
turning_step(turning_t *self)
{
    const double re = self->re * self->step_re - self->im * self->step_im;
    self->im        = self->re * self->step_im + self->im * self->step_re;
    self->re        = re;
}

// sin(n x) / sin(x) from its two sines; at x = 0 its limit.
static double
dirichlet(double numerator, double sine, double n)
{
    return fabs(sine) < 1e-10 ? n : numerator / sine;
}

// Spectrum, about its centre, of a wavelet of n samples: a periodic Hann window (whose first sample is nothing, so n -
// 1 are symmetric) is three such quotients, one bin of n apart.
static void
wavelet_spectrum(double cycles, uint32_t n, uint32_t n_fft, double *out)
{
    const double points = n - 1, third = PI / n;
    const double cos_t = cos(third), sin_t = sin(third), cos_p = cos(points * third), sin_p = sin(points * third);
    turning_t    half = turning(PI * cycles, -PI / n_fft), many = turning(points * PI * cycles, -points * PI / n_fft);
    for (uint32_t k = 0; k <= n_fft / 2; k++) {
        const double mid   = dirichlet(many.im, half.im, points);
        const double above = dirichlet(many.im * cos_p + many.re * sin_p, half.im * cos_t + half.re * sin_t, points);
        const double below = dirichlet(many.im * cos_p - many.re * sin_p, half.im * cos_t - half.re * sin_t, points);
        out[k]             = 0.5 * mid + 0.25 * (above + below);
        turning_step(&half);
        turning_step(&many);
    }
}

// A row's bins from its first to its last weight, counted from bin 0 for now; the gain is that of a wavelet with an
// absolute sum of one over `length` (not whole) samples, divided by the square root of that length.
static size_t
basis_fill_row(kt_cqt_basis_t *self, unsigned row, double hz, double *spectrum, size_t offset)
{
    const uint32_t n_fft = self->transform->opts.n_fft, bins = n_fft / 2 + 1;
    const double   length = quality_factor() * self->rate_hz / hz;
    const uint32_t n      = 2 * (uint32_t)floor(length / 2) + 1;
    wavelet_spectrum(hz / self->rate_hz, n, n_fft, spectrum);

    // The smallest value that stays: smaller ones sum to less than 1 %. Taken from the largest down: few are needed.
    double total = 0, kept = 0, least = INFINITY;
    for (uint32_t k = 0; k < bins; k++)
        total += fabs(spectrum[k]);
    while (total - kept >= DROPPED * total) {
        double next = 0;
        for (uint32_t k = 0; k < bins; k++) {
            const double size = fabs(spectrum[k]);
            next              = size < least && size > next ? size : next;
        }
        if (next == 0)
            break;
        least = next;
        kept += next;
    }

    const double  gain  = sqrt(length) / n_fft * 2 / n;
    kt_cqt_row_t *to    = &self->row[row];
    uint32_t      first = bins, end = 0;
    for (uint32_t k = 0; k < bins; k++)
        if (fabs(spectrum[k]) >= least) {
            first = k < first ? k : first;
            end   = k + 1;
        }
    *to = (kt_cqt_row_t){.first = first, .count = end - first, .offset = offset};
    kt_assert(to->count <= KT_CQT_MAX_BINS);
    for (uint32_t k = first; k < end; k++)
        self->weight[offset++] = fabs(spectrum[k]) >= least ? (float)(gain * spectrum[k]) : 0;
    return offset;
}

// --- basis

kt_err_t
kt_cqt_basis_fill(kt_cqt_basis_t *self, uint32_t rate_hz, uint32_t hop, double tuning)
{
    const uint32_t n_fft = kt_cqt_n_fft(rate_hz, hop, tuning);
    if (!self->transform || self->transform->opts.n_fft != n_fft) {
        kt_plan_destroy(&self->transform);
        const kt_err_t err = kt_plan_new_transform(&self->transform, n_fft);
        if (err)
            return err;
    }
    self->decimations = early_decimations(rate_hz, hop, tuning);
    self->rate_hz     = ldexp(rate_hz, -(int)self->decimations);

    double *spectrum = calloc(self->transform->bins, sizeof *spectrum);
    if (!spectrum)
        return KT_ENOMEM;
    uint32_t first = self->transform->bins, end = 0;
    size_t   offset = 0;
    for (unsigned row = 0; row < KT_CQT_PER_OCTAVE; row++) {
        const kt_cqt_row_t *at = &self->row[row];
        offset                 = basis_fill_row(self, row, row_hz(row, tuning), spectrum, offset);
        first                  = at->first < first ? at->first : first;
        end                    = at->first + at->count > end ? at->first + at->count : end;
    }
    free(spectrum);
    kt_assert(end - first <= KT_CQT_MAX_BINS);
    self->first = first;
    self->count = end - first;
    for (unsigned row = 0; row < KT_CQT_PER_OCTAVE; row++)
        self->row[row].first -= first;

    // Every wavelet has an odd number of samples and is centred half a sample before the middle of the frame; the
    // product of two spectra reverses it in time, so the origin is half a sample after the middle.
    for (uint32_t i = 0; i < self->count; i++) {
        const double k = first + i, angle = 2 * PI * k / n_fft, phase = -PI * k * (n_fft - 1.0) / n_fft;
        self->turn[i] = (kt_cqt_turn_t){(float)cos(angle), (float)sin(angle), (float)cos(phase), (float)sin(phase)};
    }
    return KT_OK;
}

void
kt_cqt_basis_fini(kt_cqt_basis_t *self)
{
    kt_plan_destroy(&self->transform);
}
