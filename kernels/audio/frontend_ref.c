#include "kernels/audio/frontend_ref.h"

#include "kernels/audio/cqt.h"
#include "kernels/audio/fft_ref.h"
#include "kernels/audio/plan.h"
#include "kernels/audio/spectral_peaks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct frame {
    const kt_plan_t *plan;
    const float     *magnitude;  // [bins]
    float           *sorted;     // [bins], scratch
} frame_t;

// Below this sum a frame counts as silent and is not normalised (librosa: the smallest normal float).
static const double TINY  = 1.17549435e-38;
static const float  FLOOR = 1e-10F;

static void
centroid(const frame_t *f, float *out)
{
    double sum = 0, weighted = 0;
    for (uint32_t k = 0; k < f->plan->bins; k++) {
        sum += f->magnitude[k];
        weighted += k * kt_plan_bin_hz(f->plan) * f->magnitude[k];
    }
    *out = (float)(weighted / (sum < TINY ? 1 : sum));
}

static void
bandwidth(const frame_t *f, float *out)
{
    const double hz  = kt_plan_bin_hz(f->plan);
    double       sum = 0, centre = 0, spread = 0;
    for (uint32_t k = 0; k < f->plan->bins; k++) {
        sum += f->magnitude[k];
        centre += k * hz * f->magnitude[k];
    }
    const double norm = sum < TINY ? 1 : sum;
    centre /= norm;
    for (uint32_t k = 0; k < f->plan->bins; k++)
        spread += f->magnitude[k] * (k * hz - centre) * (k * hz - centre);
    *out = (float)sqrt(spread / norm);
}

// The running sum is a float, as numpy's: on a flat spectrum its rounding decides the bin.
static void
rolloff(const frame_t *f, float *out)
{
    float total = 0, sum = 0;
    for (uint32_t k = 0; k < f->plan->bins; k++)
        total += f->magnitude[k];
    uint32_t k = 0;
    for (; k < f->plan->bins - 1; k++) {
        sum += f->magnitude[k];
        if (sum >= 0.85F * total)
            break;
    }
    *out = (float)(k * kt_plan_bin_hz(f->plan));
}

static void
flatness(const frame_t *f, float *out)
{
    double logs = 0, sum = 0;
    for (uint32_t k = 0; k < f->plan->bins; k++) {
        const float power = fmaxf(FLOOR, f->magnitude[k] * f->magnitude[k]);
        logs += log(power);
        sum += power;
    }
    *out = (float)(exp(logs / f->plan->bins) / (sum / f->plan->bins));
}

static int
magnitude_compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

// For each band the mean of its largest, or of its smallest, magnitudes. In float and upwards, as librosa's: on a flat
// spectrum peak and valley differ by no more than its rounding.
static void
extremes(const frame_t *f, bool largest, float *out)
{
    for (int i = 0; i < KT_BANDS; i++) {
        const kt_contrast_band_t *band  = &f->plan->contrast[i];
        const float              *taken = f->sorted + (largest ? band->count - band->extremes : 0);
        float                     sum   = 0;
        memcpy(f->sorted, f->magnitude + band->first, band->count * sizeof *f->sorted);
        qsort(f->sorted, band->count, sizeof *f->sorted, magnitude_compare);
        for (uint32_t j = 0; j < band->extremes; j++)
            sum += taken[j];
        out[i] = sum / (float)band->extremes;
    }
}

static void
peak(const frame_t *f, float *out)
{
    extremes(f, true, out);
}

static void
valley(const frame_t *f, float *out)
{
    extremes(f, false, out);
}

static void
mel(const frame_t *f, float *out)
{
    for (uint32_t i = 0; i < f->plan->opts.n_mels; i++) {
        const kt_mel_band_t *band = &f->plan->mel[i];
        double               sum  = 0;
        for (uint32_t j = 0; j < band->count; j++) {
            const float magnitude = f->magnitude[band->first + j];
            sum += (double)f->plan->mel_weight[band->offset + j] * (magnitude * magnitude);
        }
        out[i] = (float)sum;
    }
}

static void (*const spectral[KT_ROWS])(const frame_t *f, float *out) = {
    [KT_ROW_CENTROID] = centroid, [KT_ROW_BANDWIDTH] = bandwidth, [KT_ROW_ROLLOFF] = rolloff,
    [KT_ROW_FLATNESS] = flatness, [KT_ROW_PEAK] = peak,           [KT_ROW_VALLEY] = valley,
    [KT_ROW_MEL] = mel,
};

