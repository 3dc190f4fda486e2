#include "node/audio/rhythm/beats.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum { RESTART = INT8_MAX - 2, ENTER = INT8_MAX - 1, FIRST = INT8_MAX };  // what precedes a beat instead

static const double SPREAD = 0.18, CHANGE_COST = 30, AWAY_COST = 2, UNIT = 4;
static const double LEAST_GAP = 0.5, MOST_GAP = 1.5, RESTART_COST = 30, ENTER_COST = 2;
static const float  NEVER = -1e30f;

// The search through one section. Frames count from its begin.
typedef struct search {
    const kt_section_t *section;
    size_t              n, shortest, longest, intervals;
    const float        *salience;         // [n] of a beat at each frame; borrowed
    float              *score;            // [longest + 1][intervals], a ring over frames
    float              *cost;             // [intervals] of a difference of one frame
    int8_t             *from;             // [n][intervals] the interval before less this one, or RESTART, ENTER, FIRST
    float              *best;             // [n] of all intervals
    uint16_t           *best_interval;    // [n] from 0
    uint16_t           *restart, *enter;  // [n] frames back to the beat before such a beat
    size_t              first_until;      // frames before which a beat may be the first one
} search_t;

static double
deviation_of(const float *values, size_t n, double *mean)
{
    double sum = 0, square = 0;
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
        square += (double)values[i] * values[i];
    }
    *mean = sum / (double)n;
    return sqrt(fmax(0, square / (double)n - *mean * *mean));
}

// Of a beat at each frame. KT_ENOMEM.
static kt_err_t
salience_of(const kt_envelope_t *envelope, float **out)
{
    const size_t n        = envelope->frames;
    float       *salience = calloc(n, sizeof *salience);
    double       all, low, mean = 0;
    if (!salience)
        return KT_ENOMEM;
    double all_scale = deviation_of(envelope->full, n, &all);
    for (size_t i = 0; i < n; i++)
        salience[i] = envelope->group[0][i] * 3 + envelope->group[1][i] * 5;
    double low_scale = deviation_of(salience, n, &low);
    for (size_t i = 0; i < n; i++) {
        double value = envelope->full[i] / (all_scale + 1e-9) + salience[i] / (low_scale + 1e-9);
        mean += value / (double)n;
        salience[i] = (float)value;
    }
    for (size_t i = 0; i < n; i++)
        salience[i] = (float)((salience[i] - mean) / (UNIT * mean + 1e-9));
    *out = salience;
    return KT_OK;
}

static void
search_close(search_t *self)
{
    free(self->score);
    free(self->cost);
    self->score = self->cost = NULL;
}

static void
search_fini(search_t *self)
{
    search_close(self);
    free(self->from);
    free(self->best);
    free(self->best_interval);
    free(self->restart);
    free(self->enter);
}

static kt_err_t
search_open(search_t *self, const float *salience, double rate_hz, const kt_section_t *section)
{
    double fastest = section->steps[0].period, slowest = fastest;
    for (size_t i = 1; i < section->n_steps; i++) {
        fastest = fmin(fastest, section->steps[i].period);
        slowest = fmax(slowest, section->steps[i].period);
    }
    self->section       = section;
    self->n             = section->end - section->begin;
    self->shortest      = (size_t)fmax(1, floor(fastest * rate_hz * (1 - SPREAD)));
    self->longest       = (size_t)ceil(slowest * rate_hz * (1 + SPREAD));
    self->intervals     = self->longest - self->shortest + 1;
    self->salience      = salience + section->begin;
    self->score         = calloc((self->longest + 1) * self->intervals, sizeof *self->score);
    self->cost          = calloc(self->intervals, sizeof *self->cost);
    self->from          = calloc(self->n * self->intervals, sizeof *self->from);
    self->best          = calloc(self->n, sizeof *self->best);
    self->best_interval = calloc(self->n, sizeof *self->best_interval);
    self->restart       = calloc(self->n, sizeof *self->restart);
    self->enter         = calloc(self->n, sizeof *self->enter);
    if (!self->score || !self->cost || !self->from || !self->best || !self->best_interval || !self->restart ||
        !self->enter)
        return KT_ENOMEM;
    for (size_t k = 0; k < self->intervals; k++)
        self->cost[k] = (float)(CHANGE_COST / (double)(self->shortest + k));
    return KT_OK;
}

