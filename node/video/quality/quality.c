// The module of picture quality: measures each whole picture, and writes the median of each measure, the parts of the
// score and their product. Memory is bounded: KEPT pictures are kept; a film gives fewer, unless the settings ask for
// more of them, and then the first count.
#include "node/video/quality/brisque.h"
#include "node/video/quality/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 4096 };
#define COMBED 0.001  // share of the pixels in comb patterns from which a picture counts as two fields

typedef struct quality {
    uint32_t            options, shorter_side;
    double              gain;
    kt_defect_room_t    room;
    size_t              side;      // that the room is for
    uint64_t            pictures;  // whole ones
    size_t              n_combed, n_shown;
    size_t              n[KT_DEFECTS_MEASURED];
    float              *values[KT_DEFECTS_MEASURED];  // [KEPT]
    kt_quality_model_t *model;                        // NULL: model_why
    char                model_why[KT_QUALITY_WHY];
} quality_t;

static void
room_fini(kt_defect_room_t *room)
{
    free(room->bytes);
    free(room->line);
    free(room->sums);
    free(room->values);
}

static void
quality_destroy(void **state)
{
    quality_t *self = *state;
    if (!self)
        return;
    kt_quality_model_destroy(&self->model);
    for (size_t i = 0; i < KT_DEFECTS_MEASURED; i++)
        free(self->values[i]);
    room_fini(&self->room);
    free(self);
    *state = NULL;
}

static kt_err_t
quality_new(void **state, const kt_video_stream_t *stream)
{
    kt_err_t   err  = KT_ENOMEM;
    quality_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->options = stream->options;
    self->gain    = stream->full_range ? 1 : 255.0 / 219;
    for (size_t i = 0; i < KT_DEFECTS_MEASURED; i++)
        if (!(self->values[i] = malloc(KEPT * sizeof *self->values[i])))
            goto fail;
    if ((err = kt_quality_model_new(&self->model, stream, self->model_why)))
        goto fail;
    *state = self;
    return KT_OK;
fail:
    quality_destroy((void **)&self);
    return err;
}

// All whole pictures of a film have one size; a larger one makes new room.
static kt_err_t
room_for(quality_t *self, size_t side)
{
    if (side <= self->side)
        return KT_OK;
    room_fini(&self->room);
    self->room = (kt_defect_room_t){malloc(side), malloc(side * sizeof(uint16_t)), malloc(side * sizeof(uint32_t)),
                                    malloc(side * sizeof(double))};
    self->side = self->room.bytes && self->room.line && self->room.sums && self->room.values ? side : 0;
    return self->side ? KT_OK : KT_ENOMEM;
}

static void
keep(quality_t *self, kt_defect_t defect, double value)
{
    if (!isnan(value) && self->n[defect] < KEPT)
        self->values[defect][self->n[defect]++] = (float)value;
}

// Of every second picture: it takes as long as all other measures.
static kt_err_t
add_brisque(quality_t *self, const kt_plane_t *plane)
{
    double score = NAN;
    if (!self->model || self->n_shown % 2 == 0)
        return KT_OK;
    kt_err_t err = kt_quality_model_run(self->model, plane, &score);
    keep(self, KT_DEFECT_BRISQUE, score);
    return err;
}

static kt_err_t
quality_push(void *state, const kt_video_picture_t *picture)
{
    quality_t      *self  = state;
    const kt_yuv_t *whole = &picture->frame->whole;
    const uint32_t  w = whole->width, h = whole->height;
    kt_plane_t      plane = {.at = whole->y, .width = w, .height = h, .stride = whole->y_stride, .gain = self->gain};
    kt_err_t        err;
    if (w == 0)
        return KT_OK;
    if ((err = room_for(self, w > h ? w : h)))
        return err;
    self->shorter_side = (w < h ? w : h) * picture->frame->whole_factor;
    self->pictures++;
    if (!kt_plane_crop(&plane, &plane))
        return KT_OK;
    const double noise = kt_defect_noise(&plane), known = isnan(noise) ? 0 : noise;
    const bool   combed = picture->frame->whole_factor <= 1 && kt_defect_comb(&plane, known) >= COMBED;
    kt_plane_t   field  = plane;
    if (combed) {
        field.height /= 2;
        field.stride *= 2;
    }
    self->n_shown++;
    self->n_combed += combed;
    keep(self, KT_DEFECT_NOISE, noise);
    // In coded pixels.
    keep(self, KT_DEFECT_BLUR,
         kt_defect_edge_width(&field, known, !combed, &self->room) * picture->frame->whole_factor);
    keep(self, KT_DEFECT_BLOCKINESS, kt_defect_blockiness(&plane, !combed, &self->room));
    keep(self, KT_DEFECT_BANDING, kt_defect_banding(&field, &self->room));
    return add_brisque(self, &plane);
}

