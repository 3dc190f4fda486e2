#include "node/audio/rhythm/pointer.h"

#include <math.h>
#include <stdlib.h>

enum { BEAT_PART = 16, MOST_BEATS = 12, NONE = UINT8_MAX };

// Transitions below exp(-LEAST_LIKELY) are left out. A probability is at least FLOOR.
static const double LEAST_LIKELY = 12, FLOOR = 1e-3, MOST_CHANGE = 1000;

typedef struct search {
    size_t   n, shortest, count;  // frames; the shortest interval, and how many there are
    size_t   beats, window;       // window: longest interval + 1
    double  *other;               // [n + 1] sums of the log-probabilities of neither
    double  *beat[2];             // [n + 1] the same of a downbeat, of another beat
    double  *step;                // [count][count] log-probability from interval to interval
    size_t  *first, *past;        // [count] the intervals before one that are not left out
    double  *score;               // [window][beats][count] of paths that arrive at a beat, a ring over frames
    uint8_t *from;                // [n][beats][count] the interval before that one
} search_t;

// The end of the best path so far.
typedef struct end {
    double  score;
    size_t  frame, place;
    uint8_t interval;  // before it
} end_t;

static void
search_fini(search_t *self)
{
    free(self->other);
    free(self->beat[0]);
    free(self->beat[1]);
    free(self->step);
    free(self->first);
    free(self->past);
    free(self->score);
    free(self->from);
}

static kt_err_t
search_alloc(search_t *self)
{
    for (int i = 0; i < 2; i++)
        self->beat[i] = calloc(self->n + 1, sizeof *self->beat[i]);
    self->other = calloc(self->n + 1, sizeof *self->other);
    self->step  = calloc(self->count * self->count, sizeof *self->step);
    self->first = calloc(self->count, sizeof *self->first);
    self->past  = calloc(self->count, sizeof *self->past);
    self->score = malloc(self->window * self->beats * self->count * sizeof *self->score);
    self->from  = calloc(self->n * self->beats * self->count, sizeof *self->from);
    return self->beat[0] && self->beat[1] && self->other && self->step && self->first && self->past && self->score &&
                   self->from
               ? KT_OK
               : KT_ENOMEM;
}

static void
fill_sums(search_t *self, const kt_activations_t *activations)
{
    for (size_t t = 0; t < self->n; t++) {
        const double any = activations->beat[t], down = activations->downbeat[t];
        const double first = self->beats > 1 ? down : any, later = any - down;
        self->other[t + 1]   = self->other[t] + log(fmax(FLOOR, 1 - any) / (BEAT_PART - 1));
        self->beat[0][t + 1] = self->beat[0][t] + log(fmax(FLOOR, first));
        self->beat[1][t + 1] = self->beat[1][t] + log(fmax(FLOOR, later));
    }
}

static void
fill_steps(search_t *self, double change)
{
    for (size_t i = 0; i < self->count; i++) {
        double      *row = self->step + i * self->count, sum = 0;
        const double last = (double)(self->shortest + i);
        for (size_t k = 0; k < self->count; k++)
            sum += exp(row[k] = -change * fabs((double)(self->shortest + k) / last - 1));
        for (size_t k = 0; k < self->count; k++)
            row[k] -= log(sum);
    }
    for (size_t k = 0; k < self->count; k++) {
        self->first[k] = k;
        self->past[k]  = k + 1;
        for (size_t i = 0; i < self->count; i++)
            if (self->step[i * self->count + k] > -LEAST_LIKELY) {
                self->first[k] = i < self->first[k] ? i : self->first[k];
                self->past[k]  = i + 1 > self->past[k] ? i + 1 : self->past[k];
            }
    }
}

static double *
scores_at(const search_t *self, size_t frame, size_t place)
{
    return self->score + (frame % self->window * self->beats + place) * self->count;
}

// The log-probability of what is observed in an interval after a beat at `frame`, as far as the frames go.
static double
observed(const search_t *self, size_t frame, size_t place, size_t interval)
{
    const size_t  end  = frame + interval < self->n ? frame + interval : self->n;
    const size_t  wide = (interval + BEAT_PART - 1) / BEAT_PART, beat = frame + wide < end ? frame + wide : end;
    const double *sums = self->beat[place > 0];
    return sums[beat] - sums[frame] + self->other[end] - self->other[beat];
}

