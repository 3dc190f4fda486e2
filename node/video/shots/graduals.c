#include "node/video/shots/graduals.h"

#include "node/video/shots/fade.h"

#include <math.h>
#include <string.h>

// A fade to one colour and the change that follows within this time are one.
static const double hold_s         = 1.0;
static const double interruption_s = 0.5;
static const float  same_most      = 0.45f;
// Blocks of a wipe are of one picture or the other.
static const float wipe_spread = 0.5f;

kt_err_t
kt_graduals_init(kt_graduals_t *self, const kt_shot_size_t *size)
{
    memset(self, 0, sizeof *self);
    return kt_shot_samples_init(&self->samples, size);
}

void
kt_graduals_fini(kt_graduals_t *self)
{
    kt_shot_samples_fini(&self->samples);
}

void
kt_graduals_graphic(kt_graduals_t *self, double time_s)
{
    self->graphic_s[self->graphics++ % KT_GRADUAL_GRAPHICS] = time_s;
}

// A transition that ends with this sample, unless it is a part of one that is known.
static kt_err_t
enter(double from_s, const kt_shot_picture_t *to, kt_transition_t kind, kt_shot_list_t *list)
{
    const size_t at = kt_shot_list_find(list, to->time_s);
    for (size_t s = at > 0 ? at : 1; s < list->count; s++)
        if (list->shot[s].begin_s >= to->time_s && list->shot[s].from_s < to->time_s)
            return KT_OK;
    kt_shot_list_remove(list, from_s, to->time_s);
    return kt_shot_list_add(list, &(kt_shot_t){to->index, to->time_s, from_s, kind});
}

// The fall of contrast that ends with this flat sample. A cut that follows soon begins the shot that it leads to.
static kt_err_t
fall(const kt_graduals_t *self, uint64_t flat, kt_shot_list_t *list)
{
    const kt_shot_samples_t *s = &self->samples;
    uint64_t                 begin;
    if (!kt_fade_down(s, kt_shot_samples_oldest(s), flat, &begin))
        return KT_OK;
    const kt_shot_picture_t *to     = kt_shot_sample(s, flat);
    const double             from_s = kt_shot_sample(s, begin)->time_s;
    const size_t             cut    = kt_shot_list_find(list, to->time_s + hold_s);
    if (cut > 0 && list->shot[cut].begin_s > to->time_s) {
        kt_shot_t   *shot    = &list->shot[cut];
        const double begin_s = shot->begin_s;
        shot->from_s         = from_s;
        shot->transition     = KT_FADE;
        kt_shot_list_remove(list, from_s, begin_s);
        return KT_OK;
    }
    return enter(from_s, to, KT_FADE, list);
}

// Whether the flat samples up to this one only interrupt what is seen before and after: a flash, a black picture.
static bool
interrupts(const kt_shot_samples_t *s, uint64_t flat, uint64_t end)
{
    uint64_t before = flat;
    while (before > kt_shot_samples_oldest(s) && kt_shot_flat(kt_shot_sample(s, before)))
        before--;
    return kt_shot_sample(s, flat)->time_s - kt_shot_sample(s, before)->time_s < interruption_s &&
           kt_shot_difference(kt_shot_sample(s, before), kt_shot_sample(s, end), &s->size) < same_most;
}

// The rise of contrast that begins with this flat sample, and what led to the flat ones shortly before.
static kt_err_t
rise(const kt_graduals_t *self, uint64_t flat, kt_shot_list_t *list)
{
    const kt_shot_samples_t *s = &self->samples;
    uint64_t                 end;
    if (!kt_fade_up(s, flat, s->count - 1, &end) || interrupts(s, flat, end))
        return KT_OK;
    double           from_s = kt_shot_sample(s, flat)->time_s;
    const size_t     last   = kt_shot_list_find(list, from_s);
    const kt_shot_t *shot   = &list->shot[last];
    if (last > 0 && from_s - shot->begin_s <= hold_s &&
        kt_shot_flat(kt_shot_sample(s, kt_shot_samples_near(s, shot->begin_s)))) {
        from_s = shot->from_s;
        kt_shot_list_remove(list, from_s - 1e-6, shot->begin_s + 1e-6);
    }
    return enter(from_s, kt_shot_sample(s, end), KT_FADE, list);
}

