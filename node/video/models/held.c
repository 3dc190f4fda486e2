#include "node/video/models/held.h"

#include <stdlib.h>
#include <string.h>

typedef struct plane {
    const uint8_t *at;
    size_t         stride;
} plane_t;

// out: [height][width], the rounded means of factor x factor pixels.
static void
reduce(plane_t from, uint32_t factor, uint32_t width, uint32_t height, uint8_t *out)
{
    const uint32_t area = factor * factor;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            const uint8_t *row = from.at + (size_t)y * factor * from.stride + (size_t)x * factor;
            uint32_t       sum = area / 2;
            for (uint32_t i = 0; i < factor; i++, row += from.stride)
                for (uint32_t k = 0; k < factor; k++)
                    sum += row[k];
            *out++ = (uint8_t)(sum / area);
        }
}

static void
copy(plane_t from, uint32_t width, uint32_t height, uint8_t *out)
{
    for (uint32_t y = 0; y < height; y++, out += width, from.at += from.stride)
        memcpy(out, from.at, width);
}

kt_err_t
kt_held_set(kt_held_t *self, const kt_video_frame_t *frame)
{
    const kt_yuv_t *whole  = &frame->whole;
    const uint32_t  side   = whole->width > whole->height ? whole->width : whole->height;
    const uint32_t  factor = (side + KT_HELD_SIDE - 1) / KT_HELD_SIDE;
    // Blocks of chroma must be whole in a reduced picture.
    const uint32_t w = factor > 1 ? (whole->width / factor) & ~1U : whole->width;
    const uint32_t h = factor > 1 ? (whole->height / factor) & ~1U : whole->height;
    if (w == 0 || h == 0)  // 1 x 10,000 pixels: nothing to see
        return KT_EINVAL;
    const size_t need = kt_yuv_bytes(w, h);
    if (need > self->capacity) {
        uint8_t *bytes = realloc(self->bytes, need);
        if (!bytes)
            return KT_ENOMEM;
        self->bytes    = bytes;
        self->capacity = need;
    }
    const uint32_t cw = (w + 1) / 2, ch = (h + 1) / 2;
    uint8_t       *y = self->bytes, *u = y + (size_t)w * h, *v = u + (size_t)cw * ch;
    const plane_t  from[] = {{whole->y, whole->y_stride}, {whole->u, whole->c_stride}, {whole->v, whole->c_stride}};
    uint8_t *const to[]   = {y, u, v};
    for (int p = 0; p < 3; p++)
        if (factor > 1)
            reduce(from[p], factor, p ? cw : w, p ? ch : h, to[p]);
        else
            copy(from[p], p ? cw : w, p ? ch : h, to[p]);
    self->time_s = frame->time_s;
    self->factor = factor * (frame->whole_factor ? frame->whole_factor : 1);
    self->yuv    = (kt_yuv_t){.width = w, .height = h, .y = y, .u = u, .v = v, .y_stride = w, .c_stride = cw};
    return KT_OK;
}

void
kt_held_fini(kt_held_t *self)
{
    free(self->bytes);
    *self = (kt_held_t){0};
}

// Where the pixel (x, y) of the coded picture is shown: first + x * right + y * down, in pixels.
typedef struct turn {
    uint32_t  width, height;  // as shown
    ptrdiff_t first, right, down;
} turn_t;

static turn_t
rotated(uint32_t rotation, uint32_t width, uint32_t height)
{
    const ptrdiff_t w = width, h = height;
    switch (rotation) {
    case 90: return (turn_t){height, width, h - 1, h, -1};
    case 180: return (turn_t){width, height, w * h - 1, -1, -w};
    case 270: return (turn_t){height, width, (w - 1) * h, -h, 1};
    default: return (turn_t){width, height, 0, 1, w};
    }
}

static turn_t
turn_of(uint32_t rotation, bool mirrored, uint32_t width, uint32_t height)
{
    turn_t     turn   = rotated(rotation, width, height);
    const bool across = rotation % 180 == 0;  // columns of the coded picture are columns as shown
    if (mirrored && across) {
        turn.first += turn.right * ((ptrdiff_t)width - 1);
        turn.right = -turn.right;
    } else if (mirrored) {
        turn.first += turn.down * ((ptrdiff_t)height - 1);
        turn.down = -turn.down;
    }
    return turn;
}

kt_picture_t
kt_held_rgb(const kt_held_t *self, const kt_rgb_t *matrix, uint32_t rotation, bool mirrored, uint8_t *rgb)
{
    const kt_yuv_t *yuv  = &self->yuv;
    const turn_t    turn = turn_of(rotation, mirrored, yuv->width, yuv->height);
    for (uint32_t y = 0; y < yuv->height; y++) {
        const uint8_t *luma = yuv->y + (size_t)y * yuv->y_stride;
        const uint8_t *u = yuv->u + (size_t)(y / 2) * yuv->c_stride, *v = yuv->v + (size_t)(y / 2) * yuv->c_stride;
        uint8_t       *out = rgb + 3 * (turn.first + (ptrdiff_t)y * turn.down);
        for (uint32_t x = 0; x < yuv->width; x++, out += 3 * turn.right)
            kt_rgb_pixel(matrix, luma[x], u[x / 2], v[x / 2], out);
    }
    return (kt_picture_t){rgb, turn.width, turn.height, 3 * (size_t)turn.width};
}
