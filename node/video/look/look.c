// Look: brightness, contrast, saturation and colours as means over time, black, white and frozen parts, bars. A mean
// weighs each picture by the time for which it is shown, so that a variable frame rate does not matter.
#include "kernels/isa.h"
#include "node/video/look/frozen.h"
#include "node/video/look/letterbox.h"
#include "node/video/look/palette.h"
#include "node/video/look/parts.h"
#include "node/video/modules.h"

#include <math.h>
#include <stdlib.h>

// Black as FFmpeg's blackdetect: 98 % of the pixels at a tenth of full luma or below; white the same from above. A
// picture of the other kind is recognised by its mean, without counting.
#define EXTREME_LEVEL 0.1
#define EXTREME_SHARE 0.98
#define EXTREME_LEAST_S 0.5
#define FROZEN_LEAST_S 2.0
#define BRIGHT 0.08     // mean luma of pictures in which bars can be separated from the scene
#define NO_TIME_S 1e-9  // weight of a picture that is shown for no time, should there be no others

enum { BLACK, WHITE, FROZEN, KINDS };
static const kt_feature_t PART_FEATURES[KINDS] = {KT_FEATURE_VISUAL_black_parts, KT_FEATURE_VISUAL_white_parts,
                                                  KT_FEATURE_VISUAL_frozen_parts};

typedef struct look {
    const kt_block_ops_t *ops;
    uint32_t              coded_width, coded_height;
    uint8_t               black, white;  // Y at most, at least
    uint64_t              pictures;
    // The last picture, which is weighed when its end is known.
    double              time_s;
    kt_image_measures_t measures;
    uint32_t            colour[KT_IMAGE_COLOURS];
    uint64_t            pixels;
    double              weight, brightness, contrast, saturation;  // sums
    kt_palette_t        palette;
    kt_parts_t          parts[KINDS];
    kt_frozen_t         frozen;
    kt_letterbox_t      letterbox;
} look_t;

static void
look_destroy(void **state)
{
    look_t *self = *state;
    if (!self)
        return;
    for (int i = 0; i < KINDS; i++)
        kt_parts_fini(&self->parts[i]);
    kt_frozen_fini(&self->frozen);
    free(self);
    *state = NULL;
}

static kt_err_t
look_new(void **state, const kt_video_stream_t *stream)
{
    look_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    const bool   full  = stream->full_range;
    const double black = full ? 0 : 16, range = full ? 255 : 219;
    self->ops          = kt_device_isa(stream->device)->block;
    self->frozen.ops   = self->ops;
    self->coded_width  = stream->media_info->width;
    self->coded_height = stream->media_info->height;
    self->black        = (uint8_t)floor(black + range * EXTREME_LEVEL);
    self->white        = (uint8_t)ceil(black + range * (1 - EXTREME_LEVEL));
    for (int i = 0; i < KINDS; i++)
        self->parts[i] = (kt_parts_t){.least_s = i == FROZEN ? FROZEN_LEAST_S : EXTREME_LEAST_S,
                                      .most    = kt_feature_desc(PART_FEATURES[i])->max_count};
    kt_letterbox_init(&self->letterbox, self->ops, full);
    *state = self;
    return KT_OK;
}

// Weighs the last picture, which is shown until end_s.
static void
weigh_last(look_t *self, double end_s)
{
    if (self->pictures == 0)
        return;
    const double weight = fmax(end_s - self->time_s, 0) + NO_TIME_S;
    self->weight += weight;
    self->brightness += weight * self->measures.brightness;
    self->contrast += weight * self->measures.contrast;
    self->saturation += weight * self->measures.saturation;
    kt_palette_add(&self->palette, self->colour, self->pixels, weight);
}

// Share of the reduced luma above a limit.
static double
share_above(const look_t *self, const kt_yuv_t *yuv, uint8_t limit)
{
    size_t n = 0;
    for (uint32_t y = 0; y < yuv->height; y++)
        n += self->ops->above(yuv->y + y * yuv->y_stride, yuv->width, limit);
    return (double)n / ((double)yuv->width * yuv->height);
}

