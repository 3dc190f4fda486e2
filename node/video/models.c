// The module of picture models: some of the sampled pictures (models/picks.h) are shown to the models of faces and
// text. It is not decided until later in which shot a picture lies, so pictures are held for so long.
#include "node/video/faces/faces.h"
#include "node/video/models/held.h"
#include "node/video/models/picks.h"
#include "node/video/modules.h"
#include "node/video/rgb.h"
#include "node/video/shots.h"
#include "node/video/text/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELD = 10 };  // pictures that wait; when there is one more, the oldest is decided by what is known

typedef struct picture_models {
    kt_video_stream_t stream;
    kt_rgb_t          matrix;
    kt_picks_t        picks;
    kt_held_t         held[HELD];
    size_t            first, waiting;  // in held, a ring
    kt_sampled_t     *samples;
    size_t            n, capacity;
    kt_faces_t       *faces;  // NULL: faces_why
    kt_texts_t       *texts;  // NULL: texts_why
    char              faces_why[KT_PICTURE_WHY], texts_why[KT_PICTURE_WHY];
    uint8_t          *rgb;
    size_t            rgb_bytes;
} picture_models_t;

static void
models_destroy(void **state)
{
    picture_models_t *self = *state;
    if (!self)
        return;
    *state = NULL;
    for (size_t i = 0; i < HELD; i++)
        kt_held_fini(&self->held[i]);
    kt_faces_destroy(&self->faces);
    kt_texts_destroy(&self->texts);
    free(self->samples);
    free(self->rgb);
    free(self);
}

// Why no model is used at all; NULL: some may be.
static const char *
why_none(const kt_video_stream_t *stream)
{
    if (!(stream->options & KT_OPTION_MODELS))
        return "use_models is false";
    if (!stream->models)
        return stream->models_absent ? stream->models_absent : "no models";
    return NULL;
}

static kt_err_t
models_new(void **state, const kt_video_stream_t *stream)
{
    const char       *why  = why_none(stream);
    picture_models_t *self = calloc(1, sizeof *self);
    kt_err_t          err  = KT_ENOMEM;
    if (!self)
        return KT_ENOMEM;
    self->stream            = *stream;
    self->stream.media_info = NULL;
    kt_rgb_init(&self->matrix, stream->media_info->color_space, stream->media_info->height, stream->full_range);
    kt_picks_init(&self->picks, stream->pictures, stream->duration_s);
    snprintf(self->faces_why, sizeof self->faces_why, "%s", why ? why : "");
    snprintf(self->texts_why, sizeof self->texts_why, "%s", why ? why : "");
    if (!why && ((err = kt_faces_new(&self->faces, stream->models, self->faces_why)) ||
                 (err = kt_texts_new(&self->texts, stream->models, self->texts_why))))
        goto fail;
    *state = self;
    return KT_OK;
fail:
    models_destroy((void **)&self);
    return err;
}

// Means of the luma of KT_SAMPLED_ACROSS x KT_SAMPLED_DOWN parts, of some of their pixels.
static void
luma_of(const kt_picture_t *picture, kt_sampled_t *sample)
{
    enum { STEPS = 8 };
    for (uint32_t y = 0; y < KT_SAMPLED_DOWN; y++)
        for (uint32_t x = 0; x < KT_SAMPLED_ACROSS; x++) {
            uint32_t sum = 0;
            for (uint32_t k = 0; k < STEPS * STEPS; k++) {
                const uint64_t row = ((uint64_t)y * STEPS + k / STEPS) * picture->height / (STEPS * KT_SAMPLED_DOWN);
                const uint64_t col = ((uint64_t)x * STEPS + k % STEPS) * picture->width / (STEPS * KT_SAMPLED_ACROSS);
                const uint8_t *p   = picture->rgb + row * picture->stride + 3 * col;
                sum += (uint32_t)(299 * p[0] + 587 * p[1] + 114 * p[2]);
            }
            sample->luma[y][x] = (uint8_t)(sum / (1000 * STEPS * STEPS));
        }
}

static kt_err_t
reserve(picture_models_t *self, size_t rgb_bytes)
{
    if (self->n == self->capacity) {
        const size_t  capacity = self->capacity ? 2 * self->capacity : 64;
        kt_sampled_t *samples  = realloc(self->samples, capacity * sizeof *samples);
        if (!samples)
            return KT_ENOMEM;
        self->samples  = samples;
        self->capacity = capacity;
    }
    if (rgb_bytes > self->rgb_bytes) {
        free(self->rgb);
        self->rgb_bytes = 0;
        if (!(self->rgb = malloc(rgb_bytes)))
            return KT_ENOMEM;
        self->rgb_bytes = rgb_bytes;
    }
    return KT_OK;
}

