#include "node/audio/rhythm/beats.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum { REACH = 2 };  // frames that an interval may differ from the one before

static const double SPREAD = 0.18, CHANGE_COST = 30, AWAY_COST = 2, UNIT = 4;

typedef struct tracker {
    size_t  n, shortest, longest, intervals;
    double  period;    // frames
    float  *salience;  // [n] of a beat at each frame
    float  *score;     // [longest + 1][intervals], a ring over frames
    float  *cost;      // [intervals] of a difference of one frame
    float  *away;      // [intervals] of the difference from the period
    int8_t *from;      // [n][intervals] the interval before less this one; FIRST: none
} tracker_t;

enum { FIRST = INT8_MAX };

static double
frame_deviation(const float *values, size_t n, double *mean)
{
    double sum = 0, square = 0;
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
        square += (double)values[i] * values[i];
    }
    *mean = sum / (double)n;
    return sqrt(fmax(0, square / (double)n - *mean * *mean));
}

static void
tracker_fill_salience(tracker_t *self, const kt_envelope_t *envelope)
{
    double all, low, mean = 0;
    double all_scale = frame_deviation(envelope->full, self->n, &all);
    for (size_t i = 0; i < self->n; i++)
        self->salience[i] = envelope->group[0][i] * 3 + envelope->group[1][i] * 5;
    double low_scale = frame_deviation(self->salience, self->n, &low);
    for (size_t i = 0; i < self->n; i++) {
        double salience = envelope->full[i] / (all_scale + 1e-9) + self->salience[i] / (low_scale + 1e-9);
        mean += salience / (double)self->n;
        self->salience[i] = (float)salience;
    }
    for (size_t i = 0; i < self->n; i++)
        self->salience[i] = (float)((self->salience[i] - mean) / (UNIT * mean + 1e-9));
}

static kt_err_t
tracker_open(tracker_t *self, const kt_envelope_t *envelope, double period)
{
    double frames   = period * envelope->rate_hz;
    self->n         = envelope->frames;
    self->shortest  = (size_t)fmax(1, floor(frames * (1 - SPREAD)));
    self->longest   = (size_t)ceil(frames * (1 + SPREAD));
    self->intervals = self->longest - self->shortest + 1;
    self->salience  = calloc(self->n, sizeof *self->salience);
    self->score     = calloc((self->longest + 1) * self->intervals, sizeof *self->score);
    self->cost      = calloc(self->intervals, sizeof *self->cost);
    self->away      = calloc(self->intervals, sizeof *self->away);
    self->from      = calloc(self->n * self->intervals, sizeof *self->from);
    if (!self->salience || !self->score || !self->cost || !self->away || !self->from)
        return KT_ENOMEM;
    for (size_t k = 0; k < self->intervals; k++) {
        double interval = (double)(self->shortest + k);
        self->cost[k]   = (float)(CHANGE_COST / interval);
        self->away[k]   = (float)(AWAY_COST * fabs(interval - frames) / frames);
    }
    tracker_fill_salience(self, envelope);
    return KT_OK;
}

static float *
tracker_scores(const tracker_t *self, size_t t)
{
    return self->score + t % (self->longest + 1) * self->intervals;  // NOLINT(*DivideZero): the divisor is 1 or more
}

// The best path to a beat at t with interval k before it.
static void
reach_beat(tracker_t *self, size_t t, size_t k)
{
    size_t interval = self->shortest + k;
    float *score    = tracker_scores(self, t) + k;
    if (interval > t) {
        *score                              = self->salience[t] - self->away[k];
        self->from[t * self->intervals + k] = FIRST;
        return;
    }
    const float *before = tracker_scores(self, t - interval) + k;
    const int    down = k < REACH ? -(int)k : -REACH, left = (int)(self->intervals - 1 - k);
    float        best = -1e30f;
    for (int d = down; d <= REACH && d <= left; d++) {
        float value = before[d] - self->cost[k] * (float)abs(d);
        if (value > best) {
            best                                = value;
            self->from[t * self->intervals + k] = (int8_t)d;
        }
    }
    *score = best + self->salience[t] - self->away[k];
}

static kt_err_t
tracker_trace_back(const tracker_t *self, size_t t, size_t k, size_t **frames, size_t *count)
{
    size_t *out = calloc(self->n / self->shortest + 2, sizeof *out), n = 0;
    if (!out)
        return KT_ENOMEM;
    for (;;) {
        int step = self->from[t * self->intervals + k];
        out[n++] = t;
        if (step == FIRST)
            break;
        t -= self->shortest + k;
        k = (size_t)((int)k + step);
    }
    for (size_t i = 0; i < n / 2; i++) {
        size_t swap    = out[i];
        out[i]         = out[n - 1 - i];
        out[n - 1 - i] = swap;
    }
    *frames = out;
    *count  = n;
    return KT_OK;
}

kt_err_t
kt_beats_track(const kt_envelope_t *envelope, double period, size_t **frames, size_t *count)
{
    tracker_t self = {0};
    kt_err_t  err  = tracker_open(&self, envelope, period);
    size_t    end = 0, last = 0;
    float     most = -1e30f;
    for (size_t t = 0; t < self.n && !err; t++) {
        for (size_t k = 0; k < self.intervals; k++)
            reach_beat(&self, t, k);
        const float *score = tracker_scores(&self, t);
        for (size_t k = 0; k < self.intervals && t + self.longest >= self.n; k++)
            if (score[k] > most) {
                most = score[k];
                end  = t;
                last = k;
            }
    }
    if (!err)
        err = tracker_trace_back(&self, end, last, frames, count);
    free(self.salience);
    free(self.score);
    free(self.cost);
    free(self.away);
    free(self.from);
    return err;
}
