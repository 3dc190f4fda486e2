// Acousticness: how far the sound is from amplified and electronic production, 0 to 1.
//
//   1 - (.30 level(integrated loudness; -16 LUFS, 3) + .30 noise(level-weighted log10 flatness; -2.5, .4)
//   + .20 density(mean onset strength; 1.2 dB, .3) + .20 brightness(log2 of the centroid over 1500 Hz; 0, .6))
//
// each a logistic step (middle, width). Acoustic records are mastered softer, and their sound is more tonal, has fewer
// hard attacks and less in the treble than drums, distortion and synthesizers: Spotify's acousticness correlates with
// loudness and energy at -.6 to -.7 in public exports of its catalogue, and the descriptors are those of the
// sonic-similarity literature for "acoustic / electronic" (C. Laurier, O. Meyers, et al., "Music mood annotator design
// and integration", CBMI 2009). A confidence, not a share: a quiet synthesizer pad passes for acoustic.
#include "node/audio/perceptual/perceptual.h"

double
kt_acousticness(const kt_descriptors_t *descriptors)
{
    double brightness = isnan(descriptors->centroid) ? 0 : log2(fmax(descriptors->centroid, 1) / 1500);
    return 1 -
           (0.30 * kt_soft_step(descriptors->loudness, -16, 3) + 0.30 * kt_soft_step(descriptors->flatness, -2.5, 0.4) +
            0.20 * kt_soft_step(descriptors->onset_strength, 1.2, 0.3) + 0.20 * kt_soft_step(brightness, 0, 0.6));
}
