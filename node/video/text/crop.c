#include "node/video/text/crop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TALL 1.5

enum { CHANNELS = 3, TAPS = 4 };

// (u, v) in the unit square -> x = (a u + b v + c) / (g u + h v + 1), y = (d u + e v + f) / the same.
typedef struct projection {
    double a, b, c, d, e, f, g, h;
} projection_t;

// Heckbert 1989, Fundamentals of Texture Mapping, section 2.2.3.
static projection_t
projection_of(const kt_point_t p[4])
{
    const double dx1 = p[1].x - p[2].x, dx2 = p[3].x - p[2].x, dx3 = p[0].x - p[1].x + p[2].x - p[3].x;
    const double dy1 = p[1].y - p[2].y, dy2 = p[3].y - p[2].y, dy3 = p[0].y - p[1].y + p[2].y - p[3].y;
    const double det = dx1 * dy2 - dx2 * dy1;
    const double g = det != 0 ? (dx3 * dy2 - dx2 * dy3) / det : 0, h = det != 0 ? (dx1 * dy3 - dx3 * dy1) / det : 0;
    return (projection_t){p[1].x - p[0].x + g * p[1].x,
                          p[3].x - p[0].x + h * p[3].x,
                          p[0].x,
                          p[1].y - p[0].y + g * p[1].y,
                          p[3].y - p[0].y + h * p[3].y,
                          p[0].y,
                          g,
                          h};
}

static void
cubic(double x, double out[TAPS])
{
    const double A = -0.75, y = 1 - x;
    out[0] = ((A * (x + 1) - 5 * A) * (x + 1) + 8 * A) * (x + 1) - 4 * A;
    out[1] = ((A + 2) * x - (A + 3)) * x * x + 1;
    out[2] = ((A + 2) * y - (A + 3)) * y * y + 1;
    out[3] = 1 - out[0] - out[1] - out[2];
}

static size_t
clamp(int64_t at, uint32_t size)
{
    return at < 0 ? 0 : at >= size ? size - 1 : (size_t)at;
}

static void
sample(const kt_picture_t *picture, double x, double y, uint8_t out[CHANNELS])
{
    const int64_t left = (int64_t)floor(x), top = (int64_t)floor(y);
    double        across[TAPS], down[TAPS], sum[CHANNELS] = {0};
    cubic(x - (double)left, across);
    cubic(y - (double)top, down);
    for (int r = 0; r < TAPS; r++) {
        const uint8_t *row = picture->rgb + clamp(top + r - 1, picture->height) * picture->stride;
        for (int k = 0; k < TAPS; k++) {
            const uint8_t *pixel  = row + CHANNELS * clamp(left + k - 1, picture->width);
            const double   weight = down[r] * across[k];
            for (int c = 0; c < CHANNELS; c++)
                sum[c] += weight * pixel[c];
        }
    }
    for (int c = 0; c < CHANNELS; c++)
        out[c] = (uint8_t)fmin(fmax(sum[c] + 0.5, 0), 255);
}

static double
longer(kt_point_t a, kt_point_t b, kt_point_t c, kt_point_t d)
{
    return fmax(hypot(b.x - a.x, b.y - a.y), hypot(d.x - c.x, d.y - c.y));
}

kt_err_t
kt_crop_new(const kt_picture_t *picture, const kt_point_t corner[4], uint8_t **rgb, kt_picture_t *out)
{
    kt_point_t p[4];
    memcpy(p, corner, sizeof p);
    for (int i = 0; i < 4; i++)  // not a number, or far outside
        if (!(fabsf(p[i].x) < 2 * KT_PICTURE_SIDE && fabsf(p[i].y) < 2 * KT_PICTURE_SIDE))
            return KT_EINVAL;
    double width = floor(longer(p[0], p[1], p[3], p[2])), height = floor(longer(p[0], p[3], p[1], p[2]));
    if (width < 1 || height < 1)
        return KT_EINVAL;
    if (height / width >= TALL) {
        const double kept = width;
        width             = height;
        height            = kept;
        memcpy(p, (kt_point_t[]){corner[1], corner[2], corner[3], corner[0]}, sizeof p);
    }
    width                = fmin(width, KT_CROP_ASPECT * height);
    const uint32_t     w = (uint32_t)width, h = (uint32_t)height;
    const projection_t to   = projection_of(p);
    uint8_t           *made = malloc(CHANNELS * (size_t)w * h), *pixel = made;
    if (!made)
        return KT_ENOMEM;
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++, pixel += CHANNELS) {
            const double u = x / width, v = y / height, scale = to.g * u + to.h * v + 1;
            sample(picture, (to.a * u + to.b * v + to.c) / scale, (to.d * u + to.e * v + to.f) / scale, pixel);
        }
    *rgb = made;
    *out = (kt_picture_t){made, w, h, CHANNELS * (size_t)w};
    return KT_OK;
}
