#include "kernels/image/stats.h"

#include <criterion/criterion.h>
#include <string.h>

enum { WIDTH = 8, HEIGHT = 6, PIXELS = WIDTH * HEIGHT };

static void
paint(uint8_t *rgb, uint8_t r, uint8_t g, uint8_t b)
{
    for (int i = 0; i < PIXELS; i++) {
        rgb[3 * i]     = r;
        rgb[3 * i + 1] = g;
        rgb[3 * i + 2] = b;
    }
}

static kt_image_stats_t
stats_of_colour(uint8_t r, uint8_t g, uint8_t b)
{
    uint8_t          rgb[3 * PIXELS];
    kt_image_stats_t stats;
    paint(rgb, r, g, b);
    kt_image_ops_ref.stats(rgb, NULL, WIDTH, HEIGHT, &stats);
    return stats;
}

// What OpenCV's 8-bit conversion gives for these colours.
Test(image, hue_saturation_and_value_are_those_of_opencv)
{
    static const struct {
        uint8_t r, g, b, h, s, v;
    } colours[] = {{255, 0, 0, 0, 255, 255},     {0, 255, 0, 60, 255, 255},   {0, 0, 255, 120, 255, 255},
                   {255, 255, 0, 30, 255, 255},  {128, 128, 128, 0, 0, 128},  {0, 0, 0, 0, 0, 0},
                   {200, 100, 50, 10, 191, 200}, {255, 0, 128, 165, 255, 255}};
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++) {
        const kt_image_stats_t stats = stats_of_colour(colours[i].r, colours[i].g, colours[i].b);
        cr_expect_eq(stats.sum[KT_IMAGE_HUE], (uint64_t)PIXELS * colours[i].h, "colour %zu: hue %llu", i,
                     (unsigned long long)stats.sum[KT_IMAGE_HUE] / PIXELS);
        cr_expect_eq(stats.sum[KT_IMAGE_SATURATION], (uint64_t)PIXELS * colours[i].s, "colour %zu: saturation %llu", i,
                     (unsigned long long)stats.sum[KT_IMAGE_SATURATION] / PIXELS);
        cr_expect_eq(stats.sum[KT_IMAGE_VALUE], (uint64_t)PIXELS * colours[i].v, "colour %zu", i);
    }
}

Test(image, a_picture_of_one_colour_has_no_contrast_and_no_edge)
{
    const kt_image_stats_t stats = stats_of_colour(255, 255, 255);
    kt_image_measures_t    measures;
    kt_image_measure(&stats, WIDTH, HEIGHT, &measures);
    cr_expect_float_eq(measures.brightness, 1, 1e-12);
    cr_expect_eq(measures.contrast, 0);
    cr_expect_eq(measures.saturation, 0);
    cr_expect_eq(measures.sharpness, 0);
    cr_expect_eq(stats.colour[KT_IMAGE_COLOURS - 1], PIXELS);
}

Test(image, one_bright_pixel_makes_the_edges_that_it_should)
{
    uint8_t             rgb[3 * PIXELS];
    kt_image_stats_t    stats;
    kt_image_measures_t measures;
    paint(rgb, 0, 0, 0);
    memset(rgb + 3 * (2 * WIDTH + 3), 100, 3);
    kt_image_ops_ref.stats(rgb, NULL, WIDTH, HEIGHT, &stats);
    kt_image_measure(&stats, WIDTH, HEIGHT, &measures);
    cr_expect_eq((int64_t)stats.sum[KT_IMAGE_EDGES], 400 - 4 * 100);
    cr_expect_eq(stats.sum[KT_IMAGE_EDGE_SQUARES], 400 * 400 + 4 * 100 * 100);
    cr_expect_float_eq(measures.sharpness, 200000.0 / ((WIDTH - 2) * (HEIGHT - 2)), 1e-9);
}

Test(image, the_change_is_counted_in_steps_of_each_channel)
{
    uint8_t             now[3 * PIXELS], before[3 * PIXELS];
    kt_image_stats_t    stats;
    kt_image_measures_t measures;
    paint(now, 0, 255, 0);
    paint(before, 100, 100, 100);
    kt_image_ops_ref.stats(now, before, WIDTH, HEIGHT, &stats);
    kt_image_measure(&stats, WIDTH, HEIGHT, &measures);
    cr_expect_float_eq(measures.change[0], 60, 1e-12);
    cr_expect_float_eq(measures.change[1], 255, 1e-12);
    cr_expect_float_eq(measures.change[2], 155, 1e-12);
}

Test(image, a_picture_without_pixels_is_all_zeros)
{
    kt_image_stats_t    stats;
    kt_image_measures_t measures;
    kt_image_ops_ref.stats(NULL, NULL, 0, 0, &stats);
    kt_image_measure(&stats, 0, 0, &measures);
    cr_expect_eq(stats.sum[KT_IMAGE_LUMA], 0);
    cr_expect_eq(measures.brightness, 0);
    cr_expect_eq(measures.sharpness, 0);
}
