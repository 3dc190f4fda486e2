#include "node/audio/rhythm/envelope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BANDS     = 80,   // up to 11 kHz, whatever the rate: spaced by 0.616 mel, 41 Hz below 1 kHz
    BATCH     = 256,  // frames
    LAG       = 2,    // frames that a rise compares across
    BORDER    = 5,    // frames at a later segment's begin whose windows lack samples
    FRAMES_HZ = 100,
};

static const size_t FIRST_BAND[KT_ENVELOPE_GROUPS + 1] = {0, 3, 8, 18, 34, 54, BANDS};
static const double BAND_SPACING = 0.616, NARROW_BAND_HZ = 41, WINDOW_S = 0.04, FLOOR = 1.5e-8, SILENT_SINE = 1e-5;
static const float  HUGE_POWER = 1e37f;  // also replaces NaN

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

// The floor that is added to every power, from the mean square of the loudest second. A sine of amplitude a in a narrow
// band has power (a n_fft / 4)^2 / NARROW_BAND_HZ.
static float
power_floor(const kt_frontend_opts_t *opts, const float *samples, size_t n)
{
    const size_t second  = opts->rate_hz;
    double       loudest = 0;
    for (size_t at = 0; at < n; at += second) {
        size_t end = at + second < n ? at + second : n;
        double sum = 0;
        for (size_t i = at; i < end; i++)
            sum += (double)samples[i] * samples[i];
        loudest = fmax(loudest, sum / (double)second);
    }
    double unit = opts->n_fft * (double)opts->n_fft / 16 / NARROW_BAND_HZ;
    double loud = 2 * loudest;
    return (float)(unit * fmax(loud * FLOOR, SILENT_SINE * SILENT_SINE));
}

void
kt_envelope_fini(kt_envelope_t *self)
{
    free(self->memory);
    *self = (kt_envelope_t){0};
}

