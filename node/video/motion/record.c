#include "node/video/motion/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Files store pictures twice, or code a slow movement as a jump now and then: a movement that follows less than this
// time without any belongs to that time too.
#define HOLD_S 0.2
#define STILL_PERCENT 0.01F  // a fraction of a pixel that coding and rounding leave
// What counts as no movement, in percent of the width per second, and the share of the area that may move.
#define STATIC_CAMERA 1.0
#define STATIC_SHARE 0.15F
#define TIME_EPSILON 1e-6

void
kt_record_init(kt_record_t *self, const kt_shots_t *shots, double start_s)
{
    memset(self, 0, sizeof *self);
    self->shots   = shots;
    self->start_s = start_s;
    self->bin_s   = 1;
}

void
kt_record_fini(kt_record_t *self)
{
    free(self->of_shot);
    free(self->bins);
    self->of_shot = NULL;
    self->bins    = NULL;
}

// Grows an array with zeros to hold n elements.
static kt_err_t
grow(void **at, size_t *room, size_t n, size_t each)
{
    if (n <= *room)
        return KT_OK;
    size_t to  = *room ? 2 * *room : 64;
    to         = to < n ? n : to;
    char *more = realloc(*at, to * each);
    if (!more)
        return KT_ENOMEM;
    memset(more + *room * each, 0, (to - *room) * each);
    *at   = more;
    *room = to;
    return KT_OK;
}

// Twice the length for each of half as many.
static void
halve_bins(kt_record_t *self)
{
    const size_t n = (self->bins_n + 1) / 2;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < 2; k++)
            self->bins[2 * i + k] = self->bins[4 * i + k] + (2 * i + 1 < self->bins_n ? self->bins[4 * i + 2 + k] : 0);
    memset(self->bins + 2 * n, 0, (self->bins_n - n) * 2 * sizeof *self->bins);
    self->bins_n = n;
    self->bin_s *= 2;
}

// Spreads a step over the bins that it touches, by time.
static kt_err_t
add_to_bins(kt_record_t *self, const kt_step_t *step)
{
    const double begin = step->begin_s - self->start_s, end = step->end_s - self->start_s;
    while (end > self->bin_s * KT_RECORD_BINS) {
        if (self->bins_n == 0)
            self->bin_s *= 2;
        else
            halve_bins(self);
    }
    const size_t   first = (size_t)fmax(0, begin / self->bin_s), last = (size_t)fmax(0, ceil(end / self->bin_s) - 1);
    const kt_err_t err = grow((void **)&self->bins, &self->bins_room, last + 1, 2 * sizeof *self->bins);
    if (err)
        return err;
    for (size_t i = first; i <= last; i++) {
        const double from = fmax(begin, (double)i * self->bin_s), to = fmin(end, (double)(i + 1) * self->bin_s);
        if (to <= from)
            continue;
        self->bins[2 * i] += (double)step->distance * (to - from) / (end - begin);
        self->bins[2 * i + 1] += to - from;
    }
    self->bins_n = last + 1 > self->bins_n ? last + 1 : self->bins_n;
    return KT_OK;
}

static bool
is_static(const kt_step_t *step)
{
    const double limit = STATIC_CAMERA * (step->end_s - step->begin_s);
    return step->moving <= STATIC_SHARE &&
           (!step->has_camera || (hypotf(step->pan, step->tilt) <= limit && fabsf(step->zoom) <= limit));
}

static void
add_to_sum(kt_motion_sum_t *sum, const kt_step_t *step, bool absolute)
{
    const double time = step->end_s - step->begin_s;
    sum->time_s += time;
    sum->distance += (double)step->distance;
    sum->static_s += is_static(step) ? time : 0;
    if (!step->has_camera)
        return;
    sum->camera_s += time;
    sum->pan += (double)(absolute ? fabsf(step->pan) : step->pan);
    sum->tilt += (double)(absolute ? fabsf(step->tilt) : step->tilt);
    sum->zoom += (double)(absolute ? fabsf(step->zoom) : step->zoom);
}

