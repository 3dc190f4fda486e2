#include "node/audio/rhythm/bars.h"
#include "node/audio/rhythm/tempo.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = KT_POSITION_PARTS, RISES = 4, LONG = KT_POSITION_CHANNELS - 1, SHORT = KT_POSITION_CHANNELS - 2 };

static const double RISE_UNITS = 4, LOUD_UNITS = 8, LEAST_SUM = 0.2;

// One channel: the largest of the row around every part, over `units` times the mean of the row from the first pulse to
// the last: other parts of the stream may be louder. step: values of the row per frame of the envelope.
static void
fill_channel(kt_positions_t *self, int channel, const float *row, size_t n, double step, double units,
             const size_t *pulse)
{
    const size_t first = (size_t)((double)pulse[0] * step);
    const size_t end = (size_t)ceil((double)pulse[self->parts / PARTS] * step), past = end < n ? end : n;
    double       sum = 0;
    for (size_t i = first; i < past; i++)
        sum += row[i];
    const double scale = 1 / (units * (past > first ? sum / (double)(past - first) : 0) + 1e-9);

    for (size_t part = 0; part < self->parts; part++) {
        size_t beat   = part / PARTS;
        double length = (double)(pulse[beat + 1] - pulse[beat]);
        double frame  = (double)pulse[beat] + length * (double)(part % PARTS) / PARTS;
        double width  = length / PARTS;
        double reach  = fmax(1, fmax(1, round(width / 2)) * step);
        double at     = frame * step;
        float  most   = 0;
        for (size_t i = (size_t)fmax(0, ceil(at - reach)); i < n && (double)i <= at + reach; i++)
            most = row[i] > most ? row[i] : most;
        self->level[channel][part] = (float)(most * scale);
    }
}

static void
fill_rise_channels(kt_positions_t *self, const kt_envelope_t *envelope, float *sum, const size_t *pulse)
{
    for (int r = 0; r < KT_ENVELOPE_RANGES; r++)
        fill_channel(self, RISES + r, envelope->loud[r], envelope->frames, 1, LOUD_UNITS, pulse);
    static const int first[RISES + 1] = {0, 1, 3, 5, KT_ENVELOPE_GROUPS};
    for (int channel = 0; channel < RISES; channel++) {
        memset(sum, 0, envelope->frames * sizeof *sum);
        for (int g = first[channel]; g < first[channel + 1]; g++)
            for (size_t i = 0; i < envelope->frames; i++)
                sum[i] += envelope->group[g][i];
        fill_channel(self, channel, sum, envelope->frames, 1, RISE_UNITS, pulse);
    }
}

kt_err_t
kt_positions_new(kt_positions_t *self, const kt_evidence_t *evidence, const size_t *pulse, size_t n)
{
    const kt_envelope_t *envelope = &evidence->envelope;
    const double         step     = evidence->harmony.rate_hz / envelope->rate_hz;
    const double         beat     = (double)(pulse[n - 1] - pulse[0]) / (double)(n - 1);
    const size_t         parts    = (n - 1) * PARTS;
    float               *row      = calloc(envelope->frames + evidence->harmony.frames + 1, sizeof *row);
    float               *memory   = calloc(KT_POSITION_CHANNELS * parts, sizeof *memory);
    kt_positions_t       made     = {.parts = parts, .memory = memory};
    kt_err_t             err      = row && memory ? KT_OK : KT_ENOMEM;
    if (!err) {
        for (int c = 0; c < KT_POSITION_CHANNELS; c++)
            made.level[c] = memory + (size_t)c * parts;
        fill_rise_channels(&made, envelope, row, pulse);
        fill_channel(&made, SHORT, evidence->change, evidence->harmony.frames, step, 1, pulse);
        err = kt_harmony_change(&evidence->harmony, (size_t)fmax(1, round(beat * step)), row);
    }
    if (!err)
        fill_channel(&made, LONG, row, evidence->harmony.frames, step, 1, pulse);
    free(row);
    if (err)
        kt_positions_fini(&made);
    else
        *self = made;
    return err;
}

void
kt_positions_fini(kt_positions_t *self)
{
    free(self->memory);
    *self = (kt_positions_t){0};
}

// Mean levels of a bar of `beats` beats whose downbeat is at `position`.
typedef struct bar {
    const double *mean;  // [beats * PARTS]
    int           beats, position;
} bar_t;

static double
level_at(const bar_t *bar, int beat, int part)
{
    return bar->mean[(bar->position + beat * PARTS + part) % (bar->beats * PARTS)];
}

static double
mean_over_beats(const bar_t *bar, int first, int step, int part)
{
    double sum = 0;
    int    n   = 0;
    for (int b = first; b < bar->beats; b += step, n++)
        sum += level_at(bar, b, part);
    return sum / fmax(1, n);
}

// First, third, ... beat against the others, over all; in odd bars the first one.
static double
alternation_of(const bar_t *bar)
{
    const bool   even   = bar->beats % 2 == 0;
    const double strong = even ? mean_over_beats(bar, 0, 2, 0) : level_at(bar, 0, 0);
    const double weak   = mean_over_beats(bar, 1, even ? 2 : 1, 0);
    const double sum    = even ? strong + weak : mean_over_beats(bar, 0, 1, 0) * bar->beats;
    return (strong - weak) / (sum + LEAST_SUM);
}

static void
roles_of(const bar_t *bar, int signature, double all, double role[KT_POSITION_ROLES])
{
    double least = level_at(bar, 0, 0), thirds = 0;
    for (int b = 0; b < bar->beats; b++) {
        least = fmin(least, level_at(bar, b, 0));
        thirds += fmax(level_at(bar, b, 4), level_at(bar, b, 8)) / bar->beats;
    }
    role[0] = level_at(bar, 0, 0) - all;
    role[1] = mean_over_beats(bar, 0, 1, 0) - all;
    role[2] = least - all;
    role[3] = alternation_of(bar);
    role[4] = (signature == 6 ? thirds : mean_over_beats(bar, 0, 1, 6)) - all;
    role[5] = mean_over_beats(bar, 0, 1, 8) - all;
}

void
kt_positions_features(const kt_positions_t *self, int signature, size_t begin, size_t end,
                      double features[KT_POSITION_MOST][KT_POSITION_FEATURES])
{
    const int    beats = kt_meter_beats(signature), positions = beats * PARTS;
    const size_t bars = (end - begin) / (size_t)positions;
    for (int c = 0; c < KT_POSITION_CHANNELS; c++) {
        double mean[KT_POSITION_MOST] = {0}, all = 0, role[KT_POSITION_ROLES];
        for (size_t i = 0; i < bars * (size_t)positions; i++)
            mean[i % (size_t)positions] += self->level[c][begin + i] / (double)bars;
        for (int p = 0; p < positions; p++)
            all += mean[p] / positions;
        for (int p = 0; p < positions; p++) {
            bar_t bar = {mean, beats, p};
            roles_of(&bar, signature, all, role);
            for (int r = 0; r < KT_POSITION_ROLES; r++)
                features[p][r * KT_POSITION_CHANNELS + c] = role[r];
        }
    }
}
