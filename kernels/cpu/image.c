// Strips of up to STRIP pixels of all rows: a row's colours are separated, then everything is loops over plain arrays;
// luma of three rows is kept for the Laplacian. Integers only, and quotients in float that are exact: the largest is
// below 2^20, so rounding errs by less than half the distance to the next tie.
#include "kernels/cpu/packed.h"
#include "kernels/image/stats.h"

#include <stdbool.h>

enum { STRIP = 512, ROOM = STRIP + 2, COUNTERS = 4 };

typedef struct planes {
    uint8_t r[STRIP], g[STRIP], b[STRIP];
} planes_t;

// One row of a strip of n pixels; luma has one more at each side that the picture has.
typedef struct strip {
    planes_t now, before;
    uint8_t  luma[3][ROOM];  // of row y at y % 3; luma[.][0] is the pixel left of the strip
    uint32_t colour[COUNTERS][KT_IMAGE_COLOURS];
} strip_t;

// numerator / d in 20.12 fixed point, rounded. Where d is 0, the caller multiplies the result by 0.
KT_INLINE vwi_t
quotient(int32_t numerator, vwi_t d)
{
    const vw_t divisor = __builtin_convertvector(vwi_choose(d == 0, d + 1, d), vw_t);
    return __builtin_convertvector((float)(numerator << 12) / divisor + 0.5F, vwi_t);
}

typedef struct hsv {
    vwi_t h, s, v;
} hsv_t;

KT_INLINE hsv_t
hsv_of(const planes_t *p, size_t i)
{
    const vwi_t r = widen_bytes(p->r + i), g = widen_bytes(p->g + i), b = widen_bytes(p->b + i);
    const vwi_t most  = vwi_choose(r > g, vwi_choose(r > b, r, b), vwi_choose(g > b, g, b));
    const vwi_t range = most - vwi_choose(r < g, vwi_choose(r < b, r, b), vwi_choose(g < b, g, b));
    const vwi_t at    = vwi_choose(most == r, g - b, vwi_choose(most == g, b - r + 2 * range, r - g + 4 * range));
    const vwi_t h     = (at * quotient(30, range) + 2048) >> 12;
    return (hsv_t){h + ((h < 0) & 180), (range * quotient(255, most) + 2048) >> 12, most};
}

KT_INLINE vwi_t
hsv_distance(vwi_t a, vwi_t b)
{
    return vwi_choose(a > b, a - b, b - a);
}

static void
separate_colours(const uint8_t *restrict rgb, size_t n, planes_t *restrict out)
{
    size_t i = 0;
    for (; i + KT_PACKED <= n; i += KT_PACKED)
        unpack_rgb(rgb + 3 * i, out->r + i, out->g + i, out->b + i);
    for (; i < n; i++) {
        out->r[i] = rgb[3 * i];
        out->g[i] = rgb[3 * i + 1];
        out->b[i] = rgb[3 * i + 2];
    }
    for (; i % KT_WIDE; i++)  // black adds nothing to any sum of hue, saturation and value
        out->r[i] = out->g[i] = out->b[i] = 0;
}

// floor(x / 1000) as floor(x / 8 / 125), whose product with the reciprocal fits 32 bits and is exact below 2^18.
KT_INLINE uint8_t
luma_of(uint32_t r, uint32_t g, uint32_t b)
{
    return (uint8_t)(((299 * r + 587 * g + 114 * b + 500) >> 3) * 67109U >> 23);
}

static void
add_lanes(vwi_t lanes, uint64_t *sum)
{
    for (int lane = 0; lane < KT_WIDE; lane++)
        *sum += (uint64_t)lanes[lane];
}

static void
add_hsv(const planes_t *now, size_t n, uint64_t *sum)
{
    vwi_t h = {0}, s = {0}, v = {0};
    for (size_t i = 0; i < n; i += KT_WIDE) {
        const hsv_t a = hsv_of(now, i);
        h += a.h;
        s += a.s;
        v += a.v;
    }
    add_lanes(h, &sum[KT_IMAGE_HUE]);
    add_lanes(s, &sum[KT_IMAGE_SATURATION]);
    add_lanes(v, &sum[KT_IMAGE_VALUE]);
}

// The same, and the changes.
static void
add_hsv_changes(const planes_t *now, const planes_t *before, size_t n, uint64_t *sum)
{
    vwi_t all[6] = {{0}};
    for (size_t i = 0; i < n; i += KT_WIDE) {
        const hsv_t a = hsv_of(now, i), b = hsv_of(before, i);
        all[0] += a.h;
        all[1] += a.s;
        all[2] += a.v;
        all[3] += hsv_distance(a.h, b.h);
        all[4] += hsv_distance(a.s, b.s);
        all[5] += hsv_distance(a.v, b.v);
    }
    for (int i = 0; i < 6; i++)
        add_lanes(all[i], &sum[KT_IMAGE_HUE + i]);
}

static void
add_luma(const planes_t *restrict p, size_t n, uint8_t *restrict luma, uint64_t *sum)
{
    uint32_t all = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t y = luma_of(p->r[i], p->g[i], p->b[i]);
        luma[i]          = (uint8_t)y;
        all += y;
        squares += y * y;
    }
    sum[KT_IMAGE_LUMA] += all;
    sum[KT_IMAGE_LUMA_SQUARES] += squares;
}

