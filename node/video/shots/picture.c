#include "node/video/shots/picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FRACTION  = 16,  // steps of the reduced luma per 8-bit step
    RADIUS    = 8,   // structure: a pixel less the mean of the 17 x 17 pixels around it
    DIAMETER  = 2 * RADIUS + 1,
    LEVEL     = 20,  // mean absolute structure after normalisation, in steps of `detail`
    GAIN_MOST = 12,
};

// Mean absolute difference of two pictures of the same scene, of noise and coding, in 8-bit steps at the reduced size.
static const float noise = 0.6f;

void
kt_shot_size(uint32_t width, uint32_t height, kt_shot_size_t *out)
{
    const uint32_t side = width > height ? width : height, factor = (2 * side + KT_SHOT_SIDE) / (2 * KT_SHOT_SIDE);
    out->factor        = factor > 1 ? factor : 1;
    out->width         = width / out->factor;
    out->height        = height / out->factor;
    out->chroma_width  = (width + 1) / 2 / out->factor;
    out->chroma_height = (height + 1) / 2 / out->factor;
    out->across        = out->width / KT_SHOT_BLOCK;
    out->down          = out->height / KT_SHOT_BLOCK;
    out->stride        = (out->width + 2 * KT_SHOT_PAD + 15) / 16 * 16;
}

static size_t
detail_bytes(const kt_shot_size_t *size)
{
    return size->stride * (size->height + 2 * KT_SHOT_PAD);
}

size_t
kt_shot_picture_bytes(const kt_shot_size_t *size)
{
    return detail_bytes(size) + (size_t)size->width * size->height +
           2 * (size_t)size->chroma_width * size->chroma_height;
}

void
kt_shot_picture_init(kt_shot_picture_t *self, const kt_shot_size_t *size, uint8_t *memory)
{
    memset(self, 0, sizeof *self);
    memset(memory, KT_SHOT_NEUTRAL, kt_shot_picture_bytes(size));
    self->detail = memory + KT_SHOT_PAD * size->stride + KT_SHOT_PAD;
    self->luma   = memory + detail_bytes(size);
    self->u      = self->luma + (size_t)size->width * size->height;
    self->v      = self->u + (size_t)size->chroma_width * size->chroma_height;
}

void
kt_shot_picture_copy(kt_shot_picture_t *self, const kt_shot_size_t *size, const kt_shot_picture_t *from)
{
    const kt_shot_picture_t planes = *self;
    memcpy(self, from, sizeof *self);
    self->detail = planes.detail;
    self->luma   = planes.luma;
    self->u      = planes.u;
    self->v      = planes.v;
    // All planes lie one after the other, padding included.
    memcpy(self->detail - KT_SHOT_PAD * size->stride - KT_SHOT_PAD,
           from->detail - KT_SHOT_PAD * size->stride - KT_SHOT_PAD, kt_shot_picture_bytes(size));
}

// Means of factor x factor pixels, in 1/16 steps.
static void
reduce(const uint8_t *plane, size_t stride, uint32_t factor, uint32_t width, uint32_t height, uint16_t *out)
{
    uint16_t       column[KT_SMALL_MOST];
    const uint32_t n = factor * factor, scale = (FRACTION * 65536u + n / 2) / n;
    for (uint32_t y = 0; y < height; y++, out += width) {
        memset(column, 0, sizeof column);
        for (uint32_t r = 0; r < factor; r++, plane += stride)
            for (uint32_t x = 0; x < width * factor; x++)
                column[x] = (uint16_t)(column[x] + plane[x]);
        for (uint32_t x = 0; x < width; x++) {
            uint32_t sum = 0;
            for (uint32_t c = 0; c < factor; c++)
                sum += column[x * factor + c];
            out[x] = (uint16_t)((sum * scale + 32768) >> 16);
        }
    }
}

static void
to_bytes(const uint16_t *in, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t level = (in[i] + FRACTION / 2u) / FRACTION;
        out[i]               = (uint8_t)(level > 255 ? 255 : level);
    }
}

// The row of a picture, of rows outside the nearest one.
static const uint16_t *
row_near(const uint16_t *luma, uint32_t width, uint32_t height, int y)
{
    const int last = (int)height - 1;
    return luma + (size_t)(y < 0 ? 0 : y > last ? last : y) * width;
}

