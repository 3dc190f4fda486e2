#include "node/audio/rhythm/envelope.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    BANDS     = 80,    // up to 11 kHz, whatever the rate: spaced by 0.616 mel, 41 Hz below 1 kHz
    BATCH     = 256,   // frames
    GATHERED  = 2048,  // frames of a device that gathers: one batch is computed while the one before is read
    LAG       = 2,     // frames that a rise compares across
    FRAMES_HZ = 100,
};

static const size_t FIRST_BAND[KT_ENVELOPE_GROUPS + 1] = {0, 3, 8, 18, 34, 54, BANDS};
static const size_t RANGE_BEGIN[KT_ENVELOPE_RANGES] = {1, 43}, RANGE_END[KT_ENVELOPE_RANGES] = {6, BANDS};
static const double BAND_SPACING = 0.616, NARROW_BAND_HZ = 41, WINDOW_S = 0.04, FLOOR = 1.5e-8, SILENT_SINE = 1e-5;
static const float  HUGE_POWER = 1e36f;  // also replaces NaN
static const float  LOUDEST    = 16;     // rise of the amplitude that can be stored

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

// --- rises -----------------------------------------------------------------------------------------------------------

static uint16_t
rise_units(float rise)
{
    float units = rise * KT_ENVELOPE_UNITS + 0.5f;
    return units < UINT16_MAX ? (uint16_t)units : UINT16_MAX;
}

// The rises of one frame; bands: their number at this rate.
static void
fill_rises(uint16_t *out, const float *now, const float *before, size_t bands)
{
    float all = 0;
    for (size_t g = 0; g < KT_ENVELOPE_GROUPS; g++) {
        float  sum = 0;
        size_t end = FIRST_BAND[g + 1] < bands ? FIRST_BAND[g + 1] : bands;
        for (size_t b = FIRST_BAND[g]; b < end; b++) {
            float rise = now[b] - before[b];
            sum += rise > 0 ? rise : 0;
        }
        out[1 + g] = rise_units(sum / (float)(FIRST_BAND[g + 1] - FIRST_BAND[g]));
        all += sum;
    }
    out[0] = rise_units(all / (float)bands);
}

// Amplitudes of one frame, from the power of its bands.
static void
fill_amplitudes(float out[KT_ENVELOPE_RANGES], const float *power, size_t bands, float unit)
{
    for (size_t r = 0; r < KT_ENVELOPE_RANGES; r++) {
        float sum = 0;
        for (size_t b = RANGE_BEGIN[r]; b < RANGE_END[r] && b < bands; b++)
            sum += power[b] < HUGE_POWER ? power[b] : HUGE_POWER;
        out[r] = sqrtf(sum / unit);
    }
}

static void
fill_amplitude_rises(uint16_t *out, const float *now, const float *before)
{
    for (size_t r = 0; r < KT_ENVELOPE_RANGES; r++) {
        float rise = fminf(fmaxf(now[r] - before[r], 0), LOUDEST);
        out[r]     = (uint16_t)(UINT16_MAX * sqrtf(rise / LOUDEST) + 0.5f);
    }
}

// 10 log10 of a positive normal number, to 1e-5: its exponent, and the series of the inverse hyperbolic tangent for its
// mantissa. (kt_rows_to_db has a floor of its own, that of a batch.)
static inline float
decibels(float power)
{
    const float TWO_DB = 3.01029996f, SERIES_DB = 8.68588964f;
    uint32_t    bits;
    memcpy(&bits, &power, sizeof bits);
    int32_t  exponent = (int32_t)(bits - 0x3f3504f3) >> 23;  // mantissas around 1: from the root of 1/2 up
    uint32_t mantissa = bits - ((uint32_t)exponent << 23);
    float    m;
    memcpy(&m, &mantissa, sizeof m);
    float s = (m - 1) / (m + 1), q = s * s;
    return TWO_DB * (float)exponent + SERIES_DB * s * (1 + q * (1 / 3.0f + q * (1 / 5.0f + q / 7.0f)));
}

// Levels and amplitudes of one batch of frames, after those of the LAG frames before.
typedef struct batch {
    kt_device_t     *device;
    const kt_plan_t *plan;
    kt_device_job_t *job;     // of the batch that is on its way; NULL: none
    float           *mel[2];  // of this batch and of the next one
    float           *level, *amplitude;
    size_t           bands;
    float            floor, unit;
} batch_t;

// Starts the mel rows of frames from sample `at` on, which the window of the first of them begins with.
static kt_err_t
batch_start(batch_t *self, size_t which, const float *at, size_t frames)
{
    const kt_frontend_opts_t *opts = kt_plan_opts(self->plan);
    kt_span_t                 span = {.pcm = at, .frames = frames, .real_end = (frames - 1) * opts->hop + opts->n_fft};
    kt_rows_t                 rows = {0};
    rows.row[KT_ROW_MEL]           = self->mel[which];
    return kt_device_begin_frontend(self->device, self->plan, &span, &rows, &self->job);
}

