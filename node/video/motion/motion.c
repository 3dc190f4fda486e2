// Motion: the field of each picture (field.h), the camera behind it (camera.h), and both over time (record.h).
//
// Pictures that were predicted from earlier pictures alone give the codec's vectors. Their reference is the last
// picture before them that is not predicted from both sides, so such a picture has the movement of all of the time
// since then, and pictures predicted from both sides are passed over. Where a picture has no usable vectors (codecs
// that export none, key frames) blocks are matched, against the same earlier picture.
#include "kernels/isa.h"
#include "node/video/modules.h"
#include "node/video/motion/camera.h"
#include "node/video/motion/match.h"
#include "node/video/motion/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BOTH_SIDES_MOST = 16 };  // pictures predicted from both sides in a row, until it is no longer waited for another
#define MATCH_MOST_S 0.6        // pictures further apart are not compared
// Matches see a small movement better between pictures further apart: coding leaves patterns that do not move with it.
#define CREEPING 0.1F         // reduced pixels, of the camera
#define SMALL_DISTANCE 0.25F  // mean, percent of the width
#define SMALL_MOST_S 0.12
#define CONFIRMED_SHARE 0.5F  // of the textured area whose vectors fit the pictures; else blocks are matched
#define CAMERA_SHARE 0.4F     // of the textured area that must move alike
#define MOVING 2.0F           // percent of the width per second
#define SAME_DISTANCE 0.05F   // reduced pixels: closer to the movement of the camera than a vector is exact
#define MIXED_LENGTH 1.05F    // mean length of the movements within a cell over that of their mean, if they differ
#define LEAST_LENGTH 0.05F    // reduced pixels
#define SAME_CHANCE 12.0F     // squared deviation of a match from the camera's movement, in its own variance
#define LEAST_TEXTURE 0.001F  // mean weight of a field in which a movement can be seen

typedef struct motion {
    kt_video_stream_t     stream;
    const kt_block_ops_t *ops;
    uint32_t              coded_width, coded_height;
    double                pixel_aspect;
    bool                  key_frames;  // alone are decoded: cuts between them are not known, nor how far they move
    bool                  ready;       // the members below are set up, with the first picture
    kt_match_t            match;
    kt_field_t            field;
    kt_record_t           record;
    double                anchor_s, last_s;  // of the picture that is compared with; of the last one
    uint32_t              both_sides;        // pictures since then that were predicted from both sides
    uint64_t              pictures, apart;   // apart: too far from the one before to be compared
    float                 guess[2];
    bool                  has_vectors;  // some picture had: they cover the time since the picture before
    bool                  waits;        // a small movement until the last picture, measured again until the next one
    kt_step_t             waiting;
} motion_t;

static void
motion_destroy(void **state)
{
    motion_t *self = *state;
    if (!self)
        return;
    kt_match_fini(&self->match);
    kt_record_fini(&self->record);
    free(self);
    *state = NULL;
}

static kt_err_t
motion_new(void **state, const kt_video_stream_t *stream)
{
    motion_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    const double aspect = stream->media_info->pixel_aspect_ratio;
    self->stream        = *stream;
    self->ops           = kt_device_isa(stream->device)->block;
    self->coded_width   = stream->media_info->width;
    self->coded_height  = stream->media_info->height;
    self->pixel_aspect  = aspect > 0.01 && aspect < 100 ? aspect : 1;
    self->key_frames    = stream->mode && !strcmp(stream->mode, "keyframes");
    *state              = self;
    return KT_OK;
}

// Percent of the shown width per reduced pixel, of a movement to the right and of one downwards, as coded.
static void
units_of(const motion_t *self, float out[2])
{
    const double factor = kt_small_factor(self->coded_width, self->coded_height);
    const bool   turned = self->stream.rotation == 90 || self->stream.rotation == 270;
    const double width  = self->coded_width ? self->coded_width / factor : self->field.width;
    const double height = self->coded_height ? self->coded_height / factor : self->field.height;
    const double shown  = turned ? height : width * self->pixel_aspect;
    out[0]              = (float)(100 * self->pixel_aspect / shown);
    out[1]              = (float)(100 / shown);
}

