#include "node/audio/rhythm/path.h"

#include "node/audio/rhythm/tempo.h"

#include <math.h>
#include <stdlib.h>

enum { STEPS = 200, METERS = KT_METER_KINDS, FIRST_METER = 2, REACH = 5, NONE = STEPS * METERS, STATES = NONE + 1 };

static const double FASTEST_S = 60.0 / 250, STEP = 0.01, SAME = 0.02;
static const double FLOOR = 0.003, METER_WEIGHT = 0.5, DRIFT_COST = 0.25, JUMP_COST = 8, OCTAVE_COST = 2;

// A window without a clear beat says little for a tempo; one with it speaks against none. Half a minute of noise
// reaches a clarity of 0.017, a shorter one more.
static const double LEAST_CLARITY = 0.02, CLARITY_SECONDS = 30, UNCLEAR = 0.8, NONE_COST = 4, CLEAR_NONE = -6;
static const double UNCLEAR_TEMPO = -1, UNCLEAR_WEIGHT = 0.25;

typedef struct search {
    double  *score;   // [2][STATES] of the window before, of this one
    double  *window;  // [STATES] of this window alone
    int16_t *from;    // [n][STATES]
} search_t;

static int
state_of(double period, int signature)
{
    int step = (int)lrint(log(period / FASTEST_S) / STEP);
    step     = step < 0 ? 0 : step >= STEPS ? STEPS - 1 : step;
    return (signature - FIRST_METER) * STEPS + step;
}

// The probability of a hypothesis' period, over all meters.
static double
share_of(const kt_window_t *window, double period)
{
    double sum = 0;
    for (size_t i = 0; i < window->count; i++)
        sum += fabs(window->meter[i].period / period - 1) <= SAME ? window->meter[i].probability : 0;
    return fmin(1, sum);
}

// 0 where there is no clear beat, 1 where it is beyond doubt; a window with a fifth of that has just a beat.
static double
clearness(const kt_window_t *window, double rate_hz)
{
    const double seconds = (double)(window->end - window->begin) / rate_hz;
    const double least   = LEAST_CLARITY * fmax(1, CLARITY_SECONDS / seconds);
    return window->count > 0 ? fmin(1, fmax(0, window->meter[0].clarity / least - UNCLEAR)) : 0;
}

static void
fill_window(double *score, const kt_window_t *window, double rate_hz)
{
    const double least = log(FLOOR) * (1 + METER_WEIGHT);
    const double clear = clearness(window, rate_hz);
    for (int i = 0; i < NONE; i++)
        score[i] = least;
    for (size_t i = 0; i < window->count; i++) {
        const kt_window_meter_t *meter = &window->meter[i];
        const double             share = share_of(window, meter->period);
        const double             value = log(share + FLOOR) + METER_WEIGHT * log(meter->probability / share + FLOOR);
        const int                state = state_of(meter->period, meter->signature), step = state % STEPS;
        for (int d = step > 0 ? -1 : 0; d <= 1 && step + d < STEPS; d++)
            score[state + d] = fmax(score[state + d], value - (d ? DRIFT_COST / 2 : 0));
    }
    score[NONE] = clear * CLEAR_NONE;
    for (int i = 0; i < NONE; i++)
        score[i] = clear * score[i] + (1 - clear) * (UNCLEAR_TEMPO + UNCLEAR_WEIGHT * score[i]);
}

static void
improve(double *score, int16_t *from, double value, int state)
{
    if (value > *score) {
        *score = value;
        *from  = (int16_t)state;
    }
}

// The best predecessor by a jump of each step: the price grows with the distance, so two sweeps over the steps do.
static void
fill_jumps(const double *before, double best[STEPS], int16_t from[STEPS])
{
    const double price = OCTAVE_COST * STEP / log(2);
    for (int s = 0; s < STEPS; s++) {
        best[s] = before[s];
        from[s] = (int16_t)s;
        for (int m = 1; m < METERS; m++)
            improve(&best[s], &from[s], before[m * STEPS + s], m * STEPS + s);
    }
    for (int s = 1; s < STEPS; s++)
        improve(&best[s], &from[s], best[s - 1] - price, from[s - 1]);
    for (int s = STEPS - 1; s-- > 0;)
        improve(&best[s], &from[s], best[s + 1] - price, from[s + 1]);
}

// Scores of the paths to each state of a window.
static void
advance(const double *before, double *after, const double *window, int16_t *from)
{
    double  jump[STEPS], most           = before[0];
    int16_t jump_from[STEPS], most_from = 0;
    fill_jumps(before, jump, jump_from);
    for (int i = 0; i < NONE; i++) {
        const int s = i % STEPS, low = s < REACH ? -s : -REACH, high = s + REACH < STEPS ? REACH : STEPS - 1 - s;
        after[i] = jump[s] - JUMP_COST;
        from[i]  = jump_from[s];
        improve(&after[i], &from[i], before[NONE] - NONE_COST, NONE);
        for (int d = low; d <= high; d++)
            improve(&after[i], &from[i], before[i + d] - DRIFT_COST * abs(d), i + d);
        improve(&most, &most_from, before[i], i);
        after[i] += window[i];
    }
    after[NONE] = before[NONE];
    from[NONE]  = NONE;
    improve(&after[NONE], &from[NONE], most - NONE_COST, most_from);
    after[NONE] += window[NONE];
}

