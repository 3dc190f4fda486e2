// Facts of a power spectrum -- what the measures of sound quality need of one frame: sums of eight bins, whether the
// frame sounds, its pitch. Powers are those of a periodogram: the mean over all bins of both sides is the mean square
// of the samples. Pure functions; any thread.
#pragma once

#include "kernels/audio/block_facts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_SPECTRUM_BAND = 8, KT_SPECTRUM_BINS = 8193 };  // bins of a band; the most that a spectrum has

typedef struct kt_spectrum_facts {
    double   pitch;   // in bins: a fundamental whose harmonics hold nine tenths of the power; 0: none
    uint32_t sounds;  // 0: below -100 dBFS, digital silence
    uint32_t reserved;
} kt_spectrum_facts_t;

// bands: [(bins - 1) / KT_SPECTRUM_BAND], the sum of each one's powers; of frames that sound. bins: of one side, a
// power of two and one.
void kt_spectrum_facts_of(const float *powers, size_t bins, kt_spectrum_facts_t *out, float *bands);

// Samples of a frame: the largest power of two that lasts no longer than 0.13 s (4096 at 44.1 kHz), so that no frame
// reaches the next one; at most 16384. 0: none, below KT_SPECTRUM_LEAST_HZ.
enum { KT_SPECTRUM_LEAST_HZ = 4000 };
uint32_t kt_spectrum_samples(uint32_t rate_hz);

// Of a stream, four frames per second: frame j is its samples floor(j * rate_hz / 4) on, n_fft of them. The first one
// that ends after `samples` samples of the stream.
KT_DEVICE_CODE static inline uint64_t
kt_spectrum_next(uint64_t samples, uint32_t rate_hz, uint32_t n_fft)
{
    return samples < n_fft ? 0 : ((samples - n_fft + 1) * 4 + rate_hz - 1) / rate_hz;
}

// Mean power of the bins of digital silence, at most.
#define KT_SPECTRUM_SILENCE 1e-10

// Position of the peak at bin k under a Hann window, exact for a single sine: from the ratio of its two largest
// magnitudes.
double kt_peak_position(size_t k, double before, double at, double after);
// Bins [*first, *last] of the harmonic h of a tone at `bin`: up to five away from it, as sound-level meters sum them
// (Larson Davis, THD). False: beyond the spectrum.
bool   kt_harmonic_bins(double bin, int h, size_t bins, size_t *first, size_t *last);
size_t kt_harmonic_reach(double bin);
