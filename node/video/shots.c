// Method. Plain bars at the edges are left out (shots/bars.h). Every picture is reduced to its local structure
// (shots/picture.h) and compared with the last different one (shots/history.h) by blocks that may have moved
// (shots/difference.h). A picture whose blocks are not found in the one before is a candidate; the pictures around it
// decide (shots/cuts.h): movement that is too fast to follow changes many pictures in a row, a flash returns to what
// was before, new content has other colours and levels, and a graphic keeps a part of the picture (shots/graphic.h).
// Between cuts, pictures of even distances are tested for mixtures of earlier and later ones and for fades
// (shots/gradual.h, fade.h).
#include "node/video/shots.h"

#include "kernels/isa.h"
#include "node/video/scene/scene.h"
#include "node/video/shots/cuts.h"
#include "node/video/shots/graduals.h"
#include "node/video/shots/graphic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR = 2, TRANSITIONS_MAX = 2000 };

// A picture is decided this long after it, or when half of the history follows it.
static const double wait_s = 0.8;
// A gradual change is entered at most so long after it has begun.
static const double gradual_most_s = 2.5;
// Two cuts are one when they are this near in time, or at most NEAR different pictures and the second time apart.
static const double near_s = 0.1, near_pictures_s = 0.25;

struct kt_shots {
    kt_shot_history_t     history;
    kt_graphics_t         graphics;
    kt_graduals_t         graduals;
    const kt_block_ops_t *ops;
    bool                  full_range;
    bool                  ready;    // history and graduals are
    double                now_s;    // of the last picture
    uint64_t              decided;  // pictures of the history before this serial number are
    struct {
        uint64_t serial;
        float    score;  // 0: none
    } best;              // cut that a near one may still replace
    kt_shot_list_t list;
    size_t         settled;  // the first of the list, which nothing changes any more
    kt_scene_t    *scene;    // the second opinion; NULL: scene_why
    char           scene_why[KT_PICTURE_WHY];
};

// Why the model is not asked about shots; NULL: it is, if it can be.
static const char *
why_no_model(const kt_video_stream_t *stream)
{
    const char *setting = stream->scene_model ? stream->scene_model : "off";
    if (!strcmp(setting, "off"))
        return "not asked for";
    if (!strcmp(setting, "auto")) {
        const kt_model_entry_t *entry = stream->models ? kt_model_set_find(stream->models, "scene_detector") : NULL;
        if (!entry || !entry->model || strcmp(kt_model_backend(entry->model)->name, "cuda") != 0)
            return "not asked for";
    }
    if (!(stream->options & KT_OPTION_MODELS))
        return "use_models is false";
    if (!stream->models)
        return stream->models_absent ? stream->models_absent : "no models";
    if (stream->mode && strcmp(stream->mode, "full") != 0)
        return "ANALYZER_VIDEO_MODE leaves pictures out";
    return NULL;
}

kt_err_t
kt_shots_new(kt_shots_t **self_p, const kt_video_stream_t *stream)
{
    const char *why  = why_no_model(stream);
    kt_err_t    err  = KT_ENOMEM;
    kt_shots_t *self = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    (void)snprintf(self->scene_why, sizeof self->scene_why, "%s", why ? why : "");
    if (!why && (err = kt_scene_new(&self->scene, stream->models, stream->rotation, self->scene_why)))
        goto fail;
    self->ops        = stream->device ? kt_device_isa(stream->device)->block : &kt_block_ops_ref;
    self->full_range = stream->full_range;
    *self_p          = self;
    return KT_OK;
fail:
    kt_shots_destroy(&self);
    return err;
}

void
kt_shots_destroy(kt_shots_t **self_p)
{
    kt_shots_t *self = *self_p;
    if (!self)
        return;
    kt_shot_history_fini(&self->history);
    kt_graphics_fini(&self->graphics);
    kt_graduals_fini(&self->graduals);
    kt_shot_list_fini(&self->list);
    kt_scene_destroy(&self->scene);
    free(self);
    *self_p = NULL;
}