// The best beat half to one and a half periods before frame t of the stream, in a search; how far back.
static float
best_before(const search_t *of, size_t t, double period, uint16_t *back)
{
    const size_t begin = of->section->begin, end = begin + of->n;
    size_t       least = (size_t)fmax(1, ceil(LEAST_GAP * period)), most = (size_t)(MOST_GAP * period);
    float        best = NEVER;
    if (t < begin)
        return best;
    most  = most < t - begin ? most : t - begin;
    least = t < end || least > t - end ? least : t - end + 1;
    for (size_t gap = least; gap <= most; gap++) {
        const float value = of->best[t - begin - gap];
        if (value > best) {
            best  = value;
            *back = (uint16_t)gap;
        }
    }
    return best;
}

// The best way to a beat at t that the interval before it does not matter for.
static float
best_begin(search_t *self, const search_t *before, size_t t, double period, int8_t *from)
{
    float best = NEVER;
    if (t < self->first_until) {
        best  = 0;
        *from = FIRST;
    }
    float restart = best_before(self, self->section->begin + t, period, &self->restart[t]) - (float)RESTART_COST;
    if (restart > best) {
        best  = restart;
        *from = RESTART;
    }
    if (!before)
        return best;
    float enter = best_before(before, self->section->begin + t, period, &self->enter[t]) - (float)ENTER_COST;
    if (enter > best) {
        best  = enter;
        *from = ENTER;
    }
    return best;
}

// Ways to a beat at frame t that the interval before it does not matter for.
typedef struct arrival {
    size_t t, slot;  // of the ring
    float  begin;    // the best one that begins there
    int8_t from;     // its kind
} arrival_t;

static inline void
improve(float *best, int8_t *from, float value, int d)
{
    *from = value > *best ? (int8_t)d : *from;
    *best = value > *best ? value : *best;
}

// The best path to a beat with interval k before it, or one that begins there.
static inline void
reach_beat(search_t *self, const arrival_t *to, size_t k, float away)
{
    const size_t interval = self->shortest + k, t = to->t;
    float        best = to->begin;
    int8_t       from = to->from;
    if (interval <= t) {
        const size_t slot   = to->slot >= interval ? to->slot - interval : to->slot + self->longest + 1 - interval;
        const float *before = self->score + slot * self->intervals + k, cost = self->cost[k];
        const size_t left = self->intervals - 1 - k;
        if (k >= 2)
            improve(&best, &from, before[-2] - cost * 2, -2);
        if (k >= 1)
            improve(&best, &from, before[-1] - cost, -1);
        improve(&best, &from, before[0], 0);
        if (left >= 1)
            improve(&best, &from, before[1] - cost, 1);
        if (left >= 2)
            improve(&best, &from, before[2] - cost * 2, 2);
    }
    best += self->salience[t] - away;
    self->score[to->slot * self->intervals + k] = best;
    self->from[t * self->intervals + k]         = from;
    if (best > self->best[t]) {
        self->best[t]          = best;
        self->best_interval[t] = (uint16_t)k;
    }
}

// before: the search of the section that this one follows; NULL: beats begin here.
static void
run_search(search_t *self, const search_t *before, double rate_hz, const kt_pulse_seed_t *seed)
{
    for (size_t t = 0; t < self->n; t++) {
        const double period = kt_section_period(self->section, self->section->begin + t) * rate_hz;
        arrival_t    to     = {.t = t, .slot = t % (self->longest + 1), .from = FIRST};  // NOLINT(*DivideZero): >= 1
        float       *score  = self->score + to.slot * self->intervals;
        self->best[t]       = NEVER;
        for (size_t k = 0; k < self->intervals; k++)
            score[k] = NEVER;
        if (seed && t == 0) {
            size_t k = seed->interval < self->shortest ? 0 : seed->interval - self->shortest;
            k        = k < self->intervals ? k : self->intervals - 1;
            reach_beat(self, &to, k, 0);
            continue;
        }
        to.begin = best_begin(self, before, t, period, &to.from);
        for (size_t k = 0; k < self->intervals; k++) {
            const double away = fabs((double)(self->shortest + k) - period);
            if (away <= SPREAD * period + 1)
                reach_beat(self, &to, k, (float)(AWAY_COST * away / period));
        }
    }
}