static int
by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double
median(float *values, size_t n)
{
    if (n == 0)
        return NAN;
    qsort(values, n, sizeof *values, by_value);
    return ((double)values[n / 2] + (double)values[(n - 1) / 2]) / 2;
}

static void
write_nothing(const quality_t *self, kt_document_t *document)
{
    const char *reason = self->pictures ? "all sampled pictures are nearly uniform" : "no picture was sampled";
    kt_document_null(document, KT_FEATURE_TECHNICAL_quality_score, reason);
    if (!(self->options & KT_OPTION_VISUAL))
        return;
    kt_document_null(document, KT_FEATURE_VISUAL_picture_quality, reason);
    kt_document_null(document, KT_FEATURE_VISUAL_picture_quality_parts, reason);
    kt_document_null(document, KT_FEATURE_VISUAL_interlaced_share, reason);
}

// Which model took part, or why none did.
static void
write_model(const quality_t *self, bool visual, kt_document_t *document)
{
    char        method[KT_DOCUMENT_REASON];
    const char *why = self->model_why[0] ? self->model_why : "the pictures have no such statistics";
    if (self->n[KT_DEFECT_BRISQUE]) {
        const kt_model_entry_t *entry = kt_quality_model_entry(self->model);
        kt_document_model(document, entry->name, entry->version);
        return;
    }
    snprintf(method, sizeof method, "signal; no brisque: %s", why);
    if (visual)
        kt_document_method(document, KT_FEATURE_VISUAL_picture_quality, method);
}

static kt_err_t
quality_finish(void *state, double end_s, kt_document_t *document)
{
    quality_t *self               = state;
    const bool visual             = self->options & KT_OPTION_VISUAL;
    double     values[KT_DEFECTS] = {[KT_DEFECT_RESOLUTION] = self->shorter_side}, score = 1;
    char       method[KT_DOCUMENT_REASON] = "product of";
    size_t     parts                      = 0;
    (void)end_s;
    if (self->n_shown == 0) {
        write_nothing(self, document);
        return KT_OK;
    }
    for (size_t i = 0; i < KT_DEFECTS; i++) {
        if (i < KT_DEFECTS_MEASURED)
            values[i] = median(self->values[i], self->n[i]);
        if (isnan(values[i]))
            continue;
        const double part = kt_defect_part((kt_defect_t)i, values[i], self->shorter_side);
        const size_t at   = strlen(method);
        snprintf(method + at, sizeof method - at, "%s %s", parts++ ? "," : "", kt_defect_names[i]);
        score *= part;
        if (visual)
            kt_document_pair(document, KT_FEATURE_VISUAL_picture_quality_parts, kt_defect_names[i], part);
        if (visual && i < KT_DEFECTS_MEASURED)
            kt_document_pair(document, KT_FEATURE_VISUAL_picture_quality, kt_defect_names[i], values[i]);
    }
    kt_document_real(document, KT_FEATURE_TECHNICAL_quality_score, score);
    kt_document_method(document, KT_FEATURE_TECHNICAL_quality_score, method);
    write_model(self, visual, document);
    if (visual)
        kt_document_real(document, KT_FEATURE_VISUAL_interlaced_share, (double)self->n_combed / (double)self->n_shown);
    return KT_OK;
}

static uint64_t
quality_bytes(const kt_media_info_t *media_info, double seconds)
{
    const uint64_t side = media_info->width > media_info->height ? media_info->width : media_info->height;
    (void)seconds;
    return sizeof(quality_t) + KT_DEFECTS_MEASURED * KEPT * sizeof(float) +
           side * (1 + sizeof(uint16_t) + sizeof(uint32_t) + sizeof(double));
}

static uint64_t
quality_model_bytes(const kt_media_info_t *media_info)
{
    return kt_quality_model_bytes(media_info->width, media_info->height);
}

const kt_video_module_t kt_video_quality = {
    .name        = "quality",
    .stage       = "video_quality",
    .options     = KT_OPTION_QUALITY | KT_OPTION_VISUAL,
    .new         = quality_new,
    .push        = quality_push,
    .finish      = quality_finish,
    .destroy     = quality_destroy,
    .bytes       = quality_bytes,
    .model_bytes = quality_model_bytes,
    .model_kind  = KT_MODEL_FEATURES,
};
