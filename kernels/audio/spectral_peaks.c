#include "kernels/audio/spectral_peaks.h"

#include "kernels/audio/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double
bin_edge(unsigned bin)
{
    return bin * 0.01 - 0.5;
}

// Histogram bin of a pitch's deviation from the equal-tempered grid, in float where librosa is in float.
static uint8_t
deviation_bin(unsigned per_octave, float pitch_hz)
{
    float rest = fmodf((float)per_octave * log2f(pitch_hz / 27.5F), 1);
    if (rest >= 0.5F)
        rest -= 1;
    int bin = (int)floor((rest + 0.5) * 100);
    bin     = bin < 0 ? 0 : bin > KT_PITCH_BINS - 1 ? KT_PITCH_BINS - 1 : bin;
    if (bin > 0 && rest < bin_edge((unsigned)bin))
        bin--;
    else if (bin < KT_PITCH_BINS - 1 && rest >= bin_edge((unsigned)bin + 1))
        bin++;
    return (uint8_t)bin;
}

kt_err_t
kt_spectral_peaks_append(kt_spectral_peaks_t *self, unsigned per_octave, float magnitude, float pitch_hz)
{
    if (self->count == self->capacity) {
        const size_t capacity   = self->capacity ? 2 * self->capacity : 1024;
        float       *magnitudes = realloc(self->magnitude, capacity * sizeof *magnitudes);
        if (!magnitudes)
            return KT_ENOMEM;
        self->magnitude = magnitudes;
        uint8_t *bins   = realloc(self->bin, capacity * sizeof *bins);
        if (!bins)
            return KT_ENOMEM;
        self->bin      = bins;
        self->capacity = capacity;
    }
    self->magnitude[self->count] = magnitude;
    self->bin[self->count]       = deviation_bin(per_octave, pitch_hz);
    self->count++;
    return KT_OK;
}

kt_err_t
kt_spectral_peaks_add(kt_spectral_peaks_t *self, const kt_plan_t *plan, unsigned per_octave, uint32_t bin, float before,
                      float at, float after)
{
    const float  sum = after + before, difference = after - before;  // float, then double: as librosa's stencil
    const double a = (double)sum - 2.0 * at, b = difference / 2.0;
    const float  shift = fabs(b) >= fabs(a) ? 0 : (float)(-b / a);
    const float  pitch = (float)(((double)bin + shift) * plan->opts.rate_hz / plan->opts.n_fft);
    return kt_spectral_peaks_append(self, per_octave, at + 0.5F * (difference / 2) * shift, pitch);
}

void
kt_spectral_peaks_fini(kt_spectral_peaks_t *self)
{
    free(self->magnitude);
    free(self->bin);
    *self = (kt_spectral_peaks_t){0};
}

// The value of the given rank, by radix selection from the top: no copy, no allocation, linear. The keys are the bits
// of the floats, changed to unsigned numbers of the same order.
static float
select_rank(const float *x, size_t n, size_t rank)
{
    enum { DIGIT = 8 };
    const uint32_t SIGN   = 0x80000000U;
    uint32_t       prefix = 0;
    for (int shift = 32 - DIGIT; shift >= 0; shift -= DIGIT) {
        size_t         counts[1 << DIGIT] = {0};
        const uint32_t mask               = shift == 32 - DIGIT ? 0 : ~0U << (shift + DIGIT);
        for (size_t i = 0; i < n; i++) {
            uint32_t key;
            memcpy(&key, &x[i], sizeof key);
            key = key & SIGN ? ~key : key | SIGN;
            if ((key & mask) == prefix)
                counts[key >> shift & ((1U << DIGIT) - 1)]++;
        }
        uint32_t digit = 0;
        for (; rank >= counts[digit]; digit++)
            rank -= counts[digit];
        prefix |= digit << shift;
    }
    const uint32_t bits = prefix & SIGN ? prefix & ~SIGN : ~prefix;
    float          out;
    memcpy(&out, &bits, sizeof out);
    return out;
}

double
kt_spectral_peaks_tuning(const kt_spectral_peaks_t *self)
{
    if (self->count == 0)
        return 0;
    const float *x                     = self->magnitude;
    const size_t n                     = self->count;
    const float  upper                 = select_rank(x, n, n / 2);
    const float  median                = n % 2 ? upper : (select_rank(x, n, n / 2 - 1) + upper) / 2;
    size_t       counts[KT_PITCH_BINS] = {0};
    for (size_t i = 0; i < n; i++)
        counts[self->bin[i]] += x[i] >= median;
    unsigned fullest = 0;
    for (unsigned bin = 1; bin < KT_PITCH_BINS; bin++)
        if (counts[bin] > counts[fullest])
            fullest = bin;
    return bin_edge(fullest);
}