// A movement as coded (right, down) to one as shown.
static void
turn(const kt_video_stream_t *stream, const float in[2], float out[2])
{
    const float    x = in[0], y = in[1];
    const uint32_t rotation = stream->rotation;
    out[0]                  = rotation == 90 ? -y : rotation == 180 ? -x : rotation == 270 ? y : x;
    out[0]                  = stream->mirrored ? -out[0] : out[0];
    out[1]                  = rotation == 90 ? x : rotation == 180 ? -y : rotation == 270 ? -x : y;
}

// From the right counter-clockwise; y downwards.
static int
direction_of(const float move[2])
{
    const float eighth = 0.41421356F, x = fabsf(move[0]), y = fabsf(move[1]);  // tangent of 22.5 degrees
    if (y <= eighth * x)
        return move[0] > 0 ? 0 : 4;
    if (x <= eighth * y)
        return move[1] < 0 ? 2 : 6;
    return move[1] < 0 ? (move[0] > 0 ? 1 : 3) : (move[0] > 0 ? 7 : 5);
}

// Whether a cell moves as the camera makes it, as far as its texture and its noise allow.
static bool
moves_with(const kt_cell_t *cell, const float camera[2])
{
    const float x = cell->dx - camera[0], y = cell->dy - camera[1];
    const float d = cell->xx * x * x + 2 * cell->xy * x * y + cell->yy * y * y;
    return d <= SAME_DISTANCE * SAME_DISTANCE * (cell->xx + cell->yy) ||
           (cell->precision > 0 && d * cell->precision <= SAME_CHANCE);
}

// What a field says of the time between its two pictures.
static void
step_of(motion_t *self, const kt_camera_t *camera, double begin_s, double end_s, bool by_codec, kt_step_t *out)
{
    float       unit[2], all = 0, moving = 0;
    const float limit = MOVING * (float)(end_s - begin_s);
    units_of(self, unit);
    *out = (kt_step_t){
        .begin_s = begin_s, .end_s = end_s, .by_codec = by_codec, .has_camera = camera->share >= CAMERA_SHARE};
    for (uint32_t i = 0; i < self->field.across * self->field.down; i++) {
        const kt_cell_t *cell    = &self->field.cell[i];
        float            move[2] = {cell->dx, cell->dy}, expected[2], shown[2], longer = 1;
        if (cell->weight <= 0)
            continue;
        kt_camera_at(camera, cell, expected);
        if (out->has_camera && moves_with(cell, expected)) {
            move[0] = expected[0];
            move[1] = expected[1];
        } else if (cell->length > 0) {
            const float of_mean = sqrtf(move[0] * move[0] + move[1] * move[1]);
            longer = cell->length > MIXED_LENGTH * of_mean ? cell->length / fmaxf(of_mean, LEAST_LENGTH) : 1;
        }
        turn(&self->stream, (float[2]){move[0] * unit[0], move[1] * unit[1]}, shown);
        const float distance = longer * sqrtf(shown[0] * shown[0] + shown[1] * shown[1]);
        out->distance += cell->weight * distance;
        out->to[direction_of(shown)] += cell->weight * distance;
        moving += distance > limit ? cell->weight : 0;
        all += cell->weight;
    }
    if (all < LEAST_TEXTURE * (float)(self->field.across * self->field.down)) {
        *out = (kt_step_t){.begin_s = begin_s, .end_s = end_s, .by_codec = by_codec, .has_camera = true};
        return;
    }
    out->distance /= all;
    out->moving = moving / all;
    for (int i = 0; i < KT_DIRECTIONS; i++)
        out->to[i] /= all;
    float shown[2];
    turn(&self->stream, (float[2]){camera->right * unit[0], camera->down * unit[1]}, shown);
    if (out->has_camera) {
        out->pan  = -shown[0];
        out->tilt = shown[1];
        out->zoom =
            100 * camera->zoom / (1 - camera->zoom);  // the model starts from this picture, growth from the earlier
    }
}