// out: luma less its mean over DIAMETER x DIAMETER pixels, edges repeated. Returns the sum of absolute values.
static uint64_t
structure(const uint16_t *luma, uint32_t width, uint32_t height, int16_t *out)
{
    uint32_t column[KT_SHOT_SIDE_MAX + 2 * RADIUS];  // sums of DIAMETER rows
    uint64_t sum = 0;
    memset(column, 0, sizeof column);
    for (int y = -RADIUS - 1; y < RADIUS; y++)
        for (uint32_t x = 0; x < width; x++)
            column[RADIUS + x] += row_near(luma, width, height, y)[x];
    for (uint32_t y = 0; y < height; y++, out += width) {
        const uint16_t *enter = row_near(luma, width, height, (int)y + RADIUS);
        const uint16_t *leave = row_near(luma, width, height, (int)y - RADIUS - 1);
        uint32_t        box   = 0;
        for (uint32_t x = 0; x < width; x++)
            column[RADIUS + x] += (uint32_t)enter[x] - leave[x];
        for (uint32_t x = 0; x < RADIUS; x++) {
            column[x]                  = column[RADIUS];
            column[RADIUS + width + x] = column[RADIUS + width - 1];
        }
        for (uint32_t x = 0; x < DIAMETER - 1; x++)
            box += column[x];
        for (uint32_t x = 0; x < width; x++) {
            box += column[x + DIAMETER - 1];
            const int value = luma[(size_t)y * width + x] - (int)(box / (DIAMETER * DIAMETER));
            box -= column[x];
            out[x] = (int16_t)value;
            sum += (uint64_t)abs(value);
        }
    }
    return sum;
}

static void
normalise(kt_shot_picture_t *self, const kt_shot_size_t *size, const int16_t *local, uint64_t sum)
{
    const size_t n = (size_t)size->width * size->height;
    // 8.8 fixed point, of 1/16 steps
    int64_t gain = sum ? (int64_t)(LEVEL * 256 * n / sum) : GAIN_MOST * 256 / FRACTION;
    if (gain > GAIN_MOST * 256 / FRACTION)
        gain = GAIN_MOST * 256 / FRACTION;
    const int factor = (int)(gain > 1 ? gain : 1);
    for (uint32_t y = 0; y < size->height; y++) {
        uint8_t *out = self->detail + y * size->stride;
        for (uint32_t x = 0; x < size->width; x++) {
            const int value = KT_SHOT_NEUTRAL + ((local[y * size->width + x] * factor + 128) >> 8);
            out[x]          = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
    }
    self->contrast = (float)sum / (float)(FRACTION * n);
    self->floor    = noise * FRACTION * (float)factor / 256 * KT_SHOT_BLOCK * KT_SHOT_BLOCK;
    for (uint32_t b = 0; b < size->across * size->down; b++) {
        const uint32_t row = b / size->across, column = b % size->across;
        const uint8_t *block        = self->detail + (row * size->stride + column) * KT_SHOT_BLOCK;
        uint32_t       sum_of_block = 0;
        for (int y = 0; y < KT_SHOT_BLOCK; y++, block += size->stride)
            for (int x = 0; x < KT_SHOT_BLOCK; x++)
                sum_of_block += (uint32_t)abs(block[x] - KT_SHOT_NEUTRAL);
        self->intra[row * KT_SHOT_ACROSS + column] = sum_of_block;
    }
}

void
kt_shot_picture_make(kt_shot_picture_t *self, const kt_shot_size_t *size, const kt_yuv_t *yuv,
                     const kt_image_stats_t *stats)
{
    uint16_t     luma[KT_SHOT_SIDE_MAX * KT_SHOT_SIDE_MAX];
    int16_t      local[KT_SHOT_SIDE_MAX * KT_SHOT_SIDE_MAX];
    const size_t n = (size_t)size->width * size->height, chroma = (size_t)size->chroma_width * size->chroma_height;
    uint64_t     sum = 0, squares = 0, colours = 0;
    reduce(yuv->u, yuv->c_stride, size->factor, size->chroma_width, size->chroma_height, luma);
    to_bytes(luma, chroma, self->u);
    reduce(yuv->v, yuv->c_stride, size->factor, size->chroma_width, size->chroma_height, luma);
    to_bytes(luma, chroma, self->v);
    reduce(yuv->y, yuv->y_stride, size->factor, size->width, size->height, luma);
    to_bytes(luma, n, self->luma);
    for (size_t i = 0; i < n; i++) {
        sum += luma[i];
        squares += (uint32_t)luma[i] * luma[i];
    }
    const double mean = n ? (double)sum / (double)n : 0, variance = n ? (double)squares / (double)n - mean * mean : 0;
    self->mean      = (float)(mean / FRACTION);
    self->deviation = variance > 0 ? (float)(sqrt(variance) / FRACTION) : 0;
    for (int c = 0; c < KT_IMAGE_COLOURS; c++)
        colours += stats->colour[c];
    for (int c = 0; c < KT_IMAGE_COLOURS; c++)
        self->colour[c] = colours ? (uint16_t)((uint64_t)stats->colour[c] * 65535 / colours) : 0;
    if (n)
        normalise(self, size, local, structure(luma, size->width, size->height, local));
}
