#include "node/audio/rhythm/activation_positions.h"

#include <math.h>
#include <stdlib.h>

enum { PARTS = KT_POSITION_PARTS };

static const double WEIGHT[KT_ACTIVATION_ROLES] = {
#define KT_ACTIVATION_POSITION(role, weight, meaning) weight,
#include "node/audio/rhythm/activation_positions.def"
#undef KT_ACTIVATION_POSITION
};

// The largest of three values within one part of a beat.
static float
largest_near(const kt_activations_t *activations, const float *values, double second, double part_s)
{
    double most = 0;
    for (int i = -1; i <= 1; i++)
        most = fmax(most, kt_activation_at(activations, values, second + i * part_s / 2));
    return (float)most;
}

kt_err_t
kt_activation_grid_new(kt_activation_grid_t *self, const kt_evidence_t *evidence, const size_t *pulse, size_t n)
{
    const kt_activations_t *activations = &evidence->activations;
    const double            rate_hz     = evidence->envelope.rate_hz;
    kt_activation_grid_t    made        = {.parts = (n - 1) * PARTS};
    made.beat                           = calloc(2 * made.parts, sizeof *made.beat);
    if (!made.beat)
        return KT_ENOMEM;
    made.downbeat = made.beat + made.parts;
    for (size_t part = 0; part < made.parts && activations->frames > 0; part++) {
        const size_t beat   = part / PARTS;
        const double length = (double)(pulse[beat + 1] - pulse[beat]) / PARTS;
        // The pulse is on rises, which come a frame after their onsets.
        const double second = ((double)pulse[beat] + length * (double)(part % PARTS) - 1) / rate_hz;
        made.beat[part]     = largest_near(activations, activations->beat, second, length / rate_hz);
        made.downbeat[part] = largest_near(activations, activations->downbeat, second, length / rate_hz);
    }
    *self = made;
    return KT_OK;
}

void
kt_activation_grid_fini(kt_activation_grid_t *self)
{
    free(self->beat);
    *self = (kt_activation_grid_t){0};
}

// Means over the bars at each of their positions.
static void
mean_positions(const float *values, size_t bar, size_t bars, double *mean)
{
    for (size_t p = 0; p < bar; p++) {
        mean[p] = 0;
        for (size_t b = 0; b < bars; b++)
            mean[p] += values[b * bar + p] / (double)bars;
    }
}

void
kt_activation_positions(const kt_activation_grid_t *self, int beats, size_t begin, size_t end,
                        double features[KT_POSITION_MOST][KT_ACTIVATION_ROLES])
{
    const size_t bar = (size_t)beats * PARTS, bars = (end - begin) / bar;
    double       beat[KT_POSITION_MOST], downbeat[KT_POSITION_MOST];
    mean_positions(self->beat + begin, bar, bars, beat);
    mean_positions(self->downbeat + begin, bar, bars, downbeat);
    for (size_t p = 0; p < bar; p++) {
        double on = 0, others = 0;
        for (size_t b = 0; b < (size_t)beats; b++) {
            on += beat[(p + b * PARTS) % bar] / beats;
            others += b > 0 ? downbeat[(p + b * PARTS) % bar] / (beats - 1) : 0;
        }
        features[p][KT_ACTIVATION_BEATS]     = on;
        features[p][KT_ACTIVATION_DOWNBEATS] = downbeat[p] - others;
    }
}

double
kt_activation_position_score(const double feature[KT_ACTIVATION_ROLES])
{
    double sum = 0;
    for (int r = 0; r < KT_ACTIVATION_ROLES; r++)
        sum += WEIGHT[r] * feature[r];
    return sum;
}
