#include "node/audio/rhythm/bass.h"

#include "kernels/audio/power_spectrum.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, STEPS = 4, LANES = 4, LEAST_POINTS = 256 };
enum { ALL, COSINE, SINE, SUMS };  // weighted sums of the samples of a step

static const double PI = 3.14159265358979323846, LOW_HZ = 1250, WINDOW_S = 0.3, LOWEST_HZ = 34, HIGHEST_HZ = 264;
static const double A4_HZ = 440, LEAST_POWER = 1e-10;

typedef float lanes_t __attribute__((vector_size(LANES * sizeof(float))));

struct kt_bass {
    kt_power_spectra_t *spectra;
    size_t              row, step;  // samples per row, per low value
    size_t              batch;      // rows that are computed together: 1 where a row is not whole low values
    size_t              hop;        // low values per row, where it is
    size_t              points;     // low values per window
    size_t              taps;       // a multiple of LANES; zeros behind a step
    float              *tap[SUMS], *edge;
    size_t              first, past;  // bins
    uint8_t            *pitch_class;  // [past]
    lanes_t (*sums)[SUMS];            // of a batch, as those below
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
kt_bass_new(kt_bass_t **self_p, const kt_cpu_ops_t *ops, uint32_t rate_hz, uint32_t hop)
{
    if (rate_hz <= 2 * HIGHEST_HZ || hop == 0)
        return KT_EINVAL;
    kt_bass_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->row           = hop;
    self->step          = step_of(rate_hz, hop);
    self->batch         = hop % self->step ? 1 : BATCH;
    self->hop           = (hop + self->step - 1) / self->step;
    const double low_hz = (double)rate_hz / (double)self->step;
    for (self->points = LEAST_POINTS; (double)self->points < WINDOW_S * low_hz;)
        self->points *= 2;
    const size_t most = self->batch * self->hop + self->points;
    self->taps        = (self->step + LANES - 1) / LANES * LANES;
    self->first       = (size_t)ceil(LOWEST_HZ * (double)self->points / low_hz);
    self->past        = (size_t)(HIGHEST_HZ * (double)self->points / low_hz) + 1;
    self->tap[ALL]    = calloc(SUMS * self->taps, sizeof *self->tap[ALL]);
    self->edge        = calloc(self->taps, sizeof *self->edge);
    self->pitch_class = calloc(self->past, sizeof *self->pitch_class);
    self->sums        = aligned_alloc(sizeof(lanes_t), (most + STEPS) * sizeof *self->sums);
    self->low         = calloc(most, sizeof *self->low);
    self->power       = calloc(self->batch * self->past, sizeof *self->power);
    kt_err_t err      = KT_ENOMEM;
    if (!self->tap[ALL] || !self->edge || !self->pitch_class || !self->sums || !self->low || !self->power)
        goto fail;
    err = kt_power_spectra_new(&self->spectra, ops, (uint32_t)low_hz, (uint32_t)self->points, (uint32_t)self->hop);
    if (err)
        goto fail;
    self->tap[COSINE] = self->tap[ALL] + self->taps;
    self->tap[SINE]   = self->tap[COSINE] + self->taps;
    for (size_t i = 0; i < self->step; i++) {  // the whole window has a sum of 1
        const double length = (double)(STEPS * self->step), angle = 2 * PI * ((double)i + 0.5) / length;
        self->tap[ALL][i]    = (float)(1 / length);
        self->tap[COSINE][i] = (float)(cos(angle) / length);
        self->tap[SINE][i]   = (float)(sin(angle) / length);
    }
    for (size_t b = self->first; b < self->past; b++) {
        const double note    = 12 * log2((double)b * low_hz / (double)self->points / A4_HZ);
        self->pitch_class[b] = (uint8_t)(((int)lrint(note) % 12 + 12) % 12);
    }
    *self_p = self;
    return KT_OK;
fail:
    kt_bass_destroy(&self);
    return err;
}

// Of the step at x, in lanes that are added up later.
static void
step_sums(const kt_bass_t *self, const float *x, lanes_t out[SUMS])
{
    lanes_t all = {0}, cosine = {0}, sine = {0};
    for (size_t i = 0; i < self->taps; i += LANES) {
        lanes_t some, tap[SUMS];
        memcpy(&some, x + i, sizeof some);
        for (int s = 0; s < SUMS; s++)
            memcpy(&tap[s], self->tap[s] + i, sizeof tap[s]);
        all += tap[ALL] * some;
        cosine += tap[COSINE] * some;
        sine += tap[SINE] * some;
    }
    out[ALL]    = all;
    out[COSINE] = cosine;
    out[SINE]   = sine;
}

// `many` low values, the window of the first of which begins at sample `at`. A window is 1 - cosine over four steps;
// the cosine of a step later is minus the sine, of two steps minus the cosine, of three the sine.
static void
fill_low(kt_bass_t *self, const float *samples, size_t n, int64_t at, size_t many)
{
    const int64_t taps = (int64_t)self->taps, past = (int64_t)n;
    for (size_t i = 0; i < many + STEPS - 1; i++, at += (int64_t)self->step) {
        const bool inside = at >= 0 && at + taps <= past;
        for (int64_t k = 0; k < taps && !inside; k++)
            self->edge[k] = at + k >= 0 && at + k < past ? samples[at + k] : 0;
        step_sums(self, inside ? samples + at : self->edge, self->sums[i]);
    }
    for (size_t i = 0; i < many; i++) {
        lanes_t(*s)[SUMS]  = self->sums + i;
        const lanes_t lane = (s[0][ALL] + s[1][ALL]) + (s[2][ALL] + s[3][ALL]) - (s[0][COSINE] - s[2][COSINE]) +
                             (s[1][SINE] - s[3][SINE]);
        self->low[i] = (lane[0] + lane[1]) + (lane[2] + lane[3]);
    }
}

// Roots of amplitudes per pitch class, as a row of length 65535.
static void
fill_row(const kt_bass_t *self, const float *power, uint16_t *out)
{
    double sum[KT_BASS_WIDTH] = {0}, square = 0, whole = 0;
    for (size_t b = self->first; b < self->past; b++) {
        whole += power[b];
        sum[self->pitch_class[b]] += sqrtf(sqrtf(power[b]));
    }
    for (size_t c = 0; c < KT_BASS_WIDTH; c++)
        square += sum[c] * sum[c];
    const double scale = whole > LEAST_POWER && isfinite(square) ? UINT16_MAX / sqrt(square) : 0;
    for (size_t c = 0; c < KT_BASS_WIDTH; c++)
        out[c] = scale > 0 ? (uint16_t)(sum[c] * scale + 0.5) : 0;
}

void
kt_bass_rows(kt_bass_t *self, const float *samples, size_t n, size_t first, size_t rows, uint16_t *out)
{
    for (size_t done = 0, some; done < rows; done += some) {
        some               = rows - done < self->batch ? rows - done : self->batch;
        const size_t  many = (some - 1) * self->hop + self->points;
        const int64_t at   = (int64_t)(first + done * self->row) - (int64_t)((self->points + STEPS) * self->step / 2);
        fill_low(self, samples, n, at, many);
        kt_power_spectra_rows(self->spectra, self->low, some, self->past, self->power);
        for (size_t i = 0; i < some; i++)
            fill_row(self, self->power + i * self->past, out + (done + i) * KT_BASS_WIDTH);
    }
}
