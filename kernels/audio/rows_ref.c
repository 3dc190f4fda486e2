#include "kernels/audio/rows_ref.h"

#include "kernels/audio/chroma_ref.h"
#include "kernels/audio/cqt_ref.h"
#include "kernels/audio/frontend_ref.h"
#include "kernels/audio/ops.h"
#include "kernels/audio/plan.h"
#include "kernels/audio/power_spectrum_ref.h"

#include <math.h>

static const float  FLOOR  = 1e-10F;
static const double TOP_DB = 80;

// NaN stays NaN and does not count for the maximum: a frame without numbers leaves its neighbours theirs.
static double
decibel(float power)
{
    return isnan(power) ? NAN : 10 * log10(fmaxf(FLOOR, power));
}

static double
least_db(const float *power, size_t count)
{
    float largest = FLOOR;
    for (size_t i = 0; i < count; i++)
        largest = power[i] > largest ? power[i] : largest;
    return decibel(largest) - TOP_DB;
}

static double
at_least(double db, double low)
{
    return db < low ? low : db;
}

static void
to_db_ref(const float *power, size_t count, float *db)
{
    const double low = least_db(power, count);
    for (size_t i = 0; i < count; i++)
        db[i] = (float)at_least(decibel(power[i]), low);
}

static void
contrast_ref(const float *peak, const float *valley, size_t count, float *out)
{
    const double low_peak = least_db(peak, count), low_valley = least_db(valley, count);
    for (size_t i = 0; i < count; i++)
        out[i] = (float)(at_least(decibel(peak[i]), low_peak) - at_least(decibel(valley[i]), low_valley));
}

static void
mfcc_ref(const kt_plan_t *plan, const float *mel_db, size_t frames, float *out)
{
    const uint32_t mels = plan->opts.n_mels, rows = plan->opts.n_mfcc;
    for (size_t f = 0; f < frames; f++)
        for (uint32_t c = 0; c < rows; c++) {
            double sum = 0;
            for (uint32_t i = 0; i < mels; i++)
                sum += plan->dct[(size_t)i * plan->dct_stride + c] * mel_db[f * mels + i];
            out[f * rows + c] = (float)sum;
        }
}

static void
onset_ref(const kt_plan_t *plan, const float *mel_db, size_t frames, float *out)
{
    const size_t mels = plan->opts.n_mels, shift = 1 + plan->opts.n_fft / (2 * plan->opts.hop);
    for (size_t f = 0; f < frames; f++) {
        double       sum = 0;
        const float *now = f < shift ? NULL : mel_db + (f - shift + 1) * mels;
        for (size_t i = 0; now && i < mels; i++)
            sum += fmax(0, (double)(now[i] - now[i - mels]));
        out[f] = (float)(sum / (double)mels);
    }
}

const kt_cpu_ops_t kt_cpu_ops_ref = {
    .isa           = "ref",
    .scratch_bytes = kt_ref_scratch_bytes,
    .frontend      = kt_frontend_ref,
    .chroma        = kt_chroma_ref,
    .spectra       = kt_spectra_ref,
    .power_spectra = kt_power_spectra_ref,
    .cqt_octave    = kt_cqt_octave_ref,
    .decimate      = kt_half_band_ref,
    .to_db         = to_db_ref,
    .contrast      = contrast_ref,
    .mfcc          = mfcc_ref,
    .onset         = onset_ref,
};
