// Danceability, 0 to 1: Essentia's value (1 over the exponent of the detrended fluctuation, see
// detrended_fluctuation.c; from 0 to about 3 for music) on a scale that music fills: a logistic step of its logarithm,
// so strictly monotone. Half is the median of 116 real tracks, .1 and .9 are near their 5th and 95th percentile
// (tests/oracle/fit_scales.py). kt_danceability_essentia is its inverse.
#include "node/audio/perceptual/perceptual.h"

static const double MEDIAN = 1.09, WIDTH = 0.15;

double
kt_danceability(const kt_descriptors_t *descriptors)
{
    return descriptors->scaling > 0 ? kt_soft_step(-log(descriptors->scaling), log(MEDIAN), WIDTH) : NAN;
}

double
kt_danceability_essentia(double danceability)
{
    const double LEAST = 1e-9;  // the document's last digit
    double       value = fmin(fmax(danceability, LEAST), 1 - LEAST);
    return MEDIAN * exp(WIDTH * log(value / (1 - value)));
}
