#include "kernels/image/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct hsv {
    int h, s, v;
} hsv_t;

static int
luma(const uint8_t *p)
{
    return (299 * p[0] + 587 * p[1] + 114 * p[2] + 500) / 1000;
}

// n / d in 20.12 fixed point, rounded, as OpenCV's tables hold it.
static int
quotient(int n, int d)
{
    return d == 0 ? 0 : (2 * (n << 12) + d) / (2 * d);
}

static hsv_t
hsv_of(const uint8_t *p)
{
    const int r = p[0], g = p[1], b = p[2];
    const int most = r > g ? (r > b ? r : b) : g > b ? g : b, least = r < g ? (r < b ? r : b) : g < b ? g : b;
    const int range = most - least;
    int       h     = most == r ? g - b : most == g ? b - r + 2 * range : r - g + 4 * range;
    h               = (h * quotient(30, range) + 2048) >> 12;
    return (hsv_t){h < 0 ? h + 180 : h, (range * quotient(255, most) + 2048) >> 12, most};
}

static void
image_stats(const uint8_t *rgb, const uint8_t *before, uint32_t width, uint32_t height, kt_image_stats_t *out)
{
    const size_t row = 3 * (size_t)width;
    uint64_t    *sum = out->sum;
    memset(out, 0, sizeof *out);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            const size_t   at    = y * row + 3 * (size_t)x;
            const uint8_t *p     = rgb + at;
            const hsv_t    now   = hsv_of(p);
            const uint64_t light = (uint64_t)luma(p);
            sum[KT_IMAGE_LUMA] += light;
            sum[KT_IMAGE_LUMA_SQUARES] += light * light;
            sum[KT_IMAGE_HUE] += (uint64_t)now.h;
            sum[KT_IMAGE_SATURATION] += (uint64_t)now.s;
            sum[KT_IMAGE_VALUE] += (uint64_t)now.v;
            out->colour[p[0] / 32 * 64 + p[1] / 32 * 8 + p[2] / 32]++;
            if (before) {
                const hsv_t then = hsv_of(before + at);
                sum[KT_IMAGE_HUE_CHANGE] += (uint64_t)abs(now.h - then.h);
                sum[KT_IMAGE_SATURATION_CHANGE] += (uint64_t)abs(now.s - then.s);
                sum[KT_IMAGE_VALUE_CHANGE] += (uint64_t)abs(now.v - then.v);
            }
            if (x == 0 || y == 0 || x + 1 == width || y + 1 == height)
                continue;
            const int64_t edge = 4 * luma(p) - luma(p - 3) - luma(p + 3) - luma(p - row) - luma(p + row);
            sum[KT_IMAGE_EDGES] += (uint64_t)edge;
            sum[KT_IMAGE_EDGE_SQUARES] += (uint64_t)(edge * edge);
        }
}

static void
image_light(const uint8_t *rgb, uint32_t width, uint32_t height, kt_image_stats_t *out)
{
    static const kt_image_sum_t OTHERS[] = {KT_IMAGE_HUE, KT_IMAGE_VALUE, KT_IMAGE_EDGES, KT_IMAGE_EDGE_SQUARES};
    image_stats(rgb, NULL, width, height, out);
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
        out->sum[OTHERS[i]] = 0;
}

const kt_image_ops_t kt_image_ops_ref = {image_stats, image_light};

static double
variance(double sum, double squares, double n)
{
    return n > 0 ? fmax(0, squares / n - sum / n * (sum / n)) : 0;
}

void
kt_image_measure(const kt_image_stats_t *stats, uint32_t width, uint32_t height, kt_image_measures_t *out)
{
    const uint64_t *sum    = stats->sum;
    const double    pixels = (double)width * height, n = pixels > 0 ? pixels : 1;
    const double    inner = width > 2 && height > 2 ? (double)(width - 2) * (height - 2) : 0;
    *out                  = (kt_image_measures_t){
                         .brightness = (double)sum[KT_IMAGE_LUMA] / n / 255,
                         .contrast   = sqrt(variance((double)sum[KT_IMAGE_LUMA], (double)sum[KT_IMAGE_LUMA_SQUARES], n)) / 255,
                         .saturation = (double)sum[KT_IMAGE_SATURATION] / n / 255,
                         .change     = {(double)sum[KT_IMAGE_HUE_CHANGE] / n, (double)sum[KT_IMAGE_SATURATION_CHANGE] / n,
                                        (double)sum[KT_IMAGE_VALUE_CHANGE] / n},
                         .sharpness  = variance((double)(int64_t)sum[KT_IMAGE_EDGES], (double)sum[KT_IMAGE_EDGE_SQUARES], inner)};
}