// --- the way back ----------------------------------------------------------------------------------------------------

typedef struct pulses {
    kt_pulse_t *at;
    size_t      count, room;
} pulses_t;

static kt_err_t
add_pulse(pulses_t *out, kt_pulse_t pulse)
{
    if (out->count == out->room) {
        size_t      room  = out->room ? 2 * out->room : 1024;
        kt_pulse_t *grown = realloc(out->at, room * sizeof *grown);
        if (!grown)
            return KT_ENOMEM;
        out->at   = grown;
        out->room = room;
    }
    out->at[out->count++] = pulse;
    return KT_OK;
}

// The frame of the best last beat. open_end: any in the second half of the section's overlap; else one within an
// interval of its end.
static size_t
last_beat(const search_t *self, bool open_end)
{
    size_t reach = open_end ? 2 * self->section->hop : self->longest, best = self->n - 1;
    for (size_t t = self->n; t-- > 0 && self->n - t <= reach;)
        if (self->best[t] > self->best[best])
            best = t;
    return best;
}

// The pulses of the sections first .. last, which follow each other, appended in order.
static kt_err_t
trace_back(const search_t *searches, size_t first, size_t last, bool open_end, pulses_t *out)
{
    const search_t *search = &searches[last];
    const size_t    start  = out->count;
    size_t          t = last_beat(search, open_end), section = last;
    if (search->best[t] <= NEVER)
        return KT_OK;
    size_t k = search->best_interval[t];
    for (;;) {
        const int8_t from  = search->from[t * search->intervals + k];
        const size_t frame = search->section->begin + t;
        kt_err_t     err   = add_pulse(out, (kt_pulse_t){frame, section, from >= RESTART, from == FIRST});
        if (err)
            return err;
        if (from == FIRST)
            break;
        if (from == ENTER) {
            size_t back = frame - search->enter[t];
            section--;
            search = &searches[section];
            t      = back - search->section->begin;
            k      = search->best_interval[t];
        } else if (from == RESTART) {
            t -= search->restart[t];
            k = search->best_interval[t];
        } else {
            t -= search->shortest + k;
            k = (size_t)((int)k + from);
        }
    }
    (void)first;
    for (size_t i = start, j = out->count; i < j && i < --j; i++) {
        kt_pulse_t swap = out->at[i];
        out->at[i]      = out->at[j];
        out->at[j]      = swap;
    }
    return KT_OK;
}

kt_err_t
kt_beats_track(const kt_envelope_t *envelope, const kt_section_t *sections, size_t n_sections,
               const kt_pulse_seed_t *seed, kt_pulse_t **pulses, size_t *count)
{
    pulses_t  out      = {0};
    search_t *searches = calloc(n_sections, sizeof *searches);
    float    *salience = NULL;
    kt_err_t  err      = searches ? salience_of(envelope, &salience) : KT_ENOMEM;
    size_t    first    = 0;  // section that the beats began in
    for (size_t s = 0; s < n_sections && !err; s++) {
        const bool follows = s > 0 && sections[s - 1].signature;
        first              = follows ? first : s;
        if (!sections[s].signature)
            continue;
        err = search_open(&searches[s], salience, envelope->rate_hz, &sections[s]);
        if (err)
            break;
        const bool seeded       = seed && s == 0;
        searches[s].first_until = follows || seeded ? 0 : s > 0 ? 2 * sections[s].hop : searches[s].longest;
        run_search(&searches[s], follows ? &searches[s - 1] : NULL, envelope->rate_hz, seeded ? seed : NULL);
        search_close(&searches[s]);
        const bool ends = s + 1 == n_sections, stops = !ends && !sections[s + 1].signature;
        if (ends || stops)
            err = trace_back(searches, first, s, stops, &out);
    }
    for (size_t s = 0; s < n_sections && searches; s++)
        search_fini(&searches[s]);
    free(searches);
    free(salience);
    if (err) {
        free(out.at);
        return err;
    }
    *pulses = out.at;
    *count  = out.count;
    return KT_OK;
}