// Shows a picture to the models.
static kt_err_t
run_models(picture_models_t *self, const kt_held_t *held)
{
    const uint32_t number = (uint32_t)self->n;
    kt_err_t       err    = reserve(self, 3 * (size_t)held->yuv.width * held->yuv.height);
    if (err)
        return err;
    const kt_picture_t picture =
        kt_held_rgb(held, &self->matrix, self->stream.rotation, self->stream.mirrored, self->rgb);
    kt_sampled_t *sample = &self->samples[self->n++];
    sample->time_s       = held->time_s;
    sample->width        = picture.width * held->factor;
    sample->height       = picture.height * held->factor;
    sample->shot         = 0;
    luma_of(&picture, sample);
    if (self->faces)
        err = kt_faces_find(self->faces, &picture, held->factor, number);
    if (!err && self->texts)
        err = kt_texts_find(self->texts, &picture, held->factor, number);
    return err;
}

// Decides about the oldest picture that waits.
static kt_err_t
decide(picture_models_t *self)
{
    const kt_held_t *held = &self->held[self->first];
    self->first           = (self->first + 1) % HELD;
    self->waiting--;
    return kt_picks_take(&self->picks, held->time_s, kt_shots_find(self->stream.shots, held->time_s))
               ? run_models(self, held)
               : KT_OK;
}

static kt_err_t
models_push(void *state, const kt_video_picture_t *picture)
{
    picture_models_t       *self  = state;
    const kt_video_frame_t *frame = picture->frame;
    kt_err_t                err   = KT_OK;
    if (!self->faces && !self->texts)
        return KT_OK;
    while (!err && self->waiting && self->held[self->first].time_s < kt_shots_decided_s(self->stream.shots))
        err = decide(self);
    if (err || !(frame->flags & KT_FRAME_SAMPLED) || frame->whole.width < 2 || frame->whole.height < 2)
        return err;
    if (self->waiting == HELD && (err = decide(self)))
        return err;
    err = kt_held_set(&self->held[(self->first + self->waiting) % HELD], frame);
    self->waiting += err == KT_OK;
    return err == KT_EINVAL ? KT_OK : err;
}

// With the number of shots that have one of them.
static kt_err_t
write_times(const picture_models_t *self, kt_document_t *document)
{
    char    method[KT_DOCUMENT_REASON];
    size_t  shots = 0;
    double *times = calloc(self->n + 1, sizeof *times);
    if (!times)
        return KT_ENOMEM;
    for (size_t i = 0; i < self->n; i++) {
        times[i] = self->samples[i].time_s;
        shots += i == 0 || self->samples[i].shot != self->samples[i - 1].shot;
    }
    kt_document_reals(document, KT_FEATURE_VISUAL_sampled_times, times, self->n);
    snprintf(method, sizeof method, "%zu pictures of %zu of %zu shots", self->n, shots,
             kt_shots_count(self->stream.shots));
    kt_document_method(document, KT_FEATURE_VISUAL_sampled_times, method);
    free(times);
    return KT_OK;
}

static void
null_all(kt_document_t *document, const char *reason)
{
    kt_faces_null(document, reason);
    kt_document_null(document, KT_FEATURE_VISUAL_text_regions, reason);
    kt_document_null(document, KT_FEATURE_VISUAL_sampled_times, reason);
}

static kt_err_t
models_finish(void *state, double end_s, kt_document_t *document)
{
    picture_models_t *self = state;
    kt_err_t          err  = KT_OK;
    (void)end_s;
    while (!err && self->waiting)
        err = decide(self);
    if (err)
        return err;
    null_all(document, self->faces || self->texts ? "no picture was sampled" : self->faces_why);
    if (!self->faces)
        kt_faces_null(document, self->faces_why);
    if (!self->texts)
        kt_document_null(document, KT_FEATURE_VISUAL_text_regions, self->texts_why);
    if (self->n == 0)
        return KT_OK;
    for (size_t i = 0; i < self->n; i++)
        self->samples[i].shot = (uint32_t)kt_shots_find(self->stream.shots, self->samples[i].time_s);
    if (self->faces)
        err = kt_faces_write(self->faces, self->samples, document);
    if (!err && self->texts)
        err = kt_texts_write(self->texts, self->samples, document);
    return err ? err : write_times(self, document);
}

static uint64_t
models_bytes(const kt_media_info_t *media_info, double seconds)
{
    (void)media_info, (void)seconds;
    return sizeof(picture_models_t);
}

static uint64_t
models_model_bytes(const kt_media_info_t *media_info)
{
    const uint32_t w = media_info->width < KT_HELD_SIDE ? media_info->width : KT_HELD_SIDE;
    const uint32_t h = media_info->height < KT_HELD_SIDE ? media_info->height : KT_HELD_SIDE;
    return HELD * kt_yuv_bytes(w, h) + 3 * (uint64_t)w * h + 2 * KT_SAMPLED_MOST * sizeof(kt_sampled_t) +
           kt_faces_bytes(w, h) + kt_texts_bytes(w, h);
}

const kt_video_module_t kt_video_models = {
    .name        = "models",
    .stage       = "video_models",
    .options     = KT_OPTION_VISUAL,
    .new         = models_new,
    .push        = models_push,
    .finish      = models_finish,
    .destroy     = models_destroy,
    .bytes       = models_bytes,
    .model_bytes = models_model_bytes,
    .model_kind  = KT_MODEL_IMAGE,
};