// Several counters side by side: neighbours often have one colour, and a counter's additions wait for each other.
static void
count_colours(const planes_t *p, size_t n, uint32_t colour[COUNTERS][KT_IMAGE_COLOURS])
{
    uint16_t index[STRIP];
    for (size_t j = 0; j < n; j++)
        index[j] = (uint16_t)((p->r[j] >> 5) << 6 | (p->g[j] >> 5) << 3 | p->b[j] >> 5);
    size_t i = 0;
    for (; i + COUNTERS <= n; i += COUNTERS)
        for (size_t c = 0; c < COUNTERS; c++)
            colour[c][index[i + c]]++;
    for (; i < n; i++)
        colour[0][index[i]]++;
}

// Pixels [begin, end) of the middle row, in places of luma.
static void
add_edges(const uint8_t *above, const uint8_t *row, const uint8_t *below, size_t begin, size_t end, uint64_t *sum)
{
    int32_t  all     = 0;
    uint32_t squares = 0;
    for (size_t i = begin; i < end; i++) {
        const int32_t edge = 4 * row[i] - row[i - 1] - row[i + 1] - above[i] - below[i];
        all += edge;
        squares += (uint32_t)(edge * edge);
    }
    sum[KT_IMAGE_EDGES] += (uint64_t)(int64_t)all;
    sum[KT_IMAGE_EDGE_SQUARES] += squares;
}

static void
merge_colours(const strip_t *strip, kt_image_stats_t *out)
{
    for (size_t i = 0; i < KT_IMAGE_COLOURS; i++)
        for (size_t c = 0; c < COUNTERS; c++)
            out->colour[i] += strip->colour[c][i];
}

static void
image_stats(const uint8_t *rgb, const uint8_t *before, uint32_t width, uint32_t height, kt_image_stats_t *out)
{
    const size_t row_bytes = 3 * (size_t)width;
    strip_t      strip;
    memset(strip.colour, 0, sizeof strip.colour);
    memset(out, 0, sizeof *out);
    for (size_t x = 0; x < width; x += STRIP) {
        const size_t n        = width - x < STRIP ? width - x : STRIP;
        const bool   has_left = x > 0, has_right = x + n < width;
        const size_t begin = has_left ? 1 : 2, end = has_right ? n + 1 : n;
        for (uint32_t y = 0; y < height; y++) {
            const size_t at   = y * row_bytes + 3 * x;
            uint8_t     *luma = strip.luma[y % 3];
            separate_colours(rgb + at, n, &strip.now);
            add_luma(&strip.now, n, luma + 1, out->sum);
            if (has_left)
                luma[0] = luma_of(rgb[at - 3], rgb[at - 2], rgb[at - 1]);
            if (has_right)
                luma[n + 1] = luma_of(rgb[at + 3 * n], rgb[at + 3 * n + 1], rgb[at + 3 * n + 2]);
            count_colours(&strip.now, n, strip.colour);
            if (before) {
                separate_colours(before + at, n, &strip.before);
                add_hsv_changes(&strip.now, &strip.before, n, out->sum);
            } else {
                add_hsv(&strip.now, n, out->sum);
            }
            if (y >= 2)
                add_edges(strip.luma[(y - 2) % 3], strip.luma[(y - 1) % 3], luma, begin, end, out->sum);
        }
    }
    merge_colours(&strip, out);
}

// Luma and saturation of n pixels, those behind them black. Luma in float is exact: sums are below 2^24, and half a
// step of the sum is more than the product's error.
static void
add_light(const planes_t *p, size_t n, uint64_t *sum)
{
    vwi_t all[3] = {{0}};
    for (size_t i = 0; i < n; i += KT_WIDE) {
        const vwi_t r = widen_bytes(p->r + i), g = widen_bytes(p->g + i), b = widen_bytes(p->b + i);
        const vw_t  light = __builtin_convertvector(r, vw_t) * 299.F + __builtin_convertvector(g, vw_t) * 587.F +
                           __builtin_convertvector(b, vw_t) * 114.F + 500.5F;
        const vwi_t luma  = __builtin_convertvector(light * 0.001F, vwi_t);
        const vwi_t most  = vwi_choose(r > g, vwi_choose(r > b, r, b), vwi_choose(g > b, g, b));
        const vwi_t range = most - vwi_choose(r < g, vwi_choose(r < b, r, b), vwi_choose(g < b, g, b));
        all[0] += luma;
        all[1] += luma * luma;
        all[2] += (range * quotient(255, most) + 2048) >> 12;
    }
    for (int i = 0; i < 2; i++)
        add_lanes(all[i], &sum[KT_IMAGE_LUMA + i]);
    add_lanes(all[2], &sum[KT_IMAGE_SATURATION]);
}

static void
image_light(const uint8_t *rgb, uint32_t width, uint32_t height, kt_image_stats_t *out)
{
    const size_t pixels = (size_t)width * height;  // nothing depends on where a row ends
    strip_t      strip;
    memset(strip.colour, 0, sizeof strip.colour);
    memset(out, 0, sizeof *out);
    for (size_t at = 0; at < pixels; at += STRIP) {
        const size_t n = pixels - at < STRIP ? pixels - at : STRIP;
        separate_colours(rgb + 3 * at, n, &strip.now);
        add_light(&strip.now, n, out->sum);
        count_colours(&strip.now, n, strip.colour);
    }
    merge_colours(&strip, out);
}

const kt_image_ops_t KT_NAME(kt_image_ops) = {image_stats, image_light};