static kt_err_t
measure(motion_t *self, const kt_video_frame_t *frame, bool has_vectors)
{
    kt_camera_t camera;
    kt_step_t   step;
    bool        by_codec = has_vectors;
    if (has_vectors) {
        kt_field_from_vectors(&self->field, frame, kt_small_factor(self->coded_width, self->coded_height));
        by_codec = kt_match_confirm(&self->match, &frame->small, &self->field) >= CONFIRMED_SHARE;
    }
    if (!by_codec && frame->time_s - self->anchor_s > MATCH_MOST_S) {
        self->apart++;
        return KT_OK;
    }
    if (!by_codec)
        kt_match_run(&self->match, &frame->small, self->guess, &self->field);
    kt_camera_fit(&self->field, &camera);
    if (camera.share < CAMERA_SHARE)
        camera = (kt_camera_t){.share = camera.share};
    kt_match_settle(&self->match, &frame->small, &camera, &self->field);
    self->guess[0] = camera.right;
    self->guess[1] = camera.down;
    step_of(self, &camera, self->anchor_s, frame->time_s, by_codec, &step);
    self->waits = !self->has_vectors && hypotf(camera.right, camera.down) >= CREEPING &&
                  step.distance < SMALL_DISTANCE && frame->time_s - self->anchor_s < SMALL_MOST_S;
    if (!self->waits)
        return kt_record_push(&self->record, &step);
    self->waiting = step;
    return KT_OK;
}

static kt_err_t
motion_push(void *state, const kt_video_picture_t *picture)
{
    motion_t               *self  = state;
    const kt_video_frame_t *frame = picture->frame;
    kt_err_t                err   = KT_OK;
    self->pictures++;
    self->last_s      = frame->time_s;
    self->has_vectors = self->has_vectors || frame->n_vectors > 0;
    if (!self->ready) {
        if ((err = kt_match_init(&self->match, self->ops, frame->small.width, frame->small.height)))
            return err;
        kt_field_init(&self->field, frame->small.width, frame->small.height);
        kt_record_init(&self->record, self->stream.shots, frame->time_s);
        self->ready = true;
    } else if (self->field.across == 0 || self->field.down == 0 || self->key_frames) {
        return KT_OK;
    } else if (frame->flags & KT_FRAME_REPEATED && (self->waits || self->both_sides > 0)) {
        if (self->waits)
            self->waiting.end_s = frame->time_s;
        return KT_OK;
    } else if (frame->flags & KT_FRAME_REPEATED) {
        const kt_step_t still = {.begin_s = self->anchor_s, .end_s = frame->time_s, .has_camera = true};
        err                   = kt_record_push(&self->record, &still);
        self->anchor_s        = frame->time_s;
        return err;
    } else if (kt_frame_between(frame) && self->both_sides < BOTH_SIDES_MOST) {
        self->both_sides++;
        return KT_OK;
    } else {
        err = measure(self, frame, frame->n_vectors > 0 && !kt_frame_between(frame));
    }
    self->both_sides = 0;
    if (self->waits)
        return err;
    self->anchor_s = frame->time_s;
    if (self->field.across > 0 && self->field.down > 0)
        kt_match_keep(&self->match, &frame->small);
    return err;
}

static const kt_feature_t FEATURES[] = {KT_FEATURE_VISUAL_motion, KT_FEATURE_VISUAL_motion_vectors,
                                        KT_FEATURE_VISUAL_motion_directions, KT_FEATURE_VISUAL_camera,
                                        KT_FEATURE_VISUAL_static_share};