// The rise of one frame; bands: their number at this rate.
static void
fill_rise(kt_envelope_t *self, size_t frame, const float *now, const float *before, size_t bands)
{
    float all = 0;
    for (size_t g = 0; g < KT_ENVELOPE_GROUPS; g++) {
        float  sum = 0;
        size_t end = FIRST_BAND[g + 1] < bands ? FIRST_BAND[g + 1] : bands;
        for (size_t b = FIRST_BAND[g]; b < end; b++) {
            float rise = now[b] - before[b];
            sum += rise > 0 ? rise : 0;
        }
        self->group[g][frame] = sum / (float)(FIRST_BAND[g + 1] - FIRST_BAND[g]);
        all += sum;
    }
    self->rise[frame] = all / (float)bands;
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

// Rows of one batch in decibels, after the last LAG rows of the batch before.
typedef struct batch {
    float *pcm, *mel, *level;
    size_t bands;
    float  floor;
} batch_t;

// Levels of `frames` frames from `first` on.
static kt_err_t
batch_run(batch_t *self, kt_device_t *device, const kt_plan_t *plan, const float *samples, size_t n, size_t first,
          size_t frames)
{
    const kt_frontend_opts_t *opts   = kt_plan_opts(plan);
    size_t                    length = (frames - 1) * opts->hop + opts->n_fft;

    // Zeros outside of the signal.
    size_t begin = first * opts->hop, half = opts->n_fft / 2;
    size_t skip = begin < half ? half - begin : 0;
    size_t from = begin + skip - half;
    size_t copy = from < n ? n - from : 0;
    copy        = copy < length - skip ? copy : length - skip;
    memset(self->pcm, 0, length * sizeof *self->pcm);
    memcpy(self->pcm + skip, samples + from, copy * sizeof *samples);

    kt_span_t span       = {.pcm = self->pcm, .frames = frames, .real_end = length};
    kt_rows_t rows       = {0};
    rows.row[KT_ROW_MEL] = self->mel;
    kt_err_t err         = kt_device_frontend(device, plan, &span, 1, &rows);
    if (err)
        return err;
    memcpy(self->level, self->level + BATCH * self->bands, LAG * self->bands * sizeof *self->level);
    float *level = self->level + LAG * self->bands;
    for (size_t i = 0; i < frames * self->bands; i++)
        level[i] = decibels(self->mel[i] < HUGE_POWER ? self->mel[i] + self->floor : HUGE_POWER);
    return KT_OK;
}

static void
smooth_rise(float *out, const float *in, size_t n)
{
    float before = 0;
    for (size_t i = 0; i < n; i++) {
        float here = in[i], after = i + 1 < n ? in[i + 1] : 0;
        out[i] = 0.25f * before + 0.5f * here + 0.25f * after;
        before = here;
    }
}

// Zeros for the frames whose windows lack samples.
static void
clear_border(float *rise, size_t begin, size_t end, size_t n)
{
    memset(rise, 0, begin * sizeof *rise);
    if (end < n)
        memset(rise + end, 0, (n - end) * sizeof *rise);
}

static kt_err_t
fill_rises(kt_envelope_t *self, kt_device_t *device, const kt_plan_t *plan, const float *samples, size_t n)
{
    const kt_frontend_opts_t *opts  = kt_plan_opts(plan);
    batch_t                   batch = {.bands = opts->n_mels, .floor = power_floor(opts, samples, n)};
    batch.pcm                       = calloc((BATCH - 1) * (size_t)opts->hop + opts->n_fft, sizeof *batch.pcm);
    batch.mel                       = calloc(BATCH * batch.bands, sizeof *batch.mel);
    batch.level                     = calloc((BATCH + LAG) * batch.bands, sizeof *batch.level);

    kt_err_t err = batch.pcm && batch.mel && batch.level ? KT_OK : KT_ENOMEM;
    for (size_t i = 0; i < LAG * batch.bands && !err; i++)
        batch.level[BATCH * batch.bands + i] = decibels(batch.floor);
    for (size_t first = 0; first < self->frames && !err; first += BATCH) {
        size_t frames = self->frames - first < BATCH ? self->frames - first : BATCH;
        err           = batch_run(&batch, device, plan, samples, n, first, frames);
        for (size_t i = 0; i < frames && !err; i++)
            fill_rise(self, first + i, batch.level + (i + LAG) * batch.bands, batch.level + i * batch.bands,
                      batch.bands < BANDS ? batch.bands : BANDS);
    }
    free(batch.pcm);
    free(batch.mel);
    free(batch.level);
    return err;
}

kt_err_t
kt_envelope_new(kt_envelope_t *self, kt_device_t *device, const kt_plan_t *plan, const float *samples, size_t n,
                bool begins)
{
    const kt_frontend_opts_t *opts = kt_plan_opts(plan);
    kt_envelope_t             made = {.rate_hz = (double)opts->rate_hz / opts->hop};
    made.frames                    = n / opts->hop + 1;
    made.memory = made.rise = calloc((2 + KT_ENVELOPE_GROUPS) * made.frames, sizeof *made.rise);
    if (!made.rise)
        return KT_ENOMEM;
    made.full = made.rise + made.frames;
    for (size_t g = 0; g < KT_ENVELOPE_GROUPS; g++)
        made.group[g] = made.rise + (2 + g) * made.frames;

    kt_err_t err = fill_rises(&made, device, plan, samples, n);
    if (err) {
        kt_envelope_fini(&made);
        return err;
    }
    size_t whole  = n > opts->n_fft / 2 ? 1 + (n - opts->n_fft / 2) / opts->hop : 0;
    size_t border = begins ? 0 : made.frames < BORDER ? made.frames : BORDER;
    clear_border(made.rise, border, whole, made.frames);
    smooth_rise(made.full, made.rise, made.frames);
    for (size_t g = 0; g < KT_ENVELOPE_GROUPS; g++) {
        clear_border(made.group[g], border, whole, made.frames);
        smooth_rise(made.group[g], made.group[g], made.frames);
    }
    *self = made;
    return KT_OK;
}
