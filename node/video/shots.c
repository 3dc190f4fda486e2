// Method. Every picture is reduced to its local structure (shots/picture.h) and compared with the last different one
// (shots/history.h) by blocks that may have moved (shots/difference.h). A picture whose blocks are not found in the one
// before is a candidate; the pictures around it decide (shots/cuts.h): movement that is too fast to follow changes many
// pictures in a row, a flash returns to what was before, and new content has other colours and levels. Between cuts,
// pictures of even distances are tested for mixtures of earlier and later ones and for fades (shots/gradual.h, fade.h).
#include "node/video/shots.h"

#include "node/video/shots/cuts.h"
#include "node/video/shots/graduals.h"

#include <stdlib.h>
#include <string.h>

enum { NEAR = 2, TRANSITIONS_MAX = 2000 };

// A picture is decided this long after it, or when half of the history follows it.
static const double wait_s = 0.8;
// Two cuts are one when they are this near in time, or at most NEAR different pictures and the second time apart.
static const double near_s = 0.1, near_pictures_s = 0.25;

struct kt_shots {
    kt_shot_history_t history;
    kt_graduals_t     graduals;
    bool              ready;    // history and graduals are
    double            now_s;    // of the last picture
    uint64_t          decided;  // pictures of the history before this serial number are
    struct {
        uint64_t serial;
        float    score;  // 0: none
    } best;              // cut that a near one may still replace
    kt_shot_list_t list;
    size_t         settled;  // the first of the list, which nothing changes any more
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
    kt_graduals_fini(&self->graduals);
    kt_shot_list_fini(&self->list);
    free(self);
    *self_p = NULL;
}

static double
time_of(const kt_shots_t *self, uint64_t serial)
{
    return kt_shot_history_at(&self->history, serial)->time_s;
}

// The cut that no near one replaces any more begins a shot.
static kt_err_t
best_close(kt_shots_t *self)
{
    if (self->best.score <= 0)
        return KT_OK;
    const kt_shot_picture_t *first = kt_shot_history_at(&self->history, self->best.serial);
    self->best.score               = 0;
    return kt_shot_list_add(&self->list, &(kt_shot_t){first->index, first->time_s, first->time_s, KT_CUT});
}

static kt_err_t
decide(kt_shots_t *self, uint64_t serial)
{
    const double      since = time_of(self, serial) - time_of(self, self->best.serial);
    kt_err_t          err   = KT_OK;
    kt_cut_evidence_t evidence;
    if (since > near_pictures_s || (since > near_s && serial > self->best.serial + NEAR))
        err = best_close(self);
    if (serial == 0 || kt_shot_history_change(&self->history, serial) < KT_CUT_CANDIDATE)
        return err;
    if (kt_cut_evidence(&self->history, serial, self->best.score, &evidence)) {
        self->best.serial = serial;
        self->best.score  = kt_cut_score(&evidence);
    }
    return err;
}

static kt_err_t
decide_cuts(kt_shots_t *self, bool closing)
{
    const uint64_t count = self->history.count;
    kt_err_t       err   = KT_OK;
    for (; !err && self->decided < count; self->decided++) {
        if (!closing && count - self->decided < KT_SHOT_HISTORY / 2 &&
            self->now_s - time_of(self, self->decided) < wait_s)
            break;
        err = decide(self, self->decided);
    }
    if (!err && (closing || self->now_s - time_of(self, self->best.serial) > wait_s + near_pictures_s))
        err = best_close(self);
    return err;
}

// All cuts before this time are in the list.
static double
decided_s(const kt_shots_t *self)
{
    if (self->best.score > 0)
        return time_of(self, self->best.serial);
    return self->decided < self->history.count ? time_of(self, self->decided) : self->now_s;
}

