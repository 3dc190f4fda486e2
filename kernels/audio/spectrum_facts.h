// Facts of a power spectrum -- what the measures of sound quality need of one frame: sums of eight bins, whether the
// frame sounds, its pitch. Powers are those of a periodogram: the mean over all bins of both sides is the mean square
// of the samples. Pure functions; any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_SPECTRUM_BAND = 8, KT_SPECTRUM_BINS = 8193 };  // bins of a band; the most that a spectrum has

typedef struct kt_spectrum_facts {
    double pitch;  // in bins: a fundamental whose harmonics hold nine tenths of the power; 0: none
    bool   sounds;
} kt_spectrum_facts_t;

// bands: [(bins - 1) / KT_SPECTRUM_BAND], the sum of each one's powers; of frames that sound. bins: of one side, a
// power of two and one.
void kt_spectrum_facts_of(const float *powers, size_t bins, kt_spectrum_facts_t *out, float *bands);

// Below -100 dBFS a frame is digital silence. `sum`: of the powers of one side.
static inline bool
kt_spectrum_sounds(double sum, size_t bins)
{
    return sum >= 1e-10 * (double)(bins - 1);
}

// Position of the peak at bin k under a Hann window, exact for a single sine: from the ratio of its two largest
// magnitudes.
double kt_peak_position(size_t k, double before, double at, double after);
// Bins [*first, *last] of the harmonic h of a tone at `bin`: up to five away from it, as sound-level meters sum them
// (Larson Davis, THD). False: beyond the spectrum.
bool   kt_harmonic_bins(double bin, int h, size_t bins, size_t *first, size_t *last);
size_t kt_harmonic_reach(double bin);
