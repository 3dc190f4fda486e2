#include "models/input/image_input.h"

#include "models/input/image_resize.h"
#include "models/input/reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum size_mode { SIZE_FIXED, SIZE_STRETCH, SIZE_SHORT_SIDE, SIZE_HEIGHT } size_mode_t;

enum { CHANNELS = 3, LEVELS = 256, MOST_FRAMES = 4096 };

struct kt_image_input {
    size_mode_t       mode;
    uint32_t          height, width, least, most, multiple;
    kt_image_filter_t filter;
    bool              bgr;
    kt_image_blocks_t blocks;
    float             value[CHANNELS][LEVELS];  // of each level, in the graph's order of channels
};

// The picture, and the input around it.
typedef struct sizes {
    int64_t h, w, outer_w;
} sizes_t;

// --- the description

// One number, or one per channel.
static void
read_three(const kt_reader_t *r, const char *key, double fallback, double out[CHANNELS])
{
    const json_t *list = kt_json_get(r->object, key);
    if (kt_json_kind(list) != KT_JSON_ARRAY) {
        out[0] = out[1] = out[2] = kt_reader_number(r, key, fallback, -1e6, 1e6);
        return;
    }
    for (size_t c = 0; c < CHANNELS; c++)
        if (kt_json_count(list) != CHANNELS || !kt_json_number(kt_json_at(list, c), &out[c]) || fabs(out[c]) > 1e6)
            kt_reader_fail(r, key, "must be a number or three, from -1e6 to 1e6");
}

static void
read_size(kt_image_input_t *self, const kt_reader_t *input)
{
    static const char *const MODES[] = {"fixed", "stretch", "short_side", "height", NULL};
    const kt_reader_t        r       = kt_reader_member(input, "size", "input.size");
    self->mode                       = (size_mode_t)kt_reader_choice(&r, "mode", -1, MODES);
    const bool fixed = self->mode == SIZE_FIXED, height = self->mode == SIZE_HEIGHT,
               side = self->mode == SIZE_SHORT_SIDE;
    self->height    = kt_reader_whole(&r, "height", fixed || height ? NAN : 1, 1, KT_PICTURE_SIDE);
    self->width     = kt_reader_whole(&r, "width", fixed ? NAN : 1, 1, KT_PICTURE_SIDE);
    self->least     = kt_reader_whole(&r, "least", side ? NAN : 1, 1, KT_PICTURE_SIDE);
    self->most      = kt_reader_whole(&r, "most", side ? NAN : KT_PICTURE_SIDE, 1, KT_PICTURE_SIDE);
    self->multiple  = kt_reader_whole(&r, "multiple", fixed || height ? 1 : NAN, 1, 1024);
    if (self->most < self->least)
        kt_reader_fail(&r, "most", "must be at least least");
}

static void
read_blocks(kt_image_input_t *self, const kt_reader_t *input)
{
    const kt_reader_t r = kt_reader_member(input, "blocks", "input.blocks");
    self->blocks.frames = kt_reader_whole(&r, "frames", NAN, 1, MOST_FRAMES);
    self->blocks.left   = kt_reader_whole(&r, "left", 0, 0, MOST_FRAMES);
    self->blocks.right  = kt_reader_whole(&r, "right", 0, 0, MOST_FRAMES);
    if (self->mode != SIZE_FIXED)
        kt_reader_fail(input, "size", "frames must have a fixed size");
}

static kt_err_t
read_input(kt_image_input_t *self, const json_t *input, char why[KT_KTM_WHY])
{
    static const char *const KINDS[]         = {"image", "frames", NULL};
    static const char *const COLOURS[]       = {"rgb", "bgr", NULL};
    static const char *const FILTERS[]       = {"bilinear", "bicubic", "area", NULL};
    bool                     failed          = false;
    const kt_reader_t        r               = {.object = input, .where = "input", .why = why, .failed = &failed};
    double                   scale[CHANNELS] = {0}, offset[CHANNELS] = {0};
    const int                kind = kt_reader_choice(&r, "kind", -1, KINDS);
    self->bgr                     = kt_reader_choice(&r, "colour", 0, COLOURS) == 1;
    self->filter                  = (kt_image_filter_t)kt_reader_choice(&r, "filter", KT_FILTER_BILINEAR, FILTERS);
    read_size(self, &r);
    read_three(&r, "scale", 1, scale);
    read_three(&r, "offset", 0, offset);
    if (kind == 1)
        read_blocks(self, &r);
    for (int c = 0; !failed && c < CHANNELS; c++)
        for (int v = 0; v < LEVELS; v++)
            self->value[c][v] = (float)(v * scale[c] + offset[c]);
    return failed ? KT_EMODEL : KT_OK;
}