kt_err_t
kt_shots_push(kt_shots_t *self, const kt_video_picture_t *picture)
{
    const kt_video_frame_t *frame = picture->frame;
    kt_err_t                err   = KT_OK;
    if (!self->ready) {
        if ((err = kt_shot_history_init(&self->history, frame->small.width, frame->small.height)) ||
            (err = kt_graduals_init(&self->graduals, &self->history.size)) ||
            (err = kt_shot_list_add(&self->list, &(kt_shot_t){frame->index, frame->time_s, frame->time_s, KT_CUT})))
            return err;
        self->ready = true;
    }
    self->now_s = frame->time_s;
    kt_shot_history_push(&self->history, frame, picture->stats);
    kt_shot_samples_push(&self->graduals.samples, kt_shot_history_at(&self->history, self->history.count - 1),
                         frame->index, frame->time_s);
    if ((err = decide_cuts(self, false)) ||
        (err = kt_graduals_decide(&self->graduals, decided_s(self), false, &self->list)))
        return err;
    const double settled_s = kt_graduals_settled_s(&self->graduals);
    while (self->settled < self->list.count &&
           (self->settled == 0 || self->list.shot[self->settled].begin_s < settled_s))
        self->settled++;
    return KT_OK;
}

void
kt_shots_close(kt_shots_t *self)
{
    if (self->ready && decide_cuts(self, true) == KT_OK)
        (void)!kt_graduals_decide(&self->graduals, self->now_s, true, &self->list);
    self->settled = self->list.count;
}

// NULL: out of memory.
static json_t *
transitions_json(const kt_shot_list_t *list)
{
    static const char *const names[] = {[KT_FADE] = "fade", [KT_DISSOLVE] = "dissolve", [KT_WIPE] = "wipe"};
    json_t                  *all     = kt_json_array();
    bool                     good    = all;
    for (size_t s = 1, n = 0; s < list->count && n < TRANSITIONS_MAX && good; s++) {
        const kt_shot_t *shot = &list->shot[s];
        if (shot->transition == KT_CUT)
            continue;
        json_t *row = kt_json_object();
        good        = kt_json_set(row, "kind", kt_json_text(names[shot->transition])) &&
               kt_json_set(row, "from", kt_json_real(shot->from_s)) &&
               kt_json_set(row, "to", kt_json_real(shot->begin_s)) && kt_json_append(all, row);
        n++;
    }
    if (!good)
        kt_json_free(&all);
    return all;
}

void
kt_shots_write(const kt_shots_t *self, kt_document_t *document)
{
    const kt_shot_list_t *list  = &self->list;
    double               *times = list->count ? malloc(list->count * sizeof *times) : NULL;
    for (size_t s = 1; s < list->count && times; s++)
        times[s - 1] = list->shot[s].begin_s;
    if (times)
        kt_document_reals(document, KT_FEATURE_VISUAL_scene_changes, times, list->count - 1);
    else
        kt_document_null(document, KT_FEATURE_VISUAL_scene_changes, "out of memory");
    kt_document_objects(document, KT_FEATURE_VISUAL_transitions, transitions_json(list));
    free(times);
}

uint64_t
kt_shots_bytes(void)
{
    kt_shot_size_t largest;
    kt_shot_size(KT_SHOT_SIDE_MAX - 1, KT_SHOT_SIDE_MAX - 1, &largest);
    return sizeof(kt_shots_t) + (KT_SHOT_HISTORY + KT_SHOT_SAMPLES) * (uint64_t)kt_shot_picture_bytes(&largest) +
           2 * KT_SHOT_LIST_MAX * sizeof(kt_shot_t);
}

size_t
kt_shots_count(const kt_shots_t *self)
{
    return self->settled;
}

const kt_shot_t *
kt_shots_at(const kt_shots_t *self, size_t i)
{
    return &self->list.shot[i];
}

size_t
kt_shots_find(const kt_shots_t *self, double time_s)
{
    const size_t found = kt_shot_list_find(&self->list, time_s);
    return found < self->settled || found == 0 ? found : self->settled - 1;
}