static void
write_sums(const kt_record_t *record, kt_document_t *document)
{
    const kt_motion_sum_t *all = &record->all;
    double                 sum = 0, share[KT_DIRECTIONS];
    kt_document_real(document, KT_FEATURE_VISUAL_motion, all->distance / all->time_s);
    kt_document_real(document, KT_FEATURE_VISUAL_static_share, all->static_s / all->time_s);
    for (int i = 0; i < KT_DIRECTIONS; i++)
        sum += record->to[i];
    for (int i = 0; i < KT_DIRECTIONS; i++)
        share[i] = sum > 0 ? record->to[i] / sum : 0;
    if (sum > 0)
        kt_document_reals(document, KT_FEATURE_VISUAL_motion_directions, share, KT_DIRECTIONS);
    else
        kt_document_null(document, KT_FEATURE_VISUAL_motion_directions, "nothing moves");
    if (all->camera_s > 0) {
        kt_document_pair(document, KT_FEATURE_VISUAL_camera, "pan", all->pan / all->camera_s);
        kt_document_pair(document, KT_FEATURE_VISUAL_camera, "tilt", all->tilt / all->camera_s);
        kt_document_pair(document, KT_FEATURE_VISUAL_camera, "zoom", all->zoom / all->camera_s);
    } else {
        kt_document_null(document, KT_FEATURE_VISUAL_camera, "no movement that most of the picture shares");
    }
}

static kt_err_t
motion_finish(void *state, double end_s, kt_document_t *document)
{
    motion_t    *self   = state;
    kt_record_t *record = &self->record;
    kt_err_t     err    = self->waits ? kt_record_push(record, &self->waiting) : KT_OK;
    if (!err)
        err = kt_record_close(record);
    if (err)
        return err;
    const size_t most = kt_feature_desc(KT_FEATURE_VISUAL_shots)->max_count;
    kt_document_objects(document, KT_FEATURE_VISUAL_shots, kt_record_shots_json(record, end_s, most));
    if (record->all.time_s <= 0) {
        const char *why = self->field.across == 0 || self->field.down == 0 ? "the picture is too small"
                          : self->key_frames                               ? "key frames alone were decoded"
                          : self->apart > 0                                ? "the pictures are too far apart"
                                                                           : "no two pictures of a shot";
        for (size_t i = 0; i < sizeof FEATURES / sizeof *FEATURES; i++)
            kt_document_null(document, FEATURES[i], why);
        return KT_OK;
    }
    double *speeds = malloc(KT_RECORD_BINS * sizeof *speeds);
    if (!speeds)
        return KT_ENOMEM;
    const size_t n = kt_record_speeds(record, end_s, speeds, KT_RECORD_BINS);
    kt_document_reals(document, KT_FEATURE_VISUAL_motion_vectors, speeds, n);
    free(speeds);
    write_sums(record, document);
    const char *method = 2 * record->codec_s >= record->all.time_s ? "codec vectors" : "block matching";
    for (size_t i = 0; i < sizeof FEATURES / sizeof *FEATURES; i++)
        kt_document_method(document, FEATURES[i], method);
    return KT_OK;
}

static uint64_t
motion_bytes(const kt_media_info_t *media_info, double seconds)
{
    (void)media_info;
    const uint64_t bins = seconds > 0 && seconds < KT_RECORD_BINS ? (uint64_t)seconds + 64 : KT_RECORD_BINS;
    return sizeof(motion_t) + 2 * (uint64_t)KT_SMALL_MOST * KT_SMALL_MOST + 2 * bins * 2 * sizeof(double) +
           KT_RECORD_SHOTS * sizeof(kt_motion_sum_t);
}

const kt_video_module_t kt_video_motion = {
    .name    = "motion",
    .stage   = "video_motion",
    .options = KT_OPTION_VISUAL,
    .new     = motion_new,
    .push    = motion_push,
    .finish  = motion_finish,
    .destroy = motion_destroy,
    .bytes   = motion_bytes,
};