// The list of shots that others see.
static const kt_shot_list_t *
shown(const kt_shots_t *self)
{
    return self->scene ? kt_scene_list(self->scene) : &self->list;
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

// What began at since_s was a graphic: neither it nor what changed while it was shown is a cut, but for what is
// settled.
static void
take_back(kt_shots_t *self, double since_s)
{
    const double settled_s = self->settled ? self->list.shot[self->settled - 1].begin_s : 0;
    if (self->best.score > 0 && time_of(self, self->best.serial) >= since_s)
        self->best.score = 0;
    kt_shot_list_remove(&self->list, fmax(since_s - 1e-6, settled_s), self->now_s);
}

static kt_err_t
decide(kt_shots_t *self, uint64_t serial)
{
    const double      since = time_of(self, serial) - time_of(self, self->best.serial);
    kt_err_t          err   = KT_OK;
    double            graphic_s;
    kt_cut_evidence_t evidence;
    if (since > near_pictures_s || (since > near_s && serial > self->best.serial + NEAR))
        err = best_close(self);
    if (serial == 0 || kt_shot_history_change(&self->history, serial) < KT_CUT_CANDIDATE)
        return err;
    if (!kt_cut_evidence(&self->history, serial, self->best.score, &evidence))
        return err;
    switch (kt_graphics_change(&self->graphics, &self->history, serial, &graphic_s)) {
    case KT_CHANGE_CUT:
        self->best.serial = serial;
        self->best.score  = kt_cut_score(&evidence);
        break;
    case KT_CHANGE_RETURN:
        take_back(self, graphic_s);
        kt_graduals_graphic(&self->graduals, graphic_s);
        kt_graduals_graphic(&self->graduals, time_of(self, serial));
        break;
    case KT_CHANGE_GRAPHIC: kt_graduals_graphic(&self->graduals, time_of(self, serial)); break;
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
        if ((err = kt_shot_history_init(&self->history, self->ops, frame->small.width, frame->small.height,
                                        self->full_range)) ||
            (err = kt_graphics_init(&self->graphics, self->ops)) ||
            (err = kt_graduals_init(&self->graduals, &self->history.size)) ||
            (err = kt_shot_list_add(&self->list, &(kt_shot_t){frame->index, frame->time_s, frame->time_s, KT_CUT})))
            return err;
        self->ready = true;
    }
    self->now_s = frame->time_s;
    kt_shot_history_push(&self->history, frame, picture->rgb, picture->stats);
    kt_shot_samples_push(&self->graduals.samples, kt_shot_history_at(&self->history, self->history.count - 1),
                         &self->history.size, &self->history.bars.border, frame->index, frame->time_s);
    if ((err = decide_cuts(self, false)) ||
        (err = kt_graduals_decide(&self->graduals, decided_s(self), false, &self->list)))
        return err;
    const double settled_s =
        fmin(kt_graduals_settled_s(&self->graduals), kt_graphics_open_s(&self->graphics, self->now_s));
    while (self->settled < self->list.count &&
           (self->settled == 0 || self->list.shot[self->settled].begin_s < settled_s))
        self->settled++;
    if (!self->scene)
        return KT_OK;
    const kt_picture_t small = {picture->rgb, picture->width, picture->height, 3 * (size_t)picture->width};
    return kt_scene_push(self->scene, &small, frame->flags & KT_FRAME_REPEATED, frame->index, frame->time_s,
                         &self->list, self->settled, settled_s);
}

void
kt_shots_close(kt_shots_t *self)
{
    if (self->ready && decide_cuts(self, true) == KT_OK)
        (void)!kt_graduals_decide(&self->graduals, self->now_s, true, &self->list);
    self->settled = self->list.count;
    if (self->ready && self->scene)
        (void)!kt_scene_close(self->scene, &self->list);
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

// Which of both decided.
static void
write_decisions(const kt_shots_t *self, kt_document_t *document)
{
    char method[KT_DOCUMENT_REASON];
    if (!self->scene) {
        kt_document_null(document, KT_FEATURE_VISUAL_scene_decisions, self->scene_why);
        return;
    }
    const kt_model_entry_t  *entry  = kt_scene_entry(self->scene);
    const kt_scene_counts_t *counts = kt_scene_counts(self->scene);
    const char              *failed = kt_scene_failed(self->scene);
    const struct {
        const char *name;
        size_t      count;
    } ROWS[] = {
        {"both", counts->both}, {"detector", counts->detector}, {"model", counts->model}, {"refused", counts->refused}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        kt_document_pair(document, KT_FEATURE_VISUAL_scene_decisions, ROWS[i].name, (double)ROWS[i].count);
    (void)snprintf(method, sizeof method, "signal, model:%s %s: both %zu, detector %zu, model %zu, refused %zu%s%.100s",
                   entry->name, entry->version, counts->both, counts->detector, counts->model, counts->refused,
                   failed ? "; " : "", failed ? failed : "");
    kt_document_method(document, KT_FEATURE_VISUAL_scene_changes, method);
    (void)snprintf(method, sizeof method, "signal, model:%s %s", entry->name, entry->version);
    kt_document_method(document, KT_FEATURE_VISUAL_transitions, method);
    (void)snprintf(method, sizeof method, "model:%s %s", entry->name, entry->version);
    kt_document_method(document, KT_FEATURE_VISUAL_scene_decisions, method);
    kt_document_model(document, entry->name, entry->version);
}

void
kt_shots_write(const kt_shots_t *self, kt_document_t *document)
{
    const kt_shot_list_t *list  = shown(self);
    double               *times = list->count ? malloc(list->count * sizeof *times) : NULL;
    for (size_t s = 1; s < list->count && times; s++)
        times[s - 1] = list->shot[s].begin_s;
    if (times)
        kt_document_reals(document, KT_FEATURE_VISUAL_scene_changes, times, list->count - 1);
    else
        kt_document_null(document, KT_FEATURE_VISUAL_scene_changes, "out of memory");
    kt_document_objects(document, KT_FEATURE_VISUAL_transitions, transitions_json(list));
    write_decisions(self, document);
    free(times);
}

uint64_t
kt_shots_bytes(bool model)
{
    return sizeof(kt_shots_t) +
           (KT_SHOT_HISTORY + KT_SHOT_SAMPLES + KT_GRAPHICS) * (uint64_t)kt_shot_picture_bytes_most() +
           2 * KT_SHOT_LIST_MAX * sizeof(kt_shot_t) + (model ? kt_scene_bytes() : 0);
}

size_t
kt_shots_count(const kt_shots_t *self)
{
    return self->scene ? kt_scene_list(self->scene)->count : self->settled;
}

const kt_shot_t *
kt_shots_at(const kt_shots_t *self, size_t i)
{
    return &shown(self)->shot[i];
}

double
kt_shots_decided_s(const kt_shots_t *self)
{
    const double detector_s = self->now_s - KT_SHOTS_DELAY_S;
    return self->scene ? fmin(detector_s, kt_scene_decided_s(self->scene) - gradual_most_s) : detector_s;
}

size_t
kt_shots_find(const kt_shots_t *self, double time_s)
{
    const size_t found = kt_shot_list_find(shown(self), time_s), count = kt_shots_count(self);
    return found < count || found == 0 ? found : count - 1;
}
