// Danceability, 0 to 1: Essentia's value (1 over the exponent of the detrended fluctuation, see
// detrended_fluctuation.c), which runs from 0 to about 3, over 3 and cut at 1.
#include "node/audio/perceptual/perceptual.h"

double
kt_danceability(const kt_descriptors_t *descriptors)
{
    const double MOST = 3;
    return descriptors->scaling > 0 ? fmin(1 / descriptors->scaling / MOST, 1) : NAN;
}
