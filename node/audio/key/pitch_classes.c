#include "node/audio/key/pitch_classes.h"

#include <math.h>

// The direction of the mean of all deviations on the circle of one semitone; *focus is its length.
static double
mean_deviation(const double histogram[KT_CENTS_SEMITONE], double *focus)
{
    double re = 0, im = 0, total = 0;
    for (int i = 0; i < KT_CENTS_SEMITONE; i++) {
        double angle = 2 * M_PI * ((i + 0.5) / KT_CENTS_SEMITONE - 0.5);
        re += histogram[i] * cos(angle);
        im += histogram[i] * sin(angle);
        total += histogram[i];
    }
    *focus           = total > 0 ? hypot(re, im) / total : 0;
    double deviation = total > 0 ? atan2(im, re) / (2 * M_PI) : 0;
    return deviation < 0.5 ? deviation : -0.5;
}

void
kt_pitch_classes_fold(kt_pitch_classes_t *self, const kt_cents_t *cents)
{
    // The segment's cents into twelve classes, and its tuning to that of the whole.
    double focus, tuning = mean_deviation(cents->deviation, &focus);
    double classes[KT_PITCH_CLASSES] = {0}, own[KT_PITCH_CLASSES] = {0};
    for (int i = 0; i < KT_CENTS; i++) {
        double at      = (i + 0.5) / KT_CENTS_SEMITONE - tuning;
        double nearest = floor(at + 0.5);
        double window  = cos(M_PI * (at - nearest));
        int    c       = ((int)nearest % KT_PITCH_CLASSES + KT_PITCH_CLASSES) % KT_PITCH_CLASSES;
        classes[c] += cents->all[i] * window * window;
        own[c] += cents->own[i] * window * window;
    }
    for (int c = 0; c < KT_PITCH_CLASSES; c++) {
        self->classes[c] += classes[c];
        self->own[c] += own[c];
    }
    for (int i = 0; i < KT_CENTS_SEMITONE; i++)
        self->tuning[i] += cents->deviation[i];
    self->peaks += cents->peaks;
}

void
kt_pitch_classes_merge(kt_pitch_classes_t *self, const kt_pitch_classes_t *next)
{
    for (int c = 0; c < KT_PITCH_CLASSES; c++) {
        self->classes[c] += next->classes[c];
        self->own[c] += next->own[c];
    }
    for (int i = 0; i < KT_CENTS_SEMITONE; i++)
        self->tuning[i] += next->tuning[i];
    self->peaks += next->peaks;
}

void
kt_pitch_classes_profile(const kt_pitch_classes_t *self, double out[KT_PITCH_CLASSES])
{
    double total = 0;
    for (int c = 0; c < KT_PITCH_CLASSES; c++)
        total += self->classes[c];
    for (int c = 0; c < KT_PITCH_CLASSES; c++)
        out[c] = total > 0 ? self->classes[c] / total : 0;
}

double
kt_pitch_classes_alone(const kt_pitch_classes_t *self)
{
    double total = 0, most = 0;
    for (int c = 0; c < KT_PITCH_CLASSES; c++) {
        total += self->own[c];
        most = fmax(most, self->own[c]);
    }
    return total > 0 ? most / total : 0;
}

double
kt_pitch_classes_tuning(const kt_pitch_classes_t *self)
{
    double focus;
    return mean_deviation(self->tuning, &focus);
}

double
kt_pitch_classes_focus(const kt_pitch_classes_t *self)
{
    static const double CHANCE = 20;  // n peaks at random have focus^2 * n above x with probability exp(-x) (Rayleigh)
    double              focus;
    (void)mean_deviation(self->tuning, &focus);
    return focus * focus * (double)self->peaks < CHANCE ? 0 : focus;
}