static bool
continues(int from, int to)
{
    return from == to || (from != NONE && to != NONE && from / STEPS == to / STEPS && abs(from - to) <= REACH);
}

// --- the steps -------------------------------------------------------------------------------------------------------

static void
fill_step(kt_path_step_t *step, const kt_window_t *window, int state)
{
    *step = (kt_path_step_t){.signature = state == NONE ? 0 : FIRST_METER + state / STEPS};
    if (state == NONE)
        return;
    const double             expected = FASTEST_S * exp(STEP * (state % STEPS));
    const kt_window_meter_t *best     = NULL;
    for (size_t i = 0; i < window->count; i++) {
        const kt_window_meter_t *meter = &window->meter[i];
        if (fabs(log(meter->period / expected)) <= 1.5 * STEP && (!best || best->probability < meter->probability))
            best = meter;
    }
    if (best) {
        step->period  = best->period;
        step->clarity = best->clarity;
        step->share   = share_of(window, best->period);
        for (size_t i = 0; i < window->count; i++)
            if (window->meter[i].period == best->period && window->meter[i].signature == step->signature)
                step->meter_share = window->meter[i].probability / step->share;
    }
    for (size_t i = 0; i < window->count; i++) {
        const double share = share_of(window, window->meter[i].period);
        const bool   same  = fabs(window->meter[i].period / (best ? best->period : expected) - 1) <= SAME;
        if (!same && share > step->other_share) {
            step->other_share  = share;
            step->other_period = window->meter[i].period;
        }
    }
}

// Periods of windows that lack a hypothesis, between those of their neighbours on the path.
static void
fill_missing(kt_path_step_t *steps, size_t n, const double *expected)
{
    for (size_t i = 0; i < n; i++) {
        if (steps[i].signature == 0 || steps[i].period > 0)
            continue;
        size_t past = i + 1;
        while (past < n && steps[past].signature && !steps[past].jumps && steps[past].period <= 0)
            past++;
        const bool   after  = past < n && steps[past].signature && !steps[past].jumps;
        const bool   before = i > 0 && !steps[i].jumps && steps[i - 1].period > 0;
        const double first  = before ? steps[i - 1].period : after ? steps[past].period : expected[i];
        const double last   = after ? steps[past].period : first;
        const size_t begin  = i;
        for (; i < past; i++)
            steps[i].period = first * pow(last / first, (double)(i + 1 - begin) / (double)(past + 1 - begin));
        i--;
    }
}

static kt_err_t
write_steps(const search_t *self, const kt_window_t *windows, size_t n, const kt_path_step_t *before, int state,
            kt_path_step_t *steps)
{
    double *expected = calloc(n, sizeof *expected);
    if (!expected)
        return KT_ENOMEM;
    for (size_t i = n; i-- > 0;) {
        const int from = self->from[i * STATES + (size_t)state];
        fill_step(&steps[i], &windows[i], state);
        expected[i]    = FASTEST_S * exp(STEP * (state % STEPS));
        steps[i].jumps = i == 0 && !before ? true : !continues(from, state);
        state          = from;
    }
    fill_missing(steps, n, expected);
    free(expected);
    return KT_OK;
}

kt_err_t
kt_path_find(const kt_window_t *windows, size_t n, double rate_hz, const kt_path_step_t *before, kt_path_step_t *steps)
{
    double  *memory = calloc(3 * STATES, sizeof *memory);
    search_t self   = {.score = memory, .window = memory + 2 * STATES, .from = calloc(n * STATES, sizeof *self.from)};
    kt_err_t err    = self.score && self.from ? KT_OK : KT_ENOMEM;
    if (!err && before) {
        const int state = before->signature ? state_of(before->period, before->signature) : NONE;
        for (int i = 0; i < STATES; i++)
            self.score[i] = i == state ? 0 : -1e9;
    }
    for (size_t i = 0; i < n && !err; i++) {
        double *last = self.score + i % 2 * STATES, *now = self.score + (i + 1) % 2 * STATES;
        fill_window(self.window, &windows[i], rate_hz);
        if (i > 0 || before)
            advance(last, now, self.window, self.from + i * STATES);
        else
            for (int s = 0; s < STATES; s++)
                now[s] = self.window[s];
    }
    int best = 0;
    for (int i = 1; i < STATES && !err; i++)
        if (self.score[n % 2 * STATES + (size_t)i] > self.score[n % 2 * STATES + (size_t)best])
            best = i;
    if (!err)
        err = write_steps(&self, windows, n, before, best, steps);
    free(memory);
    free(self.from);
    return err;
}
