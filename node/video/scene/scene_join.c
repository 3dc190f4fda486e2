#include "node/video/scene/scene_join.h"

#include <math.h>
#include <string.h>

void
kt_scene_join_init(kt_scene_join_t *self)
{
    memset(self, 0, sizeof *self);
}

void
kt_scene_join_fini(kt_scene_join_t *self)
{
    kt_shot_list_fini(&self->list);
}

static kt_scene_row_t *
row_at(kt_scene_join_t *self, uint64_t serial)
{
    return &self->rows[serial % KT_SCENE_ROWS];
}

static bool
is_active(const kt_scene_row_t *row)
{
    return row->last >= KT_SCENE_ADDED || row->between >= KT_SCENE_BETWEEN;
}

// The highest probability that a shot ends around this change of the detector; NAN: there is none.
static float
support_of(kt_scene_join_t *self, const kt_shot_t *shot)
{
    float best = NAN;
    for (uint64_t s = self->begin; s < self->end; s++) {
        const kt_scene_row_t *row = row_at(self, s);
        const bool            near =
            shot->transition == KT_CUT
                           ? row->index + 1 + KT_SCENE_NEAR >= shot->index && row->index + 1 <= shot->index + KT_SCENE_NEAR
                           : row->time_s >= shot->from_s - KT_SCENE_SLACK_S && row->time_s <= shot->begin_s + KT_SCENE_SLACK_S;
        if (near)
            best = fmaxf(best, row->last);  // of a NAN and a number the number
    }
    return best;
}

static kt_err_t
join_detected(kt_scene_join_t *self, const kt_shot_t *shot)
{
    const float support = self->taken == 0 ? 1 : support_of(self, shot);  // the film's first shot
    self->taken++;
    if (self->taken == 1)
        return kt_shot_list_add(&self->list, shot);
    if (shot->transition == KT_CUT && support < KT_SCENE_REFUSED) {
        self->counts.refused++;
        return KT_OK;
    }
    if (support >= KT_SCENE_ADDED)
        self->counts.both++;
    else
        self->counts.detector++;
    return kt_shot_list_add(&self->list, shot);
}

// Whether the detector has a change near the pictures from first to last, the first picture behind them.
static bool
is_detected(const kt_shot_list_t *detected, size_t settled, const kt_scene_row_t *first, const kt_scene_row_t *last)
{
    for (size_t s = settled; s-- > 1;) {
        const kt_shot_t *shot = &detected->shot[s];
        if (shot->begin_s < first->time_s - 2 * KT_SCENE_SLACK_S && shot->index + KT_SCENE_NEAR < first->index)
            return false;
        if (shot->transition == KT_CUT
                ? shot->index + KT_SCENE_NEAR > first->index && shot->index <= last->index + KT_SCENE_NEAR
                : shot->begin_s >= first->time_s - KT_SCENE_SLACK_S && shot->from_s <= last->time_s + KT_SCENE_SLACK_S)
            return true;
    }
    return false;
}

// A run of active rows ends before this one.
static kt_err_t
join_run(kt_scene_join_t *self, uint64_t serial, const kt_shot_list_t *detected, size_t settled)
{
    const kt_scene_row_t *first = row_at(self, self->run), *behind = row_at(self, serial);
    const bool            gradual = serial - self->run > KT_SCENE_CUT_ROWS;
    if (self->best < KT_SCENE_ADDED || is_detected(detected, settled, first, behind))
        return KT_OK;
    self->counts.model++;
    return kt_shot_list_add(&self->list, &(kt_shot_t){.index      = behind->index,
                                                      .begin_s    = behind->time_s,
                                                      .from_s     = gradual ? first->time_s : behind->time_s,
                                                      .transition = gradual ? KT_DISSOLVE : KT_CUT});
}

static kt_err_t
join_next(kt_scene_join_t *self, const kt_shot_list_t *detected, size_t settled)
{
    const uint64_t        serial = self->next;
    const kt_scene_row_t *row    = row_at(self, serial);
    kt_err_t              err    = KT_OK;
    while (!err && self->taken < settled && detected->shot[self->taken].index <= row->index)
        err = join_detected(self, &detected->shot[self->taken]);
    if (!err && self->run < serial && !is_active(row))
        err = join_run(self, serial, detected, settled);
    if (is_active(row)) {
        self->best = self->run < serial ? fmaxf(self->best, row->last) : row->last;
    } else
        self->run = serial + 1;
    self->next++;
    return err;
}

// Drops the older half of the rows. A run that begins there begins later.
static kt_err_t
make_room(kt_scene_join_t *self, const kt_shot_list_t *detected, size_t settled)
{
    const uint64_t begin = self->begin + KT_SCENE_ROWS / 2;
    kt_err_t       err   = KT_OK;
    while (!err && self->next < begin)
        err = join_next(self, detected, settled);
    self->begin = begin;
    self->run   = self->run < begin ? begin : self->run;
    return err;
}

kt_err_t
kt_scene_join_add(kt_scene_join_t *self, const kt_scene_row_t *rows, size_t n, const kt_shot_list_t *detected,
                  size_t settled)
{
    kt_err_t err = KT_OK;
    for (size_t i = 0; i < n && !err; i++) {
        if (self->end - self->begin == KT_SCENE_ROWS)
            err = make_room(self, detected, settled);
        *row_at(self, self->end++) = rows[i];
    }
    return err;
}

kt_err_t
kt_scene_join_until(kt_scene_join_t *self, const kt_shot_list_t *detected, size_t settled, double settled_s)
{
    const bool   ended   = isinf(settled_s);
    const double until_s = self->end > self->begin ? fmin(settled_s, row_at(self, self->end - 1)->time_s) : -INFINITY;
    kt_err_t     err     = KT_OK;
    while (!err && self->next < self->end && (ended || row_at(self, self->next)->time_s + KT_SCENE_SLACK_S < until_s))
        err = join_next(self, detected, settled);
    while (!err && self->taken < settled && (ended || self->taken == 0))
        err = join_detected(self, &detected->shot[self->taken]);
    return err;
}

double
kt_scene_join_decided_s(const kt_scene_join_t *self)
{
    if (self->end == self->begin)
        return -INFINITY;
    const uint64_t next = self->run < self->next ? self->run : self->next;
    return self->rows[(next < self->end ? next : self->end - 1) % KT_SCENE_ROWS].time_s;
}