kt_err_t
kt_image_input_parse(kt_image_input_t **self_p, const json_t *input, char why[KT_KTM_WHY])
{
    kt_err_t          err  = KT_ENOMEM;
    kt_image_input_t *self = calloc(1, sizeof *self);
    if (!self || (err = read_input(self, input, why)))
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_image_input_destroy(&self);
    return err;
}

kt_err_t
kt_image_input_new(kt_image_input_t **self_p, const kt_ktm_t *file, char why[KT_KTM_WHY])
{
    return kt_image_input_parse(self_p, kt_json_get(kt_ktm_header(file), "input"), why);
}

void
kt_image_input_destroy(kt_image_input_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}

kt_image_blocks_t
kt_image_input_blocks(const kt_image_input_t *self)
{
    return self->blocks;
}

// --- sizes

static int64_t
round_up(int64_t n, int64_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

// To the nearest multiple, ties to the even one, at least one.
static int64_t
round_to(double n, int64_t multiple)
{
    const int64_t out = (int64_t)rint(floor(n) / (double)multiple) * multiple;
    return out < multiple ? multiple : out;
}

static sizes_t
sizes_of(const kt_image_input_t *self, uint32_t width, uint32_t height)
{
    const double shorter = width < height ? width : height, longer = width < height ? height : width;
    sizes_t      out = {.h = self->height, .w = self->width, .outer_w = self->width};
    if (self->mode == SIZE_STRETCH) {
        out.h = round_up(height, self->multiple);
        out.w = out.outer_w = round_up(width, self->multiple);
    } else if (self->mode == SIZE_SHORT_SIDE) {
        const double factor = fmin(fmax(1, self->least / shorter), self->most / longer);
        out.h               = round_to(height * factor, self->multiple);
        out.w = out.outer_w = round_to(width * factor, self->multiple);
    } else if (self->mode == SIZE_HEIGHT) {
        // As PP-OCR: rounded up while there is room for it.
        const double w = (double)width * self->height / height;
        out.w          = (int64_t)fmin(ceil(w), fmax(self->least, floor(w)));
        out.outer_w    = round_up(out.w > self->least ? out.w : self->least, self->multiple);
    }
    return out;
}

void
kt_image_input_size(const kt_image_input_t *self, uint32_t width, uint32_t height, int64_t *h, int64_t *w)
{
    const sizes_t sizes = sizes_of(self, width, height);
    *h                  = sizes.h;
    *w                  = sizes.outer_w;
}

// --- pixels

static void
fill_planes(const kt_image_input_t *self, const uint8_t *rgb, const sizes_t *sizes, float *out)
{
    const size_t h = (size_t)sizes->h, w = (size_t)sizes->w, outer = (size_t)sizes->outer_w;
    for (size_t c = 0; c < CHANNELS; c++) {
        const float   *value = self->value[c];
        const uint8_t *from  = rgb + (self->bgr ? CHANNELS - 1 - c : c);
        for (size_t y = 0; y < h; y++, out += outer) {
            for (size_t x = 0; x < w; x++, from += CHANNELS)
                out[x] = value[*from];
            memset(out + w, 0, (outer - w) * sizeof *out);
        }
    }
}

kt_err_t
kt_image_input_place(const kt_image_input_t *self, const kt_picture_t *picture, float *out)
{
    if (picture->width < 1 || picture->height < 1 || picture->width > KT_PICTURE_SIDE ||
        picture->height > KT_PICTURE_SIDE)
        return KT_EINVAL;
    const sizes_t sizes = sizes_of(self, picture->width, picture->height);
    if (sizes.h > KT_PICTURE_SIDE || sizes.outer_w > KT_PICTURE_SIDE)
        return KT_EINVAL;
    uint8_t *rgb = malloc(CHANNELS * (size_t)sizes.h * (size_t)sizes.w);
    if (!rgb)
        return KT_ENOMEM;
    const kt_err_t err = kt_image_resize(self->filter, picture, (uint32_t)sizes.w, (uint32_t)sizes.h, rgb);
    if (!err)
        fill_planes(self, rgb, &sizes, out);
    free(rgb);
    return err;
}
