#include "node/audio/rhythm/envelope.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES_HZ = 100 };

// Bands up to 11 kHz, whatever the rate: spaced by 0.616 mel, 41 Hz below 1 kHz.
static const double BAND_SPACING = 0.616, NARROW_BAND_HZ = 41, WINDOW_S = 0.04, FLOOR = 1.5e-8, SILENT_SINE = 1e-5;

kt_err_t
kt_envelope_plan(kt_plan_t **plan, uint32_t rate_hz)
{
    kt_frontend_opts_t opts = {.rate_hz = rate_hz, .n_fft = 256, .n_mfcc = 1, .n_chroma = 12};
    while (opts.n_fft < WINDOW_S * rate_hz && opts.n_fft < 16384)
        opts.n_fft *= 2;
    double top_hz  = rate_hz / 2.0;
    double top_mel = top_hz < 1000 ? top_hz * 3 / 200 : 15 + log(top_hz / 1000) * 27 / log(6.4);  // Slaney
    opts.hop       = rate_hz / FRAMES_HZ;
    opts.n_mels    = (uint32_t)fmax(8, round(top_mel / BAND_SPACING) - 1);
    return kt_plan_new(plan, &opts);
}

// Power of a sine of full scale in a narrow band; one of amplitude a has a^2 times that.
static double
power_unit(const kt_frontend_opts_t *opts)
{
    return opts->n_fft * (double)opts->n_fft / 16 / NARROW_BAND_HZ;
}

// In lanes, which compilers vectorise.
static double
sum_of_squares(const float *x, size_t n)
{
    enum { LANES = 4 };
    double lane[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += (double)x[i + j] * x[i + j];
    for (; i < n; i++)
        sum += (double)x[i] * x[i];
    return lane[0] + lane[1] + (lane[2] + lane[3]) + sum;
}

// The floor that is added to every power, from the mean square of the loudest second.
static float
power_floor(const kt_frontend_opts_t *opts, const float *samples, size_t n)
{
    const size_t second  = opts->rate_hz;
    double       loudest = 0;
    for (size_t at = 0; at < n; at += second) {
        const size_t some = n - at < second ? n - at : second;
        loudest           = fmax(loudest, sum_of_squares(samples + at, some) / (double)second);
    }
    double loud = 2 * loudest;
    return (float)(power_unit(opts) * fmax(loud * FLOOR, SILENT_SINE * SILENT_SINE));
}

uint64_t
kt_envelope_frames(const kt_plan_t *plan, uint64_t samples)
{
    const kt_frontend_opts_t *opts = kt_plan_opts(plan);
    return samples < opts->n_fft / 2 ? 0 : (samples - opts->n_fft / 2) / opts->hop + 1;
}

kt_err_t
kt_envelope_begin_rises(kt_device_t *device, const kt_plan_t *plan, const float *samples, uint64_t first, size_t n,
                        uint16_t *out, kt_device_job_t **job_p)
{
    const kt_frontend_opts_t *opts  = kt_plan_opts(plan);
    const uint64_t            begin = first ? kt_envelope_frames(plan, first) : 0;
    const int64_t             from  = (int64_t)(begin * opts->hop) - (int64_t)(opts->n_fft / 2) - (int64_t)first;
    const kt_rise_span_t      span  = {
              .pcm    = samples + from,
              .frames = (size_t)(kt_envelope_frames(plan, first + n) - begin),
              .opts   = {power_floor(opts, samples, n), (float)power_unit(opts), begin == 0},
    };
    return span.frames > 0 ? kt_device_begin_rises(device, plan, &span, out, job_p) : KT_OK;
}

// --- the envelope of some frames -------------------------------------------------------------------------------------

// Column `of` of frame t; past the end 0.
static float
column_at(const uint16_t *rises, size_t frames, size_t t, size_t of)
{
    if (t >= frames)
        return 0;
    float units = rises[t * KT_ENVELOPE_WIDTH + of];
    if (of <= KT_ENVELOPE_GROUPS)
        return units / KT_ENVELOPE_UNITS;
    float root = units / UINT16_MAX;
    return root * root * KT_RISE_LOUDEST;
}

// A column smoothed over three frames, or not.
static void
fill_column(const kt_envelope_t *self, float *out, const uint16_t *rises, size_t frames, size_t begin, size_t of,
            bool smooth)
{
    float before = begin > 0 ? column_at(rises, frames, begin - 1, of) : 0, here = column_at(rises, frames, begin, of);
    for (size_t i = 0; i < self->frames; i++) {
        float after = column_at(rises, frames, begin + i + 1, of);
        out[i]      = smooth ? 0.25f * before + 0.5f * here + 0.25f * after : here;
        before      = here;
        here        = after;
    }
}

kt_err_t
kt_envelope_new(kt_envelope_t *self, const uint16_t *rises, size_t frames, double rate_hz, size_t begin, size_t end)
{
    kt_envelope_t made = {.rate_hz = rate_hz, .frames = end - begin};
    made.memory = made.rise = calloc((1 + KT_ENVELOPE_WIDTH) * made.frames, sizeof *made.rise);
    if (!made.rise)
        return KT_ENOMEM;
    made.full = made.rise + made.frames;
    fill_column(&made, made.rise, rises, frames, begin, 0, false);
    fill_column(&made, made.full, rises, frames, begin, 0, true);
    for (size_t g = 0; g < KT_ENVELOPE_GROUPS; g++) {
        made.group[g] = made.rise + (2 + g) * made.frames;
        fill_column(&made, made.group[g], rises, frames, begin, 1 + g, true);
    }
    for (size_t r = 0; r < KT_ENVELOPE_RANGES; r++) {
        made.loud[r] = made.rise + (2 + KT_ENVELOPE_GROUPS + r) * made.frames;
        fill_column(&made, made.loud[r], rises, frames, begin, 1 + KT_ENVELOPE_GROUPS + r, true);
    }
    *self = made;
    return KT_OK;
}

void
kt_envelope_fini(kt_envelope_t *self)
{
    free(self->memory);
    *self = (kt_envelope_t){0};
}
