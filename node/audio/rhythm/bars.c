#include "node/audio/rhythm/bars.h"

#include "node/audio/rhythm/activation_positions.h"
#include "node/audio/rhythm/tempo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = KT_POSITION_PARTS, GROUP_BARS = 8, LEAST_APART = 8 };

static const double BAR_MOVE_COST = 8, BEAT_MOVE_COST = 40, ONSET_REACH_S = 0.03, DELAY_FRAMES = 1;

static const double WEIGHT[KT_POSITION_FEATURES] = {
#define KT_POSITION(role, ...) __VA_ARGS__,
#include "node/audio/rhythm/metrical_positions.def"
#undef KT_POSITION
};

// --- the best position of each group of bars -------------------------------------------------------------------------

// Up to GROUP_BARS bars of a run of pulses, which no cut interrupts. Positions are parts of the grid from the first
// pulse of all, modulo the bar. Behind the last pulse of a run the grid goes on to the next one.
typedef struct group {
    size_t  begin, end;   // parts that are scored
    size_t  past;         // to which its beats are written
    size_t  first, last;  // pulses of the run
    int     moved;        // parts that the next run begins late: beats go on where the position is less by them
    double *score;        // [bar] of this group, then of the best path to there
    int    *from;         // [bar]
    int     best;
} group_t;

typedef struct groups {
    group_t *at;
    size_t   count;
    int      bar;  // parts
    double  *scores;
    int     *from;
} groups_t;

static void
groups_fini(groups_t *self)
{
    free(self->at);
    free(self->scores);
    free(self->from);
}

static int
wrapped(int64_t position, int bar)
{
    return (int)((position % bar + bar) % bar);
}

// The run of pulses first .. last in groups of whole bars; what is left over at its end goes to the last one.
static void
add_run(groups_t *self, size_t first, size_t last, int moved)
{
    const size_t bar = (size_t)self->bar, parts = (last - first) * PARTS, length = GROUP_BARS * bar;
    const size_t count = parts / length ? parts / length : 1;
    for (size_t g = 0; g < count; g++) {
        const size_t begin = first * PARTS + g * length;
        const bool   ends  = g + 1 == count;
        self->at[self->count++] =
            (group_t){.begin = begin,
                      .end   = ends ? first * PARTS + parts : begin + length,
                      .past  = ends ? (size_t)((int64_t)((last + 1) * PARTS) + moved) : begin + length,
                      .first = first,
                      .last  = last,
                      .moved = ends ? moved : 0};
    }
}

static kt_err_t
groups_new(groups_t *self, int signature, const kt_pulse_t *pulse, size_t n)
{
    self->bar    = kt_meter_beats(signature) * PARTS;
    self->at     = calloc(n + 1, sizeof *self->at);
    self->scores = calloc((n + 1) * (size_t)self->bar, sizeof *self->scores);
    self->from   = calloc((n + 1) * (size_t)self->bar, sizeof *self->from);
    if (!self->at || !self->scores || !self->from)
        return KT_ENOMEM;
    for (size_t first = 0, i = 1; i <= n; i++) {
        if (i < n && !pulse[i].begins)
            continue;
        const double usual = first + 1 < i ? (double)(pulse[i - 1].frame - pulse[i - 2].frame) : 0;
        const double gap   = i < n ? (double)(pulse[i].frame - pulse[i - 1].frame) : usual;
        add_run(self, first, i - 1, usual > 0 ? (int)lrint((gap / usual - 1) * PARTS) : 0);
        first = i;
    }
    for (size_t g = 0; g < self->count; g++) {
        self->at[g].score = self->scores + g * (size_t)self->bar;
        self->at[g].from  = self->from + g * (size_t)self->bar;
    }
    return KT_OK;
}

static void
group_score(group_t *group, const kt_positions_t *grid, const kt_activation_grid_t *activations, int signature, int bar)
{
    double       features[KT_POSITION_MOST][KT_POSITION_FEATURES], heard[KT_POSITION_MOST][KT_ACTIVATION_ROLES];
    const size_t past = group->end < grid->parts ? group->end : grid->parts;
    const size_t bars = past > group->begin ? (past - group->begin) / (size_t)bar : 0;
    if (bars == 0)
        return;
    const size_t most = bars < GROUP_BARS ? bars : GROUP_BARS;
    kt_positions_features(grid, signature, group->begin, group->begin + most * (size_t)bar, features);
    kt_activation_positions(activations, kt_meter_beats(signature), group->begin, group->begin + most * (size_t)bar,
                            heard);
    for (int p = 0; p < bar; p++) {
        double *score = &group->score[wrapped((int64_t)group->begin + p, bar)];
        *score += kt_activation_position_score(heard[p]);
        for (int c = 0; c < KT_POSITION_FEATURES; c++)
            *score += WEIGHT[c] * features[p][c];
    }
}

static int
largest_index(const double *values, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}

// The best of the positions that a path may come from to `same`: there, a bar that begins elsewhere, other beats.
static int
best_source(const double *before, int bar, int same, double *value)
{
    const int any  = largest_index(before, bar);
    int       best = same;
    for (int p = same % PARTS; p < bar; p += PARTS)
        if (before[p] - (p == same ? 0 : BAR_MOVE_COST) > before[best] - (best == same ? 0 : BAR_MOVE_COST))
            best = p;
    *value = before[best] - (best == same ? 0 : BAR_MOVE_COST);
    if (before[any] - BEAT_MOVE_COST > *value) {
        *value = before[any] - BEAT_MOVE_COST;
        best   = any;
    }
    return best;
}

