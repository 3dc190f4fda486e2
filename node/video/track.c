// The video track: prepares each picture, and passes it to the detector of shots and to the modules.
#include "node/run/track.h"

#include "common/clock.h"
#include "kernels/isa.h"
#include "node/video/models/picture_model.h"
#include "node/video/modules.h"
#include "node/video/rgb.h"
#include "node/video/shots.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MODULES_MAX = 16 };

typedef struct part {
    const kt_video_module_t *module;
    void                    *state;
    int64_t                  us;
} part_t;

typedef struct video {
    kt_video_stream_t stream;
    kt_device_t      *device;
    kt_rgb_t          matrix;
    kt_shots_t       *shots;
    part_t            parts[MODULES_MAX];
    size_t            n_parts;
    bool              there;  // the file has moving pictures
    char              why[KT_MEDIA_WHY];
    uint8_t          *rgb;  // of the last picture
    uint32_t          width, height;
    uint64_t          pictures;
    kt_image_stats_t  stats;
    double            first_s, last_s, declared_hz;
    int64_t           prepare_us, shots_us;
    kt_shot_fn       *shot;     // NULL: none
    void             *context;  // of shot
    size_t            reported;
} video_t;

static bool
video_wanted(uint32_t options, const kt_media_info_t *media_info)
{
    (void)media_info;
    return (options & KT_VIDEO_OPTIONS) != 0;
}

static uint64_t
video_bytes(const kt_track_opts_t *opts, double seconds)
{
    if (!opts->media_info->has_video)
        return 0;
    // A set without such a model, as where none is installed, needs no memory for it.
    const kt_model_set_t *models = opts->options & KT_OPTION_MODELS ? opts->models : NULL;
    const bool            scene =
        kt_picture_model_any(models, KT_MODEL_FRAMES) && opts->scene_model && strcmp(opts->scene_model, "off") != 0;
    uint64_t bytes = sizeof(video_t) + kt_shots_bytes(scene) + kt_image_bytes(KT_SMALL_MOST / 2, KT_SMALL_MOST / 2);
    for (size_t m = 0; kt_video_modules[m]; m++) {
        const kt_video_module_t *module = kt_video_modules[m];
        if (!(module->options & opts->options))
            continue;
        bytes += module->bytes(opts->media_info, seconds);
        if (module->model_bytes && kt_picture_model_any(models, module->model_kind))
            bytes += module->model_bytes(opts->media_info);
    }
    return bytes;
}

static void
video_destroy(void **self_p)
{
    video_t *self = *self_p;
    if (!self)
        return;
    for (size_t p = 0; p < self->n_parts; p++)
        self->parts[p].module->destroy(&self->parts[p].state);
    kt_shots_destroy(&self->shots);
    free(self->rgb);
    free(self);
    *self_p = NULL;
}

static kt_err_t
video_new(void **self_p, const kt_track_opts_t *opts)
{
    const kt_media_info_t *info = opts->media_info;
    video_t               *self = calloc(1, sizeof *self);
    kt_err_t               err  = KT_ENOMEM;
    if (!self)
        return KT_ENOMEM;
    self->there       = info->has_video;
    self->device      = opts->device;
    self->declared_hz = info->frame_rate_hz;
    self->shot        = opts->shot;
    self->context     = opts->context;
    memcpy(self->why, info->video_why, sizeof self->why);
    self->stream = (kt_video_stream_t){.media_info    = info,
                                       .duration_s    = info->duration_s,
                                       .rotation      = info->rotation,
                                       .mirrored      = info->mirrored,
                                       .full_range    = info->full_range,
                                       .options       = opts->options,
                                       .device        = opts->device,
                                       .models        = opts->models,
                                       .models_absent = opts->models_absent,
                                       .mode          = opts->video_mode,
                                       .scene_model   = opts->scene_model,
                                       .pictures      = opts->pictures,
                                       .sample_hz     = opts->sample_hz,
                                       .sample_max    = opts->sample_max};
    kt_rgb_init(&self->matrix, info->color_space, info->height, info->full_range);
    if ((err = kt_shots_new(&self->shots, &self->stream)))
        goto fail;
    self->stream.shots = self->shots;
    for (size_t m = 0; self->there && kt_video_modules[m] && self->n_parts < MODULES_MAX; m++) {
        part_t *part = &self->parts[self->n_parts];
        if (!(kt_video_modules[m]->options & opts->options))
            continue;
        part->module = kt_video_modules[m];
        self->n_parts++;
        if ((err = part->module->new (&part->state, &self->stream)))
            goto fail;
    }
    self->stream.media_info = NULL;
    *self_p                 = self;
    return KT_OK;
fail:
    video_destroy((void **)&self);
    return err;
}