// Levels of those rows.
static void
batch_levels(batch_t *self, size_t which, size_t frames)
{
    const float *mel   = self->mel[which];
    float       *level = self->level + LAG * self->bands;
    for (size_t i = 0; i < frames * self->bands; i++)
        level[i] = decibels(mel[i] < HUGE_POWER ? mel[i] + self->floor : HUGE_POWER);
    for (size_t i = 0; i < frames; i++)
        fill_amplitudes(self->amplitude + (i + LAG) * KT_ENVELOPE_RANGES, mel + i * self->bands, self->bands,
                        self->unit);
}

// The last LAG of `frames` levels become those before the next batch.
static void
batch_shift(batch_t *self, size_t frames)
{
    memmove(self->level, self->level + frames * self->bands, LAG * self->bands * sizeof *self->level);
    memmove(self->amplitude, self->amplitude + frames * KT_ENVELOPE_RANGES,
            LAG * KT_ENVELOPE_RANGES * sizeof *self->amplitude);
}

// Levels of the frames before the first one; before the stream's start they are those of silence.
static kt_err_t
batch_begin(batch_t *self, const float *at, bool begins)
{
    kt_err_t err = begins ? KT_OK : batch_start(self, 0, at - LAG * (size_t)kt_plan_opts(self->plan)->hop, LAG);
    if (!err)
        err = kt_device_end(self->device, &self->job);
    if (!err && !begins)
        batch_levels(self, 0, LAG);
    for (size_t i = 0; i < LAG * self->bands && begins; i++)
        self->level[i] = decibels(self->floor);
    if (!err && !begins)
        batch_shift(self, LAG);
    return err;
}

kt_err_t
kt_envelope_rises(kt_device_t *device, const kt_plan_t *plan, const float *samples, uint64_t first, size_t n,
                  uint16_t *out)
{
    const kt_frontend_opts_t *opts  = kt_plan_opts(plan);
    const uint64_t            begin = first ? kt_envelope_frames(plan, first) : 0;
    const size_t              total = (size_t)(kt_envelope_frames(plan, first + n) - begin);
    const size_t              step  = kt_device_gathers(device) ? GATHERED : BATCH;
    batch_t                   batch = {.device = device,
                                       .plan   = plan,
                                       .bands  = opts->n_mels,
                                       .floor  = power_floor(opts, samples, n),
                                       .unit   = (float)power_unit(opts)};
    if (total == 0)
        return KT_OK;
    batch.mel[0]    = calloc(2 * step * batch.bands, sizeof *batch.mel[0]);
    batch.mel[1]    = batch.mel[0] ? batch.mel[0] + step * batch.bands : NULL;
    batch.level     = calloc((step + LAG) * batch.bands, sizeof *batch.level);
    batch.amplitude = calloc((step + LAG) * KT_ENVELOPE_RANGES, sizeof *batch.amplitude);

    const float *at  = samples + ((int64_t)(begin * opts->hop) - (int64_t)(opts->n_fft / 2) - (int64_t)first);
    kt_err_t     err = batch.mel[0] && batch.level && batch.amplitude ? KT_OK : KT_ENOMEM;
    if (!err)
        err = batch_begin(&batch, at, begin == 0);
    if (!err)
        err = batch_start(&batch, 0, at, total < step ? total : step);
    for (size_t done = 0, frames, which = 0; done < total && !err; done += frames, which = !which) {
        frames            = total - done < step ? total - done : step;
        const size_t left = total - done - frames;
        err               = kt_device_end(device, &batch.job);
        if (!err && left > 0)
            err = batch_start(&batch, !which, at + (done + frames) * opts->hop, left < step ? left : step);
        if (!err)
            batch_levels(&batch, which, frames);
        for (size_t i = 0; i < frames && !err; i++) {
            uint16_t    *row    = out + (done + i) * KT_ENVELOPE_WIDTH;
            const float *before = batch.amplitude + i * KT_ENVELOPE_RANGES;
            fill_rises(row, batch.level + (i + LAG) * batch.bands, batch.level + i * batch.bands,
                       batch.bands < BANDS ? batch.bands : BANDS);
            fill_amplitude_rises(row + 1 + KT_ENVELOPE_GROUPS, before + LAG * KT_ENVELOPE_RANGES, before);
        }
        batch_shift(&batch, frames);
    }
    kt_device_cancel(device, &batch.job);
    free(batch.mel[0]);
    free(batch.level);
    free(batch.amplitude);
    return err;
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
    return root * root * LOUDEST;
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
