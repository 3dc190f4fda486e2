// Valence: how positive music sounds, 0 to 1; a weak estimate, as every one from the signal alone (the best trained
// models explain half of the listeners' ratings).
//
//   the weighted mean of: mode (.30; 1/2 +- 1/2 key strength), tempo (.25; log2 over 110 BPM; 0, .5), density (.25;
//   mean onset strength; 1.2 dB, .3), brightness (.20; log2 of the centroid over 1500 Hz; 0, .6)
//
// Major mode, fast tempo, many events and a bright sound are heard as happy, their opposites as sad: P. Juslin, P.
// Laukka, "Communication of emotions in vocal expression and music performance", Psychological Bulletin 129, 2003;
// T. Eerola, A. Friberg, R. Bresin, Frontiers in Psychology 4:487, 2013, where mode weighs most, then tempo.
// Mode and tempo are left out of the mean where the rhythm and key of the message are null.
#include "node/audio/perceptual/perceptual.h"

double
kt_valence(const kt_descriptors_t *descriptors)
{
    const double term[][2] = {
        {0.30, 0.5 + 0.5 * descriptors->mode * fmin(fmax(descriptors->key_strength, 0), 1)},
        {0.25, kt_soft_step(log2(descriptors->tempo / 110), 0, 0.5)},
        {0.25, kt_soft_step(descriptors->onset_strength, 1.2, 0.3)},
        {0.20, kt_soft_step(log2(descriptors->centroid / 1500), 0, 0.6)},
    };
    double sum = 0, weight = 0;
    if (isnan(descriptors->loudness))
        return NAN;
    for (size_t i = 0; i < sizeof term / sizeof *term; i++)
        if (!isnan(term[i][1])) {
            weight += term[i][0];
            sum += term[i][0] * term[i][1];
        }
    return sum / weight;
}
