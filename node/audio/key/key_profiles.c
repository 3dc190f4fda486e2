#include "node/audio/key/key_profiles.h"

#include <math.h>

// How often each pitch class occurs in music whose key is known, tonic first: the mean of two corpora, each divided by
// its own sum. Both have the leading note as well as the natural seventh in minor, as harmonic minor has; the profiles
// that were made with listeners, or fitted to dance music, take such a piece for its relative major.
//   KOSTKA_PAYNE: Temperley, Music and Probability (MIT Press 2007), chapter 6: 46 excerpts of the Kostka-Payne
//   workbook.
//   ALBRECHT: Albrecht & Shanahan, The Use of Large Corpora to Train a New Type of Key-Finding Algorithm (Music
//   Perception 31, 2013): 490 pieces.
static const double KOSTKA_PAYNE[2][KT_PITCH_CLASSES] = {
    {.748, .060, .488, .082, .670, .460, .096, .715, .104, .366, .057, .400},
    {.712, .084, .474, .618, .049, .460, .105, .747, .404, .067, .133, .330},
};
static const double ALBRECHT[2][KT_PITCH_CLASSES] = {
    {.238, .006, .111, .006, .137, .094, .016, .214, .009, .080, .008, .081},
    {.220, .006, .104, .123, .019, .103, .012, .214, .062, .022, .061, .052},
};

static double
profile_correlation(const double *classes, const double *profile, int tonic)
{
    double x = 0, y = 0, xx = 0, yy = 0, xy = 0;
    for (int i = 0; i < KT_PITCH_CLASSES; i++) {
        x += classes[(i + tonic) % KT_PITCH_CLASSES];
        y += profile[i];
    }
    x /= KT_PITCH_CLASSES;
    y /= KT_PITCH_CLASSES;
    for (int i = 0; i < KT_PITCH_CLASSES; i++) {
        double a = classes[(i + tonic) % KT_PITCH_CLASSES] - x, b = profile[i] - y;
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

kt_musical_key_t
kt_key_of(const double classes[KT_PITCH_CLASSES])
{
    kt_musical_key_t out = {.best = -1, .second = -1, .strength = -2, .second_strength = -2};
    for (int key = 0; key < KT_KEYS; key++) {
        int    mode = key / KT_PITCH_CLASSES, tonic = key % KT_PITCH_CLASSES;
        double r = (profile_correlation(classes, KOSTKA_PAYNE[mode], tonic) +
                    profile_correlation(classes, ALBRECHT[mode], tonic)) /
                   2;
        if (r > out.strength) {
            out.second          = out.best;
            out.second_strength = out.strength;
            out.best            = key;
            out.strength        = r;
        } else if (r > out.second_strength) {
            out.second          = key;
            out.second_strength = r;
        }
    }
    return out;
}

const char *
kt_key_tonic(int key)
{
    static const char *const NAMES[] = {"C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"};
    return NAMES[key % KT_PITCH_CLASSES];
}

const char *
kt_key_mode(int key)
{
    return key < KT_PITCH_CLASSES ? "major" : "minor";
}
