// Method. Every picture is reduced to its local structure (shots/picture.h) and compared with the last different one
// (shots/history.h) by blocks that may have moved (shots/difference.h). A picture whose blocks are not found in the one
// before is a candidate; the pictures around it decide (shots/cuts.h): movement that is too fast to follow changes many
// pictures in a row, a flash returns to what was before, and new content has other colours and levels.
#include "node/video/shots.h"

#include "node/video/shots/cuts.h"

#include <stdlib.h>
#include <string.h>

enum { SHOTS_MAX = 20000, AHEAD = 10, NEAR = 2 };

// A picture is decided when AHEAD different ones follow it, or this long after it.
static const double wait_s = 2.0;
// Two cuts are one when they are this near in time, or at most NEAR different pictures and the second time apart.
static const double near_s = 0.1, near_pictures_s = 0.25;

struct kt_shots {
    kt_shot_history_t history;
    bool              ready;    // history is
    double            now_s;    // of the last picture
    uint64_t          decided;  // pictures of the history before this serial number are
    struct {
        uint64_t serial;
        float    score;  // 0: none
    } best;              // cut that a near one may still replace
    kt_shot_t *shot;
    size_t     count, capacity;
};

kt_err_t
kt_shots_new(kt_shots_t **self_p, const kt_video_stream_t *stream)
{
    (void)stream;
    *self_p = calloc(1, sizeof **self_p);
    return *self_p ? KT_OK : KT_ENOMEM;
}

void
kt_shots_destroy(kt_shots_t **self_p)
{
    kt_shots_t *self = *self_p;
    if (!self)
        return;
    kt_shot_history_fini(&self->history);
    free(self->shot);
    free(self);
    *self_p = NULL;
}

static kt_err_t
shots_add(kt_shots_t *self, const kt_shot_t *shot)
{
    if (self->count == SHOTS_MAX)
        return KT_OK;
    if (self->count == self->capacity) {
        const size_t capacity = self->capacity ? 2 * self->capacity : 64;
        kt_shot_t   *larger   = realloc(self->shot, capacity * sizeof *larger);
        if (!larger)
            return KT_ENOMEM;
        self->shot     = larger;
        self->capacity = capacity;
    }
    self->shot[self->count++] = *shot;
    return KT_OK;
}

// The cut that no near one replaces any more begins a shot.
static kt_err_t
best_close(kt_shots_t *self)
{
    if (self->best.score <= 0)
        return KT_OK;
    const kt_shot_picture_t *first = kt_shot_history_at(&self->history, self->best.serial);
    self->best.score               = 0;
    return shots_add(self, &(kt_shot_t){first->index, first->time_s, first->time_s, KT_CUT});
}

static kt_err_t
decide(kt_shots_t *self, uint64_t serial)
{
    const kt_shot_history_t *h = &self->history;
    const double      since = kt_shot_history_at(h, serial)->time_s - kt_shot_history_at(h, self->best.serial)->time_s;
    kt_err_t          err   = KT_OK;
    kt_cut_evidence_t evidence;
    if (since > near_pictures_s || (since > near_s && serial > self->best.serial + NEAR))
        err = best_close(self);
    if (serial == 0 || kt_shot_history_change(h, serial) < KT_CUT_CANDIDATE)
        return err;
    kt_cut_evidence(h, serial, &evidence);
    const float score = kt_cut_score(&evidence);
    if (score > self->best.score) {
        self->best.serial = serial;
        self->best.score  = score;
    }
    return err;
}

static kt_err_t
decide_until(kt_shots_t *self, bool closing)
{
    const kt_shot_history_t *h   = &self->history;
    kt_err_t                 err = KT_OK;
    for (; !err && self->decided < h->count; self->decided++) {
        if (!closing && self->decided + AHEAD >= h->count &&
            self->now_s - kt_shot_history_at(h, self->decided)->time_s < wait_s)
            break;
        err = decide(self, self->decided);
    }
    if (!err && self->now_s - kt_shot_history_at(h, self->best.serial)->time_s > wait_s + near_pictures_s)
        err = best_close(self);
    return err;
}

kt_err_t
kt_shots_push(kt_shots_t *self, const kt_video_picture_t *picture)
{
    const kt_video_frame_t *frame = picture->frame;
    kt_err_t                err   = KT_OK;
    if (!self->ready) {
        if ((err = kt_shot_history_init(&self->history, frame->small.width, frame->small.height)))
            return err;
        self->ready = true;
        if ((err = shots_add(self, &(kt_shot_t){frame->index, frame->time_s, frame->time_s, KT_CUT})))
            return err;
    }
    self->now_s = frame->time_s;
    kt_shot_history_push(&self->history, frame, picture->stats);
    return decide_until(self, false);
}

void
kt_shots_close(kt_shots_t *self)
{
    if (decide_until(self, true) == KT_OK)
        (void)!best_close(self);
}

void
kt_shots_write(const kt_shots_t *self, kt_document_t *document)
{
    double *times = self->count ? malloc(self->count * sizeof *times) : NULL;
    if (!times)
        return;
    for (size_t s = 1; s < self->count; s++)
        times[s - 1] = self->shot[s].begin_s;
    kt_document_reals(document, KT_FEATURE_VISUAL_scene_changes, times, self->count - 1);
    free(times);
}

size_t
kt_shots_count(const kt_shots_t *self)
{
    return self->count;
}

const kt_shot_t *
kt_shots_at(const kt_shots_t *self, size_t i)
{
    return &self->shot[i];
}

size_t
kt_shots_find(const kt_shots_t *self, double time_s)
{
    size_t low = 0, high = self->count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (self->shot[middle].begin_s <= time_s)
            low = middle;
        else
            high = middle;
    }
    return low;
}
