// Instrumentalness, 0 to 1: one minus the mean evidence of a voice over windows of two seconds (voice.c).
// Sung notes that are held look like an instrument's to it; a model that knows voices may take its place.
#include "node/audio/perceptual/perceptual.h"

double
kt_instrumentalness(const kt_descriptors_t *descriptors)
{
    return 1 - descriptors->voice;
}