// Counts a step whose shot is decided.
static kt_err_t
count(kt_record_t *self, const kt_step_t *step)
{
    const size_t shots = kt_shots_count(self->shots);
    while (self->shot + 1 < shots && kt_shots_at(self->shots, self->shot + 1)->begin_s <= step->begin_s + TIME_EPSILON)
        self->shot++;
    if (self->shot + 1 < shots && kt_shots_at(self->shots, self->shot + 1)->from_s <= step->end_s + TIME_EPSILON)
        return KT_OK;
    add_to_sum(&self->all, step, true);
    self->codec_s += step->by_codec ? step->end_s - step->begin_s : 0;
    for (int i = 0; i < KT_DIRECTIONS; i++)
        self->to[i] += (double)step->to[i];
    kt_err_t err = add_to_bins(self, step);
    if (!err && self->shot < KT_RECORD_SHOTS)
        err = grow((void **)&self->of_shot, &self->shots_room, self->shot + 1, sizeof *self->of_shot);
    if (!err && self->shot < KT_RECORD_SHOTS)
        add_to_sum(&self->of_shot[self->shot], step, false);
    return err;
}

// Counts the steps that ended before until_s, and as many more as leave a place free.
static kt_err_t
count_until(kt_record_t *self, double until_s)
{
    kt_err_t err = KT_OK;
    while (!err && self->waiting > 0 && (self->waiting == KT_RECORD_QUEUE || self->queue[self->head].end_s < until_s)) {
        err        = count(self, &self->queue[self->head]);
        self->head = (self->head + 1) % KT_RECORD_QUEUE;
        self->waiting--;
    }
    return err;
}

static kt_err_t
append(kt_record_t *self, const kt_step_t *step)
{
    const kt_err_t err = count_until(self, fmin(step->end_s - KT_SHOTS_DELAY_S, kt_shots_decided_s(self->shots)));
    self->queue[(self->head + self->waiting++) % KT_RECORD_QUEUE] = *step;
    return err;
}

static bool
is_still(const kt_step_t *step)
{
    return step->distance <= STILL_PERCENT && fabsf(step->pan) <= STILL_PERCENT && fabsf(step->tilt) <= STILL_PERCENT &&
           fabsf(step->zoom) <= STILL_PERCENT;
}

kt_err_t
kt_record_push(kt_record_t *self, const kt_step_t *step)
{
    kt_step_t now = *step;
    if (now.end_s <= now.begin_s)
        return KT_OK;
    if (self->has_still && is_still(&now) && now.end_s - self->still.begin_s <= HOLD_S) {
        self->still.end_s = now.end_s;
        self->still.distance += now.distance;
        for (int i = 0; i < KT_DIRECTIONS; i++)
            self->still.to[i] += now.to[i];
        return KT_OK;
    }
    kt_err_t err = KT_OK;
    if (self->has_still) {
        self->has_still = false;
        if (is_still(&now))
            err = append(self, &self->still);
        else if (self->still.end_s >= now.begin_s - TIME_EPSILON)
            now.begin_s = self->still.begin_s;
    }
    if (!is_still(&now))
        return err ? err : append(self, &now);
    self->still     = now;
    self->has_still = true;
    return err;
}

kt_err_t
kt_record_close(kt_record_t *self)
{
    kt_err_t err    = self->has_still ? append(self, &self->still) : KT_OK;
    self->has_still = false;
    return err ? err : count_until(self, INFINITY);
}

static double
rounded(double value)
{
    return round(value * 1000) / 1000;
}

size_t
kt_record_speeds(const kt_record_t *self, double end_s, double *out, size_t most)
{
    const double length = fmax(end_s - self->start_s, 0);
    size_t       n = (size_t)ceil(length / self->bin_s - TIME_EPSILON), first = 0;
    n = n < self->bins_n ? self->bins_n : n;
    n = n < most ? n : most;
    while (first < self->bins_n && self->bins[2 * first + 1] <= 0)
        first++;
    if (first == self->bins_n)
        return 0;
    for (size_t i = 0; i < n; i++) {
        const size_t from = i < first ? first : i;
        if (from < self->bins_n && self->bins[2 * from + 1] > 0)
            out[i] = rounded(self->bins[2 * from] / self->bins[2 * from + 1]);
        else
            out[i] = out[i - 1];
    }
    return n;
}