static kt_err_t
push_parts(look_t *self, const kt_video_picture_t *picture)
{
    // The mean of a black picture: nearly all pixels at the limit, the others white. The margin is for rounding, and
    // for pixels beside the last whole block of four.
    const double mean = picture->measures.brightness, limit = EXTREME_LEVEL * EXTREME_SHARE + 1 - EXTREME_SHARE + 0.02;
    const kt_yuv_t *yuv   = &picture->frame->small;
    const double    time  = picture->frame->time_s;
    const bool      black = mean <= limit && share_above(self, yuv, self->black) <= 1 - EXTREME_SHARE;
    const bool      white = mean >= 1 - limit && share_above(self, yuv, (uint8_t)(self->white - 1)) >= EXTREME_SHARE;
    bool            same  = true;
    kt_err_t        err   = kt_parts_push(&self->parts[BLACK], time, black);
    if (!err)
        err = kt_parts_push(&self->parts[WHITE], time, white);
    if (!err && (self->pictures == 0 || !(picture->frame->flags & KT_FRAME_REPEATED)))
        err = kt_frozen_push(&self->frozen, picture->frame, &same);
    return err || same ? err : kt_parts_restart(&self->parts[FROZEN], time);
}

static kt_err_t
look_push(void *state, const kt_video_picture_t *picture)
{
    look_t                 *self  = state;
    const kt_video_frame_t *frame = picture->frame;
    weigh_last(self, frame->time_s);
    const kt_err_t err = push_parts(self, picture);
    if (err)
        return err;
    self->time_s   = frame->time_s;
    self->measures = picture->measures;
    self->pixels   = (uint64_t)picture->width * picture->height;
    for (size_t i = 0; i < KT_IMAGE_COLOURS; i++)
        self->colour[i] = picture->stats->colour[i];
    if (self->pictures == 0 || frame->flags & KT_FRAME_SAMPLED)
        kt_palette_look(&self->palette, picture->rgb, self->pixels);
    if (picture->measures.brightness >= BRIGHT)
        kt_letterbox_add(&self->letterbox, frame, kt_small_factor(self->coded_width, self->coded_height));
    self->pictures++;
    return KT_OK;
}

static void
write_bars(const look_t *self, kt_document_t *document)
{
    static const char *const NAMES[KT_SIDES] = {"top", "bottom", "left", "right"};
    uint32_t                 bars[KT_SIDES];
    if (!kt_letterbox_find(&self->letterbox, bars)) {
        kt_document_null(document, KT_FEATURE_VISUAL_letterbox, "no picture is bright enough to show bars");
        return;
    }
    for (int side = 0; side < KT_SIDES; side++)
        kt_document_pair(document, KT_FEATURE_VISUAL_letterbox, NAMES[side], bars[side]);
}

static kt_err_t
look_finish(void *state, double end_s, kt_document_t *document)
{
    look_t *self = state;
    double  shares[KT_IMAGE_COLOURS];
    weigh_last(self, end_s);
    for (int i = 0; i < KINDS; i++) {
        const kt_err_t err = kt_parts_push(&self->parts[i], end_s, false);
        if (err)
            return err;
        kt_document_objects(document, PART_FEATURES[i], kt_parts_json(&self->parts[i]));
    }
    kt_document_real(document, KT_FEATURE_VISUAL_brightness, self->brightness / self->weight);
    kt_document_real(document, KT_FEATURE_VISUAL_contrast, self->contrast / self->weight);
    kt_document_real(document, KT_FEATURE_VISUAL_saturation, self->saturation / self->weight);
    kt_palette_shares(&self->palette, shares);
    kt_document_reals(document, KT_FEATURE_VISUAL_color_histogram, shares, KT_IMAGE_COLOURS);
    kt_document_objects(document, KT_FEATURE_VISUAL_dominant_colors, kt_palette_json(&self->palette));
    write_bars(self, document);
    return KT_OK;
}

static uint64_t
look_bytes(const kt_media_info_t *media_info, double seconds)
{
    (void)media_info, (void)seconds;
    return sizeof(look_t) + (uint64_t)KT_SMALL_MOST * KT_SMALL_MOST + KINDS * 1024 * sizeof(kt_part_t);
}

const kt_video_module_t kt_video_look = {
    .name    = "look",
    .stage   = "video_look",
    .options = KT_OPTION_VISUAL,
    .new     = look_new,
    .push    = look_push,
    .finish  = look_finish,
    .destroy = look_destroy,
    .bytes   = look_bytes,
};
