// Picture statistics of the CPU and the GPU kernels against the reference.
#include "tests/kernels/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LIMIT[TOLERANCES] = {
#define KT_TOLERANCE(what, limit, why) limit,
#include "tests/kernels/tolerances.def"
#undef KT_TOLERANCE
};

// Noise with runs of one colour, so that the histogram has both. Kind 1: every colour whose parts are multiples of 5
// and 3, in order, so that hue and saturation take all of their branches; kind 2: black and white in turn.
static void
fill_pictures(uint8_t *rgb, size_t bytes, uint32_t seed, int kind)
{
    for (size_t i = 0; i < bytes; i++) {
        const size_t pixel = i / 3, part = i % 3;
        seed   = seed * 1664525U + 1013904223U;
        rgb[i] = i / 999 % 3 == 0 ? (uint8_t)(17 * (i / 999)) : (uint8_t)(seed >> 24);
        if (kind == 1)
            rgb[i] = (uint8_t)(part == 0 ? 3 * pixel : part == 1 ? 5 * (pixel / 86) : 3 * (pixel / 4472));
        else if (kind == 2)
            rgb[i] = pixel % 2 ? 255 : 0;
    }
}

static bool
same_stats(const kt_image_stats_t *fast, const kt_image_stats_t *ref)
{
    bool same = true;
    for (int i = 0; i < KT_IMAGE_SUMS; i++) {
        const double is = (double)(int64_t)fast->sum[i], should = (double)(int64_t)ref->sum[i];
        same = same && fabs(is - should) <= LIMIT[TOLERANCE_IMAGE] * fabs(should);
    }
    for (int i = 0; i < KT_IMAGE_COLOURS; i++)
        same = same && fabs((double)fast->colour[i] - ref->colour[i]) <= LIMIT[TOLERANCE_IMAGE] * ref->colour[i];
    return same;
}

static void
check_pictures(const char *isa, image_stats_fn *run, const void *context, const kt_image_span_t *shape, int kind)
{
    const size_t      bytes = kt_image_bytes(shape->width, shape->height);
    uint8_t          *rgb   = calloc(shape->n + 1, bytes);
    kt_image_stats_t *fast  = calloc(shape->n, sizeof *fast), ref;
    kt_image_span_t   span  = *shape;
    if (!check(rgb && fast, "memory"))
        return;
    fill_pictures(rgb, (span.n + 1) * bytes, span.width + span.height, kind);
    span.rgb    = rgb + bytes;
    span.before = shape->before ? rgb : NULL;
    run(context, &span, fast);
    for (size_t i = 0; i < span.n; i++) {
        kt_image_ops_ref.stats(rgb + (i + 1) * bytes, i > 0 || span.before ? rgb + i * bytes : NULL, span.width,
                               span.height, &ref);
        check(same_stats(&fast[i], &ref), "%s images: picture %zu of %zu, %u x %u, kind %d: other sums", isa, i, span.n,
              span.width, span.height, kind);
    }
    free(rgb);
    free(fast);
}

void
check_images(const char *isa, image_stats_fn *run, const void *context, bool all)
{
    static const uint8_t         some;
    static const kt_image_span_t SHAPES[] = {
        {.n = 2, .width = 67, .height = 35, .before = &some},
        {.n = 1, .width = 1, .height = 1},
        {.n = 1, .width = 2, .height = 3, .before = &some},
        {.n = 1, .width = 3, .height = 2, .before = &some},
        {.n = 18, .width = 64, .height = 32},  // more than one block of the GPU's follows through time
        {.n = 3, .width = 65, .height = 33, .before = &some},
        {.n = 2, .width = 160, .height = 90, .before = &some},
        {.n = 1, .width = 511, .height = 3},  // about the CPU's strip
        {.n = 1, .width = 512, .height = 4, .before = &some},
        {.n = 1, .width = 513, .height = 4, .before = &some},
        {.n = 1, .width = 1027, .height = 3},
    };
    for (size_t i = 0; i < (all ? sizeof SHAPES / sizeof *SHAPES : 1); i++)
        check_pictures(isa, run, context, &SHAPES[i], 0);
}

void
check_image_colours(const char *isa, image_stats_fn *run, const void *context)
{
    static const uint8_t some;
    for (int kind = 1; kind <= 2; kind++)
        check_pictures(isa, run, context, &(kt_image_span_t){.n = 1, .width = 620, .height = 620, .before = &some},
                       kind);
}

void
check_light_images(const char *isa, const kt_image_ops_t *ops)
{
    static const uint32_t SIZES[][2] = {{1, 1}, {2, 3}, {67, 35}, {160, 90}, {511, 3}, {513, 4}, {1027, 3}, {620, 620}};
    for (size_t i = 0; i < 3 * (sizeof SIZES / sizeof *SIZES); i++) {
        const uint32_t   width = SIZES[i / 3][0], height = SIZES[i / 3][1];
        const size_t     bytes = kt_image_bytes(width, height);
        uint8_t         *rgb   = malloc(bytes);
        kt_image_stats_t fast, ref;
        if (!check(rgb, "memory"))
            return;
        fill_pictures(rgb, bytes, width + height, (int)(i % 3));
        ops->light(rgb, width, height, &fast);
        kt_image_ops_ref.light(rgb, width, height, &ref);
        check(memcmp(&fast, &ref, sizeof ref) == 0, "%s light images: %u x %u, kind %zu: other sums", isa, width,
              height, i % 3);
        free(rgb);
    }
}
