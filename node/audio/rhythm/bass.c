#include "node/audio/rhythm/bass.h"

#include "kernels/audio/power_spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, STEPS = 4, LANES = 16, LEAST_POINTS = 256 };

static const double PI = 3.14159265358979323846, LOW_HZ = 1250, WINDOW_S = 0.3, LOWEST_HZ = 34, HIGHEST_HZ = 264;
static const double A4_HZ = 440, LEAST_POWER = 1e-10;

struct kt_bass {
    kt_power_spectra_t *spectra;
    size_t              row, step;  // samples per row, per low value
    size_t              batch;      // rows that are computed together: 1 where a row is not whole low values
    size_t              hop;        // low values per row, where it is
    size_t              points;     // low values per window
    size_t              taps;       // a multiple of LANES; zeros behind STEPS * step
    float              *tap, *edge;
    size_t              first, past;  // bins
    uint8_t            *pitch_class;  // [past]
    float              *low, *power;  // of a batch
};

void
kt_bass_destroy(kt_bass_t **self_p)
{
    kt_bass_t *self = *self_p;
    if (!self)
        return;
    kt_power_spectra_destroy(&self->spectra);
    free(self->tap);
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
    self->taps        = (STEPS * self->step + LANES - 1) / LANES * LANES;
    self->first       = (size_t)ceil(LOWEST_HZ * (double)self->points / low_hz);
    self->past        = (size_t)(HIGHEST_HZ * (double)self->points / low_hz) + 1;
    self->tap         = calloc(self->taps, sizeof *self->tap);
    self->edge        = calloc(self->taps, sizeof *self->edge);
    self->pitch_class = calloc(self->past, sizeof *self->pitch_class);
    self->low         = calloc(self->batch * self->hop + self->points, sizeof *self->low);
    self->power       = calloc(self->batch * self->past, sizeof *self->power);
    kt_err_t err      = KT_ENOMEM;
    if (!self->tap || !self->edge || !self->pitch_class || !self->low || !self->power)
        goto fail;
    err = kt_power_spectra_new(&self->spectra, ops, (uint32_t)low_hz, (uint32_t)self->points, (uint32_t)self->hop);
    if (err)
        goto fail;
    const size_t length = STEPS * self->step;
    for (size_t i = 0; i < length; i++)  // a sum of 1
        self->tap[i] = (float)((1 - cos(2 * PI * ((double)i + 0.5) / (double)length)) / (double)length);
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

// Sums in lanes, which compilers vectorise.
static float
weighted(const float *restrict tap, const float *restrict x, size_t taps)
{
    float lane[LANES] = {0}, sum = 0;
    for (size_t i = 0; i < taps; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += tap[i + j] * x[i + j];
    for (size_t j = 0; j < LANES; j++)
        sum += lane[j];
    return sum;
}

// The low value whose window begins at sample `begin`.
static float
low_value(kt_bass_t *self, const float *samples, size_t n, int64_t begin)
{
    const int64_t end = begin + (int64_t)self->taps, past = (int64_t)n;
    if (begin >= 0 && end <= past)
        return weighted(self->tap, samples + begin, self->taps);
    for (int64_t at = begin; at < end; at++)
        self->edge[at - begin] = at >= 0 && at < past ? samples[at] : 0;
    return weighted(self->tap, self->edge, self->taps);
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
        const int64_t at   = (int64_t)(first + done * self->row) - (int64_t)(self->points * self->step / 2 + self->taps / 2);
        for (size_t i = 0; i < many; i++)
            self->low[i] = low_value(self, samples, n, at + (int64_t)(i * self->step));
        kt_power_spectra_rows(self->spectra, self->low, some, self->past, self->power);
        for (size_t i = 0; i < some; i++)
            fill_row(self, self->power + i * self->past, out + (done + i) * KT_BASS_WIDTH);
    }
}
