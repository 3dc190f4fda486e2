// Instrumentalness, 0 to 1: one minus the mean evidence of a voice over windows of two seconds (voice.c).
// Held sung notes count as an instrument's; a model trained on voices may replace it.
#include "node/audio/perceptual/perceptual.h"

double
kt_instrumentalness(const kt_descriptors_t *descriptors)
{
    return 1 - descriptors->voice;
}
