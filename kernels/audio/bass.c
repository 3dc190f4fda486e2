#include "kernels/audio/bass.h"

#include "kernels/audio/power_spectrum.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, LANES = 4, LEAST_POINTS = 256 };

static const double PI = 3.14159265358979323846, LOW_HZ = 1250, WINDOW_S = 0.3, LOWEST_HZ = 34, HIGHEST_HZ = 264;
static const double A4_HZ = 440;

typedef float lanes_t __attribute__((vector_size(LANES * sizeof(float))));

struct kt_bass {
    kt_power_spectra_t *spectra;
    kt_bass_shape_t     shape;
    size_t              batch;  // rows that are computed together: 1 where a row is not whole low values
    size_t              taps;   // a multiple of LANES; zeros behind a step
    float              *tap[KT_BASS_SUMS], *edge;
    uint8_t            *pitch_class;  // [past]
    lanes_t (*sums)[KT_BASS_SUMS];    // of a batch, as those below
    float *low, *power;
};

void
kt_bass_destroy(kt_bass_t **self_p)
{
    kt_bass_t *self = *self_p;
    if (!self)
        return;
    kt_power_spectra_destroy(&self->spectra);
    free(self->tap[0]);
    free(self->sums);
    free(self->edge);
    free(self->pitch_class);
    free(self->low);
    free(self->power);
    free(self);
    *self_p = NULL;
}

// A step that leaves LOW_HZ, and divides a row where one of at least half of its length does.
static size_t
step_of(uint32_t rate_hz, size_t row)
{
    const size_t most = (size_t)fmax(1, rate_hz / LOW_HZ);
    for (size_t step = most; step > most / 2; step--)
        if (row % step == 0)
            return step;
    return most;
}

kt_err_t
kt_bass_shape_of(uint32_t rate_hz, uint32_t hop, kt_bass_shape_t *out)
{
    if (rate_hz <= 2 * HIGHEST_HZ || hop == 0)
        return KT_EINVAL;
    kt_bass_shape_t made = {.rate_hz = rate_hz, .row = hop, .step = (uint32_t)step_of(rate_hz, hop)};
    const double    hz   = (double)rate_hz / made.step;
    made.low_hz          = (uint32_t)hz;
    made.is_whole        = hop % made.step == 0;
    made.hop             = (hop + made.step - 1) / made.step;
    for (made.points = LEAST_POINTS; made.points < WINDOW_S * hz;)
        made.points *= 2;
    made.first = (uint32_t)ceil(LOWEST_HZ * made.points / hz);
    made.past  = (uint32_t)(HIGHEST_HZ * made.points / hz) + 1;
    *out       = made;
    return KT_OK;
}

void
kt_bass_tables(const kt_bass_shape_t *shape, size_t stride, float *tap, uint8_t *pitch_class)
{
    const double length = (double)KT_BASS_STEPS * shape->step, hz = (double)shape->rate_hz / shape->step;
    memset(tap, 0, KT_BASS_SUMS * stride * sizeof *tap);
    for (size_t i = 0; i < shape->step; i++) {  // the whole window has a sum of 1
        const double angle               = 2 * PI * ((double)i + 0.5) / length;
        tap[KT_BASS_ALL * stride + i]    = (float)(1 / length);
        tap[KT_BASS_COSINE * stride + i] = (float)(cos(angle) / length);
        tap[KT_BASS_SINE * stride + i]   = (float)(sin(angle) / length);
    }
    memset(pitch_class, 0, shape->past);
    for (size_t b = shape->first; b < shape->past; b++) {
        const double note = 12 * log2((double)b * hz / (double)shape->points / A4_HZ);
        pitch_class[b]    = (uint8_t)(((int)lrint(note) % 12 + 12) % 12);
    }
}

kt_err_t
kt_bass_new(kt_bass_t **self_p, const kt_cpu_ops_t *ops, uint32_t rate_hz, uint32_t hop)
{
    kt_bass_shape_t shape;
    kt_err_t        err = kt_bass_shape_of(rate_hz, hop, &shape);
    if (err)
        return err;
    kt_bass_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->shape            = shape;
    self->batch            = shape.is_whole ? BATCH : 1;
    const size_t most      = self->batch * shape.hop + shape.points;
    self->taps             = (shape.step + LANES - 1) / LANES * LANES;
    self->tap[KT_BASS_ALL] = calloc(KT_BASS_SUMS * self->taps, sizeof *self->tap[KT_BASS_ALL]);
    self->edge             = calloc(self->taps, sizeof *self->edge);
    self->pitch_class      = calloc(shape.past, sizeof *self->pitch_class);
    self->sums             = aligned_alloc(sizeof(lanes_t), (most + KT_BASS_STEPS) * sizeof *self->sums);
    self->low              = calloc(most, sizeof *self->low);
    self->power            = calloc(self->batch * shape.past, sizeof *self->power);
    err                    = KT_ENOMEM;
    if (!self->tap[KT_BASS_ALL] || !self->edge || !self->pitch_class || !self->sums || !self->low || !self->power)
        goto fail;
    err = kt_power_spectra_new(&self->spectra, ops, shape.low_hz, shape.points, shape.hop);
    if (err)
        goto fail;
    self->tap[KT_BASS_COSINE] = self->tap[KT_BASS_ALL] + self->taps;
    self->tap[KT_BASS_SINE]   = self->tap[KT_BASS_COSINE] + self->taps;
    kt_bass_tables(&shape, self->taps, self->tap[KT_BASS_ALL], self->pitch_class);
    *self_p = self;
    return KT_OK;
fail:
    kt_bass_destroy(&self);
    return err;
}

