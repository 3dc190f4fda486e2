// Energy: intensity and activity, 0 to 1.
//
//   .55 level(integrated loudness; -17 LUFS, 4) + .30 density(mean onset strength; 1.2 dB, .3)
//   + .15 brightness(log2 of the centroid over 1500 Hz; 0, .6)
//
// each a logistic step (middle, width), and their sum on a scale that music fills: a logistic step again, whose half is
// the median of 116 real tracks and whose width brings their 5th and 95th percentile near .1 and .9
// (tests/oracle/fit_scales.py). So energy rises strictly with all three and never saturates. The
// descriptors are those of Spotify's description (perceived loudness, timbre, onset rate) and of the arousal studies:
// loudness explains most, then density of events and spectral brightness (E. Schubert, "Modeling perceived emotion with
// continuous musical features", Music Perception 21, 2004; P. Gomez, B. Danuser, Emotion 7, 2007). Middles are those of
// ordinary records.
#include "node/audio/perceptual/perceptual.h"

static const double MEDIAN = 0.57, WIDTH = 0.125;

double
kt_energy(const kt_descriptors_t *descriptors)
{
    double brightness = isnan(descriptors->centroid) ? 0 : log2(fmax(descriptors->centroid, 1) / 1500);
    double sum        = 0.55 * kt_soft_step(descriptors->loudness, -17, 4) +
                 0.30 * kt_soft_step(descriptors->onset_strength, 1.2, 0.3) + 0.15 * kt_soft_step(brightness, 0, 0.6);
    return kt_soft_step(sum, MEDIAN, WIDTH);
}