// RGB at the size of the chroma, and its statistics.
static kt_err_t
prepare(video_t *self, const kt_video_frame_t *frame, kt_video_picture_t *out)
{
    const uint32_t width = (frame->small.width + 1) / 2, height = (frame->small.height + 1) / 2;
    if (self->pictures == 0) {
        self->width  = width;
        self->height = height;
        self->rgb    = malloc(kt_image_bytes(width, height));
        if (!self->rgb)
            return KT_ENOMEM;
    }
    if (width != self->width || height != self->height)  // the decoder keeps the size of the first picture
        return KT_EDECODER;
    kt_err_t err = KT_OK;
    if (self->pictures == 0 || !(frame->flags & KT_FRAME_REPEATED)) {
        kt_rgb_half(&self->matrix, kt_device_isa(self->device)->rgb, &frame->small, self->rgb);
        err = kt_device_images(self->device, &(kt_image_span_t){self->rgb, NULL, 1, width, height, true}, &self->stats);
    }
    *out =
        (kt_video_picture_t){.frame = frame, .rgb = self->rgb, .width = width, .height = height, .stats = &self->stats};
    kt_image_measure(&self->stats, width, height, &out->measures);
    return err;
}

// Those that have ended; end_s: of the last one, if it has.
static void
report_shots(video_t *self, double end_s)
{
    const size_t n = kt_shots_count(self->shots), ended = isnan(end_s) && n > 0 ? n - 1 : n;
    for (; self->shot && self->reported < ended; self->reported++) {
        const bool last = self->reported + 1 == n;
        self->shot(self->context, kt_shots_at(self->shots, self->reported)->begin_s,
                   last ? end_s : kt_shots_at(self->shots, self->reported + 1)->from_s);
    }
}

static kt_err_t
video_push(void *state, const kt_chunk_t *chunk)
{
    video_t           *self = state;
    kt_video_picture_t picture;
    int64_t            start = kt_clock_us();
    kt_err_t           err   = prepare(self, chunk->picture, &picture);
    if (err)
        return err;
    if (self->pictures == 0)
        self->first_s = chunk->picture->time_s;
    self->last_s = chunk->picture->time_s;
    self->pictures++;
    int64_t now = kt_clock_us();
    self->prepare_us += now - start;
    err = kt_shots_push(self->shots, &picture);
    report_shots(self, NAN);
    start = kt_clock_us();
    self->shots_us += start - now;
    for (size_t p = 0; p < self->n_parts && !err; p++) {
        err = self->parts[p].module->push(self->parts[p].state, &picture);
        now = kt_clock_us();
        self->parts[p].us += now - start;
        start = now;
    }
    return err;
}

// The last picture is shown as long as the mean one.
static double
end_of(const video_t *self)
{
    if (self->pictures > 1)
        return self->last_s + (self->last_s - self->first_s) / (double)(self->pictures - 1);
    return self->last_s + (self->declared_hz > 0 ? 1 / self->declared_hz : 0);
}

// A file without moving pictures has its reason from the document.
static void
write_absent(const video_t *self, kt_document_t *document)
{
    const char *reason = self->why[0] ? self->why : "no picture could be decoded";
    for (int f = 0; f < KT_FEATURES && self->there; f++)
        if (kt_feature_desc((kt_feature_t)f)->group == KT_GROUP_VISUAL)
            kt_document_null(document, (kt_feature_t)f, reason);
    if (self->there)
        kt_document_null(document, KT_FEATURE_TECHNICAL_quality_score, reason);
}

static kt_err_t
video_finish(void *state, kt_document_t *document)
{
    video_t *self = state;
    kt_err_t err  = KT_OK;
    if (self->pictures == 0) {
        write_absent(self, document);
        return KT_OK;
    }
    kt_shots_close(self->shots);
    report_shots(self, end_of(self));
    if (self->stream.options & KT_OPTION_VISUAL) {
        kt_shots_write(self->shots, document);
        kt_document_text(document, KT_FEATURE_VISUAL_video_mode, self->stream.mode);
    }
    for (size_t p = 0; p < self->n_parts && !err; p++)
        err = self->parts[p].module->finish(self->parts[p].state, end_of(self), document);
    return err;
}

// Films are analysed as a whole.
static kt_err_t
video_merge(void *self, void **next_p)
{
    (void)self, (void)next_p;
    return KT_EINVAL;
}

static void
video_stages(const void *state, kt_stage_fn *add, void *context)
{
    const video_t *self = state;
    if (self->pictures == 0)
        return;
    add(context, "video_prepare", self->prepare_us);
    add(context, "video_shots", self->shots_us);
    for (size_t p = 0; p < self->n_parts; p++)
        add(context, self->parts[p].module->stage, self->parts[p].us);
}

const kt_track_ops_t kt_video_track = {
    .name     = "video",
    .snapshot = true,
    .wanted   = video_wanted,
    .bytes    = video_bytes,
    .new      = video_new,
    .push     = video_push,
    .finish   = video_finish,
    .merge    = video_merge,
    .stages   = video_stages,
    .destroy  = video_destroy,
};
