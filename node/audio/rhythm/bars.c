#include "node/audio/rhythm/bars.h"

#include "node/audio/rhythm/tempo.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = KT_POSITION_PARTS, GROUP_BARS = 8, LEAST_APART = 8 };

static const double MOVE_COST = 8, ONSET_REACH_S = 0.03, DELAY_FRAMES = 1;

static const double WEIGHT[KT_POSITION_FEATURES] = {
#define KT_POSITION(role, ...) __VA_ARGS__,
#include "node/audio/rhythm/metrical_positions.def"
#undef KT_POSITION
};

// --- the best position of each group of bars -------------------------------------------------------------------------

typedef struct bar_groups {
    size_t  count, length;  // length: parts of a group, whole bars
    size_t  positions;
    double *score;  // [count][positions], then of the best path to there
    int    *from;   // [count][positions]
    int    *best;   // [count]
} bar_groups_t;

static int
largest_index(const double *values, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (values[i] > values[best])
            best = i;
    return (int)best;
}

// Scores of all positions, then the best path through the groups.
static kt_err_t
groups_solve(bar_groups_t *self, const kt_positions_t *grid, int signature)
{
    double features[KT_POSITION_MOST][KT_POSITION_FEATURES];
    size_t bar = (size_t)kt_meter_beats(signature) * PARTS, bars = grid->parts / bar;

    self->positions = bar;
    self->length    = bar * (bars < GROUP_BARS ? bars : GROUP_BARS);
    self->count     = self->length ? grid->parts / self->length : 0;
    self->score     = calloc(self->count * bar + 1, sizeof *self->score);
    self->from      = calloc(self->count * bar + 1, sizeof *self->from);
    self->best      = calloc(self->count + 1, sizeof *self->best);
    if (!self->score || !self->from || !self->best)
        return KT_ENOMEM;
    for (size_t g = 0; g < self->count; g++) {
        kt_positions_features(grid, signature, g * self->length, (g + 1) * self->length, features);
        for (size_t p = 0; p < bar; p++)
            for (int c = 0; c < KT_POSITION_FEATURES; c++)
                self->score[g * bar + p] += WEIGHT[c] * features[p][c];
    }

    for (size_t g = 1; g < self->count; g++) {
        const double *before = self->score + (g - 1) * bar;
        int           moved  = largest_index(before, bar);
        for (size_t p = 0; p < bar; p++) {
            bool stay = before[p] >= before[moved] - MOVE_COST;
            self->score[g * bar + p] += stay ? before[p] : before[moved] - MOVE_COST;
            self->from[g * bar + p] = stay ? (int)p : moved;
        }
    }
    for (size_t g = self->count; g-- > 0;)
        self->best[g] = g + 1 == self->count ? largest_index(self->score + g * bar, bar)
                                             : self->from[(g + 1) * bar + (size_t)self->best[g + 1]];
    return KT_OK;
}

// --- times -----------------------------------------------------------------------------------------------------------

typedef struct bar_times {
    double *beats, *downs;
    size_t  n_beats, n_downs;
} bar_times_t;

// A beat is moved to the onset within ONSET_REACH_S, where there is one.
static void
write_bar_times(bar_times_t *out, const kt_evidence_t *evidence, const bar_groups_t *groups, const size_t *pulse,
                size_t n)
{
    const double  rate_hz = evidence->envelope.rate_hz, end = (double)(evidence->envelope.frames - 1) / rate_hz;
    const int64_t bar   = (int64_t)groups->positions;
    const double *onset = evidence->onsets;
    size_t        at    = 0;  // where the next search of an onset starts: times ascend
    int64_t       last  = -2 * PARTS;
    for (int64_t part = -PARTS; part < (int64_t)n * PARTS; part++) {
        size_t group = part < 0 || groups->count == 0 ? 0 : (size_t)part / groups->length;
        group        = group < groups->count ? group : groups->count ? groups->count - 1 : 0;
        int position = groups->best[group];
        if ((part - position + bar) % PARTS != 0 || part - last < LEAST_APART)
            continue;

        // Parts up to one interval before and after the pulse have the length of those of its first and last interval.
        int64_t i = part < 0 ? 0 : part / PARTS;
        if (i > (int64_t)n - 2)
            i = (int64_t)n - 2;
        double interval = (double)(pulse[i + 1] - pulse[i]);
        double frame    = (double)pulse[i] + interval * (double)(part - i * PARTS) / PARTS;
        double time     = (frame - DELAY_FRAMES) / rate_hz;
        if (time < 0 || time > end)
            continue;
        last = part;
        while (at + 1 < evidence->n_onsets && fabs(onset[at + 1] - time) <= fabs(onset[at] - time))
            ++at;
        time = evidence->n_onsets && fabs(onset[at] - time) <= ONSET_REACH_S ? onset[at] : time;

        out->beats[out->n_beats++] = time;
        if (groups->count && (part - position + bar) % bar == 0)
            out->downs[out->n_downs++] = time;
    }
}

kt_err_t
kt_bars_find(const kt_evidence_t *evidence, int signature, const size_t *pulse, size_t n, double **beats,
             size_t *n_beats, double **downs, size_t *n_downs)
{
    kt_positions_t grid   = {0};
    bar_groups_t   groups = {0};
    bar_times_t    times  = {calloc(2 * n + 4, sizeof(double)), calloc(2 * n + 4, sizeof(double)), 0, 0};
    kt_err_t       err    = times.beats && times.downs ? kt_positions_new(&grid, evidence, pulse, n) : KT_ENOMEM;
    if (!err)
        err = groups_solve(&groups, &grid, signature);
    if (err) {
        free(times.beats);
        free(times.downs);
    } else {
        write_bar_times(&times, evidence, &groups, pulse, n);
        *beats   = times.beats;
        *n_beats = times.n_beats;
        *downs   = times.downs;
        *n_downs = times.n_downs;
    }
    free(groups.score);
    free(groups.from);
    free(groups.best);
    kt_positions_fini(&grid);
    return err;
}