static kt_err_t
peaks(const frame_t *f, kt_spectral_peaks_t *out)
{
    float largest = 0;
    for (uint32_t k = 0; k < f->plan->bins; k++)
        largest = fmaxf(largest, f->magnitude[k] * f->magnitude[k]);
    const float threshold = 0.1F * largest;
    for (uint32_t k = f->plan->pitch_begin; k < f->plan->pitch_end; k++) {
        const float before = f->magnitude[k - 1] * f->magnitude[k - 1], at = f->magnitude[k] * f->magnitude[k],
                    after = f->magnitude[k + 1] * f->magnitude[k + 1];
        if (at > threshold && at > before && at >= after &&
            kt_spectral_peaks_add(out, f->plan, f->plan->opts.n_chroma, k, before, at, after))
            return KT_ENOMEM;
    }
    return KT_OK;
}

static kt_err_t
cqt_peaks(const frame_t *f, kt_spectral_peaks_t *out)
{
    const float *x       = f->magnitude;
    float        largest = 0;
    for (uint32_t k = 0; k < f->plan->bins; k++)
        largest = fmaxf(largest, x[k]);
    for (uint32_t k = f->plan->pitch_begin; k < f->plan->pitch_end; k++)
        if (x[k] > 0.1F * largest && x[k] > x[k - 1] && x[k] >= x[k + 1] &&
            kt_spectral_peaks_add(out, f->plan, KT_CQT_PER_OCTAVE, k, x[k - 1], x[k], x[k + 1]))
            return KT_ENOMEM;
    return KT_OK;
}

// --- rows of the waveform

static float
rms(const float *pcm, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += (double)pcm[i] * pcm[i];
    return (float)sqrt(sum / n);
}

// Within 1e-10 a sample counts as zero, and zero as positive.
static bool
is_negative(float x)
{
    return !(x >= -FLOOR && x <= FLOOR) && signbit(x);
}

// Crossings between neighbours inside the stream: beyond its ends the first and last sample would repeat.
static float
zcr(const kt_span_t *span, size_t begin, uint32_t n)
{
    size_t count = 0;
    for (size_t i = begin + 1; i < begin + n; i++)
        if (i > span->real_begin && i < span->real_end)
            count += is_negative(span->pcm[i]) != is_negative(span->pcm[i - 1]);
    return (float)count / (float)n;
}

// --- frames

static void
spectral_rows(const frame_t *f, bool valid, size_t i, const kt_rows_t *out)
{
    for (kt_row_t r = 0; r < KT_ROWS; r++) {
        const size_t width = kt_row_width(f->plan, r);
        if (!spectral[r] || !out->row[r] || width == 0)
            continue;
        float *to = out->row[r] + i * width;
        if (valid)
            spectral[r](f, to);
        for (size_t c = 0; !valid && c < width; c++)
            to[c] = NAN;
    }
}

static kt_err_t
span_rows(const kt_plan_t *plan, double *work, const kt_span_t *span, const kt_rows_t *out)
{
    const uint32_t n         = plan->opts.n_fft;
    float         *magnitude = (float *)(work + 2 * (size_t)n);
    const frame_t  f         = {plan, magnitude, magnitude + plan->bins};
    bool           wanted    = out->peaks || out->cqt_peaks;
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        wanted = wanted || (spectral[r] && out->row[r]);
    for (size_t i = 0; i < span->frames; i++) {
        const size_t begin = i * plan->opts.hop;
        if (out->row[KT_ROW_RMS])
            out->row[KT_ROW_RMS][i] = rms(span->pcm + begin, n);
        if (out->row[KT_ROW_ZCR])
            out->row[KT_ROW_ZCR][i] = zcr(span, begin, n);
        if (!wanted)
            continue;
        const bool valid = kt_magnitudes_ref(plan, span->pcm + begin, work, magnitude);
        spectral_rows(&f, valid, i, out);
        if (valid && out->peaks && peaks(&f, out->peaks))
            return KT_ENOMEM;
        if (valid && out->cqt_peaks && cqt_peaks(&f, out->cqt_peaks))
            return KT_ENOMEM;
    }
    return KT_OK;
}

size_t
kt_ref_scratch_bytes(const kt_plan_t *plan)
{
    return 2 * (size_t)plan->opts.n_fft * sizeof(double) + 2 * plan->bins * sizeof(float);
}

kt_err_t
kt_frontend_ref(const kt_plan_t *plan, void *scratch, const kt_span_t *spans, size_t n, const kt_rows_t *out)
{
    kt_err_t err = KT_OK;
    for (size_t i = 0; i < n && !err; i++)
        err = span_rows(plan, scratch, &spans[i], &out[i]);
    return err;
}

void
kt_spectra_ref(const kt_plan_t *plan, void *scratch, const kt_span_t *spans, size_t n)
{
    double *work = scratch;
    for (size_t i = 0; i < n; i++)
        for (size_t f = 0; f < spans[i].frames; f++)
            kt_magnitudes_ref(plan, spans[i].pcm + f * plan->opts.hop, work,
                              (float *)(work + 2 * (size_t)plan->opts.n_fft));
}
