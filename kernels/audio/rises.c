#include "kernels/audio/rises.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t GROUP[KT_RISE_GROUPS + 1] = KT_RISE_GROUP_EDGES, RANGE[2 * KT_RISE_RANGES] = KT_RISE_RANGE_EDGES;

static uint16_t
rise_units(float rise)
{
    float units = rise * KT_RISE_UNITS + 0.5f;
    return units < UINT16_MAX ? (uint16_t)units : UINT16_MAX;
}

// The rises of one frame; bands: their number at this rate.
static void
fill_rises(uint16_t *out, const float *now, const float *before, size_t bands)
{
    float all = 0;
    for (size_t g = 0; g < KT_RISE_GROUPS; g++) {
        float  sum = 0;
        size_t end = GROUP[g + 1] < bands ? GROUP[g + 1] : bands;
        for (size_t b = GROUP[g]; b < end; b++) {
            float rise = now[b] - before[b];
            sum += rise > 0 ? rise : 0;
        }
        out[1 + g] = rise_units(sum / (float)(GROUP[g + 1] - GROUP[g]));
        all += sum;
    }
    out[0] = rise_units(all / (float)bands);
}

// Amplitudes of one frame, from the power of its bands.
static void
fill_amplitudes(float out[KT_RISE_RANGES], const float *power, size_t bands, float unit)
{
    for (size_t r = 0; r < KT_RISE_RANGES; r++) {
        float sum = 0;
        for (size_t b = RANGE[2 * r]; b < RANGE[2 * r + 1] && b < bands; b++)
            sum += power[b] < KT_RISE_HUGE ? power[b] : KT_RISE_HUGE;
        out[r] = sqrtf(sum / unit);
    }
}

static void
fill_amplitude_rises(uint16_t *out, const float *now, const float *before)
{
    for (size_t r = 0; r < KT_RISE_RANGES; r++) {
        float rise = fminf(fmaxf(now[r] - before[r], 0), KT_RISE_LOUDEST);
        out[r]     = (uint16_t)(UINT16_MAX * sqrtf(rise / KT_RISE_LOUDEST) + 0.5f);
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

kt_err_t
kt_rises_init(kt_rises_t *self, size_t bands, size_t room)
{
    *self           = (kt_rises_t){.bands = bands};
    self->level     = calloc((KT_RISE_LAG + room) * bands, sizeof *self->level);
    self->amplitude = calloc((KT_RISE_LAG + room) * KT_RISE_RANGES, sizeof *self->amplitude);
    return self->level && self->amplitude ? KT_OK : KT_ENOMEM;
}

void
kt_rises_fini(kt_rises_t *self)
{
    free(self->level);
    free(self->amplitude);
    *self = (kt_rises_t){0};
}

void
kt_rises_begin(kt_rises_t *self, const kt_rise_opts_t *opts)
{
    for (size_t i = 0; i < KT_RISE_LAG * self->bands; i++)
        self->level[i] = decibels(opts->floor);
    memset(self->amplitude, 0, KT_RISE_LAG * KT_RISE_RANGES * sizeof *self->amplitude);
}

void
kt_rises_add(kt_rises_t *self, const kt_rise_opts_t *opts, const float *mel, size_t frames, uint16_t *out)
{
    const size_t bands = self->bands;
    float       *level = self->level + KT_RISE_LAG * bands, *amplitude = self->amplitude + KT_RISE_LAG * KT_RISE_RANGES;
    for (size_t i = 0; i < frames * bands; i++)
        level[i] = decibels(mel[i] < KT_RISE_HUGE ? mel[i] + opts->floor : KT_RISE_HUGE);
    for (size_t i = 0; i < frames; i++)
        fill_amplitudes(amplitude + i * KT_RISE_RANGES, mel + i * bands, bands, opts->unit);
    for (size_t i = 0; i < frames && out; i++, out += KT_RISE_WIDTH) {
        fill_rises(out, level + i * bands, self->level + i * bands, bands < KT_RISE_BANDS ? bands : KT_RISE_BANDS);
        fill_amplitude_rises(out + 1 + KT_RISE_GROUPS, amplitude + i * KT_RISE_RANGES,
                             self->amplitude + i * KT_RISE_RANGES);
    }
    // The last frames become those before the next ones.
    memmove(self->level, self->level + frames * bands, KT_RISE_LAG * bands * sizeof *level);
    memmove(self->amplitude, self->amplitude + frames * KT_RISE_RANGES,
            KT_RISE_LAG * KT_RISE_RANGES * sizeof *amplitude);
}