// All intervals that begin with a beat at this frame and place.
static void
extend_paths(search_t *self, size_t frame, size_t place, end_t *end)
{
    const double *arrived = scores_at(self, frame, place);
    const size_t  next    = (place + 1) % self->beats;
    const double  begins  = self->other[frame] - log((double)(self->count * self->beats));
    for (size_t k = 0; k < self->count; k++) {
        const size_t interval = self->shortest + k, to = frame + interval;
        double       best = frame < interval ? begins : -INFINITY;
        uint8_t      from = NONE;
        for (size_t i = self->first[k]; i < self->past[k]; i++) {
            const double score = arrived[i] + self->step[i * self->count + k];
            if (score > best) {
                best = score;
                from = (uint8_t)i;
            }
        }
        best += observed(self, frame, place, interval);
        if (to < self->n) {
            scores_at(self, to, next)[k]                            = best;
            self->from[(to * self->beats + next) * self->count + k] = from;
        } else if (best > end->score) {
            *end = (end_t){best, frame, place, from};
        }
    }
}

static kt_err_t
trace_back(const search_t *self, end_t end, kt_pointer_path_t *out)
{
    const size_t      most = self->n / self->shortest + 2;
    kt_pointer_path_t made = {.frame    = calloc(most, sizeof *made.frame),
                              .place    = calloc(most, sizeof *made.place),
                              .evidence = end.score / (double)self->n};
    if (!made.frame || !made.place) {
        kt_pointer_fini(&made);
        return KT_ENOMEM;
    }
    for (size_t i = most; i > 0;) {
        made.frame[--i] = end.frame;
        made.place[i]   = (uint8_t)end.place;
        made.count++;
        if (end.interval == NONE)
            break;
        const size_t k = end.interval;
        end.interval   = self->from[(end.frame * self->beats + end.place) * self->count + k];
        end.frame -= self->shortest + k;
        end.place = (end.place + self->beats - 1) % self->beats;
    }
    for (size_t i = 0; i < made.count; i++) {
        made.frame[i] = made.frame[most - made.count + i];
        made.place[i] = made.place[most - made.count + i];
    }
    *out = made;
    return KT_OK;
}

kt_err_t
kt_pointer_decode(const kt_activations_t *activations, const kt_pointer_opts_t *opts, kt_pointer_path_t *out)
{
    const double shortest = floor(opts->shortest_s * activations->rate_hz);
    const double longest  = ceil(opts->longest_s * activations->rate_hz);
    if (!(shortest >= 1 && longest >= shortest && longest - shortest < KT_POINTER_INTERVALS) || opts->beats < 1 ||
        opts->beats > MOST_BEATS || !(opts->change >= 0 && opts->change <= MOST_CHANGE))
        return KT_EINVAL;
    *out = (kt_pointer_path_t){0};
    if ((double)activations->frames < 2 * longest)
        return KT_OK;

    search_t self = {.n        = activations->frames,
                     .shortest = (size_t)shortest,
                     .count    = (size_t)(longest - shortest) + 1,
                     .beats    = (size_t)opts->beats,
                     .window   = (size_t)longest + 1};
    end_t    end  = {.score = -INFINITY};
    kt_err_t err  = search_alloc(&self);
    if (!err) {
        fill_sums(&self, activations);
        fill_steps(&self, opts->change);
        for (size_t i = 0; i < self.window * self.beats * self.count; i++)
            self.score[i] = -INFINITY;
    }
    for (size_t t = 0; t < self.n && !err; t++)
        for (size_t p = 0; p < self.beats; p++) {
            extend_paths(&self, t, p, &end);
            for (size_t k = 0; k < self.count; k++)
                scores_at(&self, t, p)[k] = -INFINITY;
        }
    if (!err)
        err = trace_back(&self, end, out);
    search_fini(&self);
    return err;
}

void
kt_pointer_fini(kt_pointer_path_t *self)
{
    free(self->frame);
    free(self->place);
    *self = (kt_pointer_path_t){0};
}