// Scores of all positions, then the best path through the groups.
static void
groups_solve(groups_t *self, const kt_positions_t *grid, const kt_activation_grid_t *activations,
             const kt_bars_opts_t *opts)
{
    const int bar = self->bar;
    for (size_t g = 0; g < self->count; g++)
        group_score(&self->at[g], grid, activations, opts->signature, bar);
    for (int p = 0; p < bar && opts->before >= 0; p++)
        self->at[0].score[p] -= p == opts->before                       ? 0
                                : wrapped(p - opts->before, PARTS) == 0 ? BAR_MOVE_COST
                                                                        : BEAT_MOVE_COST;
    for (size_t g = 1; g < self->count; g++) {
        group_t *group = &self->at[g];
        for (int p = 0; p < bar; p++) {
            double value;
            group->from[p] = best_source(self->at[g - 1].score, bar, wrapped(p + self->at[g - 1].moved, bar), &value);
            group->score[p] += value;
        }
    }
    for (size_t g = self->count; g-- > 0;)
        self->at[g].best =
            g + 1 == self->count ? largest_index(self->at[g].score, bar) : self->at[g + 1].from[self->at[g + 1].best];
}

// --- times -----------------------------------------------------------------------------------------------------------

typedef struct writer {
    const kt_evidence_t  *evidence;
    const kt_bars_opts_t *opts;
    const kt_pulse_t     *pulse;
    size_t                n;
    size_t                onset;  // where the next search of one starts: times ascend
    kt_beat_t            *beats;
    size_t                n_beats;
    bool                  bars;  // there is a whole one
} writer_t;

// Seconds of a part of the grid; before the first and behind the last pulse of the run it goes on with the interval
// there.
static double
time_of_part(const writer_t *self, const group_t *group, int64_t part)
{
    int64_t i = part < 0 ? 0 : part / PARTS;
    if (i >= (int64_t)group->last)
        i = (int64_t)group->last - (group->last > group->first ? 1 : 0);
    if (i + 1 >= (int64_t)self->n)
        i = (int64_t)self->n - 2;
    double interval = (double)(self->pulse[i + 1].frame - self->pulse[i].frame);
    double frame    = (double)self->pulse[i].frame + interval * (double)(part - i * PARTS) / PARTS;
    return (frame - DELAY_FRAMES) / self->evidence->envelope.rate_hz;
}

// A beat is moved to the onset within ONSET_REACH_S, where there is one.
static double
moved_to_onset(writer_t *self, double time)
{
    const double *onset = self->evidence->onsets;
    const size_t  count = self->evidence->n_onsets;
    while (self->onset + 1 < count && fabs(onset[self->onset + 1] - time) <= fabs(onset[self->onset] - time))
        ++self->onset;
    return count && fabs(onset[self->onset] - time) <= ONSET_REACH_S ? onset[self->onset] : time;
}

static void
write_group(writer_t *self, const group_t *group, int bar, int64_t begin, int64_t *last)
{
    const double end = (double)(self->evidence->envelope.frames - 1) / self->evidence->envelope.rate_hz;
    for (int64_t part = begin; part < (int64_t)group->past; part++) {
        if (wrapped(part - group->best, PARTS) != 0 || part - *last < LEAST_APART)
            continue;
        double time = time_of_part(self, group, part);
        if (time < 0 || time > end)
            continue;
        size_t pulse                 = part < 0 ? 0 : (size_t)part / PARTS;
        *last                        = part;
        self->beats[self->n_beats++] = (kt_beat_t){.time      = moved_to_onset(self, time),
                                                   .pulse     = pulse < group->last ? pulse : group->last,
                                                   .signature = self->opts->signature,
                                                   .down      = self->bars && wrapped(part - group->best, bar) == 0};
    }
    *last -= group->moved;
}

// Where the bar begins, counted from each pulse.
static void
write_places(const groups_t *groups, size_t n, int *places)
{
    for (size_t i = 0, g = 0; i < n; i++) {
        while (g + 1 < groups->count && i * PARTS >= groups->at[g + 1].begin)
            g++;
        places[i] = wrapped(groups->at[g].best - (int64_t)(i * PARTS), groups->bar);
    }
}

kt_err_t
kt_bars_find(const kt_evidence_t *evidence, const kt_bars_opts_t *opts, const kt_pulse_t *pulse, size_t n,
             kt_beat_t **beats, size_t *n_beats, int *places)
{
    kt_positions_t       grid        = {0};
    kt_activation_grid_t activations = {0};
    groups_t             groups      = {0};
    size_t              *frames      = calloc(n, sizeof *frames);
    writer_t             writer      = {
                         .evidence = evidence, .opts = opts, .pulse = pulse, .n = n, .beats = calloc(2 * n + 4, sizeof *writer.beats)};
    kt_err_t err = frames && writer.beats ? groups_new(&groups, opts->signature, pulse, n) : KT_ENOMEM;
    for (size_t i = 0; i < n && !err; i++)
        frames[i] = pulse[i].frame;
    if (!err)
        err = kt_positions_new(&grid, evidence, frames, n);
    if (!err)
        err = kt_activation_grid_new(&activations, evidence, frames, n);
    if (err) {
        free(writer.beats);
    } else {
        int64_t last = -2 * PARTS;
        groups_solve(&groups, &grid, &activations, opts);
        writer.bars = grid.parts >= (size_t)groups.bar || opts->before >= 0;
        for (size_t g = 0; g < groups.count; g++)
            write_group(&writer, &groups.at[g], groups.bar,
                        g == 0 && opts->opens ? -PARTS : (int64_t)groups.at[g].begin, &last);
        if (places)
            write_places(&groups, n, places);
        *beats   = writer.beats;
        *n_beats = writer.n_beats;
    }
    free(frames);
    groups_fini(&groups);
    kt_positions_fini(&grid);
    kt_activation_grid_fini(&activations);
    return err;
}