const kt_bass_shape_t *
kt_bass_shape(const kt_bass_t *self)
{
    return &self->shape;
}

// Of the step at x, in lanes that are added up later.
static void
step_sums(const kt_bass_t *self, const float *x, lanes_t out[KT_BASS_SUMS])
{
    lanes_t all = {0}, cosine = {0}, sine = {0};
    for (size_t i = 0; i < self->taps; i += LANES) {
        lanes_t some, tap[KT_BASS_SUMS];
        memcpy(&some, x + i, sizeof some);
        for (int s = 0; s < KT_BASS_SUMS; s++)
            memcpy(&tap[s], self->tap[s] + i, sizeof tap[s]);
        all += tap[KT_BASS_ALL] * some;
        cosine += tap[KT_BASS_COSINE] * some;
        sine += tap[KT_BASS_SINE] * some;
    }
    out[KT_BASS_ALL]    = all;
    out[KT_BASS_COSINE] = cosine;
    out[KT_BASS_SINE]   = sine;
}

// `many` low values, the window of the first of which begins at sample `at`. A window is 1 - cosine over four steps;
// the cosine of a step later is minus the sine, of two steps minus the cosine, of three the sine.
static void
fill_low(kt_bass_t *self, const float *samples, size_t n, int64_t at, size_t many)
{
    const int64_t taps = (int64_t)self->taps, past = (int64_t)n;
    for (size_t i = 0; i < many + KT_BASS_STEPS - 1; i++, at += (int64_t)self->shape.step) {
        const bool inside = at >= 0 && at + taps <= past;
        for (int64_t k = 0; k < taps && !inside; k++)
            self->edge[k] = at + k >= 0 && at + k < past ? samples[at + k] : 0;
        step_sums(self, inside ? samples + at : self->edge, self->sums[i]);
    }
    for (size_t i = 0; i < many; i++) {
        lanes_t(*s)[KT_BASS_SUMS] = self->sums + i;
        const lanes_t all         = (s[0][KT_BASS_ALL] + s[1][KT_BASS_ALL]) + (s[2][KT_BASS_ALL] + s[3][KT_BASS_ALL]);
        const lanes_t cosine      = s[0][KT_BASS_COSINE] - s[2][KT_BASS_COSINE];
        const lanes_t lane        = all - cosine + (s[1][KT_BASS_SINE] - s[3][KT_BASS_SINE]);
        self->low[i]              = (lane[0] + lane[1]) + (lane[2] + lane[3]);
    }
}

// Roots of amplitudes per pitch class, as a row of length 65535.
static void
fill_row(const kt_bass_t *self, const float *power, uint16_t *out)
{
    double sum[KT_BASS_WIDTH] = {0}, square = 0, whole = 0;
    for (size_t b = self->shape.first; b < self->shape.past; b++) {
        whole += power[b];
        sum[self->pitch_class[b]] += sqrtf(sqrtf(power[b]));
    }
    for (size_t c = 0; c < KT_BASS_WIDTH; c++)
        square += sum[c] * sum[c];
    const double scale = whole > KT_BASS_LEAST_POWER && isfinite(square) ? UINT16_MAX / sqrt(square) : 0;
    for (size_t c = 0; c < KT_BASS_WIDTH; c++)
        out[c] = scale > 0 ? (uint16_t)(sum[c] * scale + 0.5) : 0;
}

void
kt_bass_rows(kt_bass_t *self, const kt_bass_span_t *span, uint16_t *out)
{
    const kt_bass_shape_t *shape = &self->shape;
    const int64_t          reach = (int64_t)(shape->points + KT_BASS_STEPS) * shape->step / 2;
    for (size_t done = 0, some; done < span->rows; done += some) {
        some               = span->rows - done < self->batch ? span->rows - done : self->batch;
        const size_t  many = (some - 1) * shape->hop + shape->points;
        const int64_t at   = (int64_t)(span->first + done * shape->row) - reach;
        fill_low(self, span->samples, span->n, at, many);
        kt_power_spectra_rows(self->spectra, self->low, some, shape->past, self->power);
        for (size_t i = 0; i < some; i++)
            fill_row(self, self->power + i * shape->past, out + (done + i) * KT_BASS_WIDTH);
    }
}
