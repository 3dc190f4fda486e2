#include "coordinator/cli/film/still.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 8, HEIGHT = 4 };

static uint8_t luma[WIDTH * HEIGHT], chroma[WIDTH / 2 * HEIGHT / 2];

// Grey, full range: Y is what is shown.
static kt_yuv_t
grey_picture(void)
{
    memset(chroma, 128, sizeof chroma);
    for (size_t i = 0; i < sizeof luma; i++)
        luma[i] = (uint8_t)(i * 7);
    return (kt_yuv_t){.width    = WIDTH,
                      .height   = HEIGHT,
                      .y        = luma,
                      .u        = chroma,
                      .v        = chroma,
                      .y_stride = WIDTH,
                      .c_stride = WIDTH / 2};
}

static kt_still_t
still_of(uint32_t rotation, bool mirrored, double pixel_aspect, uint32_t most_width, uint32_t most_height)
{
    const kt_media_info_t  info  = {.rotation           = rotation,
                                    .mirrored           = mirrored,
                                    .pixel_aspect_ratio = pixel_aspect,
                                    .full_range         = true,
                                    .height             = HEIGHT,
                                    .width              = WIDTH};
    const kt_still_shape_t shape = kt_still_shape(&info);
    const kt_yuv_t         yuv   = grey_picture();
    kt_still_t             still = {0};
    cr_assert_eq(kt_still_make(&still, &shape, &yuv, most_width, most_height), KT_OK);
    return still;
}

static uint32_t
grey(size_t x, size_t y)
{
    return 0xff000000U | luma[y * WIDTH + x] * 0x010101U;
}

// The pixel of the coded picture that is shown at x, y.
static void
expect_turned(uint32_t rotation, bool mirrored)
{
    kt_still_t still   = still_of(rotation, mirrored, 1, 100, 100);
    bool       upright = rotation % 180 == 0;
    cr_assert_eq(still.width, upright ? WIDTH : HEIGHT);
    cr_assert_eq(still.height, upright ? HEIGHT : WIDTH);
    for (uint32_t y = 0; y < still.height; y++)
        for (uint32_t column = 0; column < still.width; column++) {
            const uint32_t x      = mirrored ? still.width - 1 - column : column;
            const uint32_t from_x = rotation == 0     ? x
                                    : rotation == 90  ? y
                                    : rotation == 180 ? WIDTH - 1 - x
                                                      : WIDTH - 1 - y;
            const uint32_t from_y = rotation == 0     ? y
                                    : rotation == 90  ? HEIGHT - 1 - x
                                    : rotation == 180 ? HEIGHT - 1 - y
                                                      : x;
            cr_expect_eq(still.pixels[y * still.width + column], grey(from_x, from_y), "%u degrees%s: %u, %u", rotation,
                         mirrored ? ", mirrored" : "", column, y);
        }
    kt_still_fini(&still);
}

Test(still, is_turned_clockwise_and_then_mirrored)
{
    for (uint32_t rotation = 0; rotation < 360; rotation += 90) {
        expect_turned(rotation, false);
        expect_turned(rotation, true);
    }
}

Test(still, has_square_pixels_and_is_only_made_smaller)
{
    static const struct {
        double   aspect;
        uint32_t rotation, most_width, most_height, width, height;
    } ROWS[] = {{2, 0, 100, 100, 16, 4}, {0.5, 0, 100, 100, 4, 4}, {2, 90, 100, 100, 4, 16}, {1, 0, 4, 100, 4, 2},
                {1, 0, 100, 1, 2, 1},    {1, 90, 100, 4, 2, 4},    {0, 0, 100, 100, 8, 4},   {1e9, 0, 100, 100, 8, 4}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        kt_still_t still = still_of(ROWS[i].rotation, false, ROWS[i].aspect, ROWS[i].most_width, ROWS[i].most_height);
        cr_expect_eq(still.width, ROWS[i].width, "row %zu: %u", i, still.width);
        cr_expect_eq(still.height, ROWS[i].height, "row %zu: %u", i, still.height);
        kt_still_fini(&still);
    }
}

Test(still, planes_are_means_of_blocks)
{
    static const uint8_t y[3 * 5]       = {10, 20, 30, 40, 50, 30, 40, 50, 60, 70, 5, 15, 25, 35, 45},
                               c[2 * 3] = {1, 3, 5, 7, 9, 11};
    const kt_yuv_t yuv = {.width = 5, .height = 3, .y = y, .u = c, .v = c, .y_stride = 5, .c_stride = 3};
    kt_planes_t    planes;
    cr_assert_eq(kt_planes_copy(&planes, &yuv, 3), KT_OK);
    cr_assert_eq(planes.yuv.width, 3);
    cr_assert_eq(planes.yuv.height, 2);
    static const uint8_t expected[] = {25, 45, 60, 10, 30, 45};
    cr_assert_arr_eq(planes.yuv.y, expected, sizeof expected);
    static const uint8_t expected_chroma[] = {5, 8};  // of 1, 3, 7, 9; of 5, 11
    cr_assert_arr_eq(planes.yuv.u, expected_chroma, sizeof expected_chroma);
    kt_planes_fini(&planes);
    cr_assert_eq(kt_planes_copy(&planes, &yuv, 100), KT_OK);
    cr_assert_arr_eq(planes.yuv.y, y, sizeof y);
    kt_planes_fini(&planes);
}
