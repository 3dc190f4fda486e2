// Danceability, 0 to 1: Essentia's value (1 over the exponent of the detrended fluctuation, see perceptual_dance.c),
// which runs from 0 to about 3, over 3 and cut at 1.
#include "node/audio/perceptual/perceptual.h"

double
kt_danceability(const kt_cues_t *cues)
{
    const double MOST = 3;
    return cues->scaling > 0 ? fmin(1 / cues->scaling / MOST, 1) : NAN;
}