static kt_err_t
best_close(kt_graduals_t *self, kt_shot_list_t *list)
{
    if (self->score <= 0)
        return KT_OK;
    self->score = 0;
    kt_gradual_narrow(&self->samples, &self->best);
    const kt_shot_picture_t *from = kt_shot_sample(&self->samples, self->best.from),
                            *to   = kt_shot_sample(&self->samples, self->best.to);
    const kt_transition_t kind    = kt_shot_flat(from) || kt_shot_flat(to) ? KT_FADE
                                    : self->best.spread > wipe_spread      ? KT_WIPE
                                                                           : KT_DISSOLVE;
    return enter(from->time_s, to, kind, list);
}

// Samples around this one between the nearest cuts and graphics.
static kt_gradual_span_t
span_of(const kt_graduals_t *self, uint64_t middle, const kt_shot_list_t *list)
{
    const kt_shot_samples_t *s        = &self->samples;
    const double             middle_s = kt_shot_sample(s, middle)->time_s;
    const size_t             shot = kt_shot_list_find(list, middle_s), graphics = self->graphics;
    kt_gradual_span_t        span = {kt_shot_samples_oldest(s), s->count - 1};
    double begin_s = list->shot[shot].begin_s, end_s = shot + 1 < list->count ? list->shot[shot + 1].begin_s : INFINITY;
    for (size_t i = 0; i < graphics && i < KT_GRADUAL_GRAPHICS; i++) {
        const double graphic_s = self->graphic_s[i];
        if (graphic_s <= middle_s)
            begin_s = fmax(begin_s, graphic_s);
        else
            end_s = fmin(end_s, graphic_s);
    }
    while (span.first < middle && kt_shot_sample(s, span.first)->time_s < begin_s)
        span.first++;
    while (span.last > middle && kt_shot_sample(s, span.last)->time_s >= end_s)
        span.last--;
    return span;
}

static kt_err_t
decide(kt_graduals_t *self, uint64_t middle, kt_shot_list_t *list)
{
    const kt_shot_samples_t *s    = &self->samples;
    const kt_gradual_span_t  span = span_of(self, middle, list);
    const bool               flat = kt_shot_flat(kt_shot_sample(s, middle));
    kt_gradual_evidence_t    evidence;
    kt_err_t                 err = KT_OK;
    for (int window = 0; window < KT_GRADUAL_WINDOWS; window++) {
        if (kt_gradual_evidence(s, &span, middle, window, self->score, &evidence)) {
            self->score = kt_gradual_score(&evidence);
            self->best  = evidence;
        }
    }
    if (self->score > 0 &&
        kt_shot_sample(s, middle)->time_s - kt_shot_sample(s, self->best.middle)->time_s >= self->best.window_s / 2)
        err = best_close(self, list);
    if (!err && flat && middle > kt_shot_samples_oldest(s) && !kt_shot_flat(kt_shot_sample(s, middle - 1)))
        err = fall(self, middle, list);
    if (!err && flat && middle + 1 < s->count && !kt_shot_flat(kt_shot_sample(s, middle + 1)))
        err = rise(self, middle, list);
    return err;
}

kt_err_t
kt_graduals_decide(kt_graduals_t *self, double decided_s, bool closing, kt_shot_list_t *list)
{
    const kt_shot_samples_t *s   = &self->samples;
    kt_err_t                 err = KT_OK;
    for (; !err && self->next < s->count; self->next++) {
        const double reach_s = kt_shot_sample(s, self->next)->time_s + KT_GRADUAL_REACH_S;
        if (!closing && (reach_s > decided_s || reach_s > kt_shot_sample(s, s->count - 1)->time_s))
            break;
        err = decide(self, self->next, list);
    }
    return closing && !err ? best_close(self, list) : err;
}

double
kt_graduals_settled_s(const kt_graduals_t *self)
{
    const kt_shot_samples_t *s      = &self->samples;
    const uint64_t           next   = self->next < s->count ? self->next : s->count - 1;
    const double             next_s = kt_shot_sample(s, next)->time_s - KT_GRADUAL_REACH_S,
                 best_s             = kt_shot_sample(s, self->best.from)->time_s;
    return self->score > 0 && best_s < next_s ? best_s : next_s;
}
