#include "kernels/audio/spectrum_facts.h"

#include <math.h>

enum { OFFSET_BINS = 3, LOWEST_BIN = 8, REACH = 5 };

uint32_t
kt_spectrum_samples(uint32_t rate_hz)
{
    uint32_t n = 256;
    while (2 * n <= 2 * (KT_SPECTRUM_BINS - 1) && 2 * n <= rate_hz * 0.13)
        n *= 2;
    return rate_hz < KT_SPECTRUM_LEAST_HZ ? 0 : n;
}

double
kt_peak_position(size_t k, double before, double at, double after)
{
    const double alpha = sqrt(fmax(before, after) / at), off = (2 * alpha - 1) / (alpha + 1);
    return (double)k + (after > before ? off : -off);
}

size_t
kt_harmonic_reach(double bin)
{
    const size_t half = (size_t)(bin / 2) - 1;
    return half < REACH ? half : REACH;
}

bool
kt_harmonic_bins(double bin, int h, size_t bins, size_t *first, size_t *last)
{
    const size_t at = (size_t)lround(bin * h), reach = kt_harmonic_reach(bin);
    *first = at - reach;
    *last  = at + reach;
    return *last < bins;
}

// The pitch of a frame in bins; 0 if there is none that holds nine tenths of the power.
static double
frame_pitch(const float *powers, size_t bins)
{
    double total = 0, sum = 0;
    size_t peak = LOWEST_BIN, first, last;
    for (size_t k = OFFSET_BINS; k < bins; k++)
        total += powers[k];
    for (size_t k = LOWEST_BIN; k + 1 < bins; k++)
        if (powers[k] > powers[peak])
            peak = k;
    if (!(powers[peak] > 0.1 * total))
        return 0;
    const double bin = kt_peak_position(peak, powers[peak - 1], powers[peak], powers[peak + 1]);
    if (!(bin >= LOWEST_BIN))
        return 0;
    for (int h = 1; kt_harmonic_bins(bin, h, bins, &first, &last); h++)
        for (size_t k = first; k <= last; k++)
            sum += powers[k];
    return sum >= 0.9 * total ? bin : 0;
}

void
kt_spectrum_facts_of(const float *powers, size_t bins, kt_spectrum_facts_t *out, float *bands)
{
    double sum = 0;
    for (size_t k = 0; k < bins; k++)
        sum += powers[k];
    *out = (kt_spectrum_facts_t){.sounds = sum >= KT_SPECTRUM_SILENCE * (double)(bins - 1)};
    if (!out->sounds)
        return;
    out->pitch = frame_pitch(powers, bins);
    for (size_t b = 0; b < (bins - 1) / KT_SPECTRUM_BAND; b++, powers += KT_SPECTRUM_BAND)
        bands[b] =
            ((powers[0] + powers[1]) + (powers[2] + powers[3])) + ((powers[4] + powers[5]) + (powers[6] + powers[7]));
}
