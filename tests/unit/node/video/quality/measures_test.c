#include "tests/unit/node/video/quality/scene.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static scene_t          scene;
static uint8_t          bytes[SCENE_WIDTH];
static uint16_t         line[SCENE_WIDTH];
static uint32_t         sums[SCENE_WIDTH];
static double           values[SCENE_WIDTH];
static kt_defect_room_t room = {bytes, line, sums, values};

static double
edge_width(void)
{
    const kt_plane_t plane = scene_plane(&scene);
    return kt_defect_edge_width(&plane, kt_defect_noise(&plane), true, &room);
}

static double
blockiness(void)
{
    const kt_plane_t plane = scene_plane(&scene);
    return kt_defect_blockiness(&plane, true, &room);
}

static double
noise(void)
{
    const kt_plane_t plane = scene_plane(&scene);
    return kt_defect_noise(&plane);
}

static double
banding(void)
{
    const kt_plane_t plane = scene_plane(&scene);
    return kt_defect_banding(&plane, &room);
}

static double
comb(void)
{
    const kt_plane_t plane = scene_plane(&scene);
    return kt_defect_comb(&plane, kt_defect_noise(&plane));
}

Test(measures, a_sharp_picture_has_no_defects)
{
    scene_paint(&scene);
    cr_expect_float_eq(edge_width(), 1, 0.1);
    cr_expect_lt(blockiness(), 0.02);
    cr_expect_lt(noise(), 0.3);
    cr_expect_lt(banding(), 0.1);
    cr_expect_eq(comb(), 0);
}

Test(measures, edges_are_as_wide_as_a_gaussian_makes_them)
{
    static const double SIGMAS[] = {1, 2, 3, 6};
    for (size_t i = 0; i < sizeof SIGMAS / sizeof *SIGMAS; i++) {
        scene_paint(&scene);
        scene_blur(&scene, SIGMAS[i]);
        const double expected = SIGMAS[i] * sqrt(2 * M_PI), found = edge_width();
        cr_expect(fabs(found / expected - 1) < 0.2, "sigma %g: %g instead of %g", SIGMAS[i], found, expected);
    }
}

// Ramps of 10 steps up and down, which begin at any place of a line and cross the strips that it is read in.
Test(measures, an_edge_counts_wherever_it_lies)
{
    static uint8_t   picture[128][SCENE_WIDTH];
    const kt_plane_t plane = {&picture[0][0], SCENE_WIDTH, 128, SCENE_WIDTH, 1};
    for (int shift = 0; shift < 64; shift++) {
        for (int y = 0; y < 128; y++)
            for (int x = 0; x < SCENE_WIDTH; x++) {
                const int at  = (x + shift) % 64;
                const int up  = at < 10 ? at : at < 32 ? 10 : at < 42 ? 42 - at : 0;
                picture[y][x] = (uint8_t)(50 + 12 * up);
            }
        const double width = kt_defect_edge_width(&plane, 0, false, &room);
        cr_expect_float_eq(width, 10, 0.1, "%d: %g", shift, width);
    }
}

// Of low contrast, so that no step of 8 bits is steep.
Test(measures, a_faint_picture_is_blurred_too)
{
    static const double SIGMAS[] = {3, 5};
    for (size_t i = 0; i < sizeof SIGMAS / sizeof *SIGMAS; i++) {
        scene_paint(&scene);
        for (int y = 0; y < SCENE_HEIGHT; y++)
            for (int x = 0; x < SCENE_WIDTH; x++)
                scene.at[y][x] = (uint8_t)(110 + scene.at[y][x] / 7);
        scene_blur(&scene, SIGMAS[i]);
        const double expected = SIGMAS[i] * sqrt(2 * M_PI), found = edge_width();
        cr_expect(fabs(found / expected - 1) < 0.3, "sigma %g: %g instead of %g", SIGMAS[i], found, expected);
    }
}

Test(measures, a_gradient_has_no_edges)
{
    for (int y = 0; y < SCENE_HEIGHT; y++)
        for (int x = 0; x < SCENE_WIDTH; x++)
            scene.at[y][x] = (uint8_t)(40 + x / 5 + y / 6);
    cr_expect(isnan(edge_width()), "%g", edge_width());
}

Test(measures, noise_does_not_hide_a_blur)
{
    scene_paint(&scene);
    scene_blur(&scene, 2);
    const double clean = edge_width();
    scene_noise(&scene, 3);
    const double noisy = edge_width();
    cr_expect(fabs(noisy / clean - 1) < 0.2, "%g becomes %g", clean, noisy);
}

Test(measures, a_blurred_background_is_no_defect)
{
    static scene_t sharp;
    scene_paint(&scene);
    sharp = scene;
    scene_blur(&scene, 4);
    for (size_t y = 0; y < SCENE_HEIGHT; y++)
        memcpy(scene.at[y], sharp.at[y], SCENE_WIDTH / 2);
    cr_expect_lt(edge_width(), 1.5);
}

Test(measures, the_deviation_of_added_noise_is_found)
{
    static const double SIGMAS[] = {1, 2, 4, 8, 16};
    for (size_t i = 0; i < sizeof SIGMAS / sizeof *SIGMAS; i++) {
        scene_paint(&scene);
        scene_noise(&scene, SIGMAS[i]);
        cr_expect(fabs(noise() / SIGMAS[i] - 1) < 0.1, "%g for %g", noise(), SIGMAS[i]);
    }
}

// Noise whose strength differs from place to place, as the contrast of leaves does.
Test(measures, texture_is_no_noise)
{
    static scene_t strong;
    memset(&scene, 128, sizeof scene);
    strong = scene;
    scene_noise(&strong, 40);
    for (int y = 0; y < SCENE_HEIGHT; y++)
        for (int x = 0; x < SCENE_WIDTH; x++) {
            const int share = 5 + (x / 40 * 7 + y / 40 * 13) % 19 * 5;  // percent
            scene.at[y][x]  = (uint8_t)(128 + (strong.at[y][x] - 128) * share / 100);
        }
    cr_expect_lt(noise(), 0.5, "%g", noise());
}

Test(measures, limited_range_is_brought_to_full_range)
{
    scene_paint(&scene);
    scene_noise(&scene, 4);
    kt_plane_t   plane = scene_plane(&scene);
    const double full  = kt_defect_noise(&plane);
    plane.gain         = 255.0 / 219;
    cr_expect_float_eq(kt_defect_noise(&plane) / full, 255.0 / 219, 0.02);
}

Test(measures, blocks_are_found_at_any_offset_and_grow)
{
    for (int offset = 0; offset < 8; offset += 3) {
        double before = 0;
        for (int i = 1; i <= 3; i++) {
            scene_paint(&scene);
            scene_noise(&scene, 4);
            scene_blocks(&scene, 8, offset, 0.3 * i);
            const double found = blockiness();
            cr_expect_gt(found, before, "offset %d, share %g: %g after %g", offset, 0.3 * i, found, before);
            before = found;
        }
        cr_expect_gt(before, 0.5);
    }
}

Test(measures, noise_and_blur_are_no_blocks)
{
    scene_paint(&scene);
    scene_noise(&scene, 8);
    cr_expect_lt(blockiness(), 0.02);
    scene_blur(&scene, 2);
    cr_expect_lt(blockiness(), 0.02);
}

Test(measures, two_fields_are_no_blocks)
{
    scene_paint(&scene);
    scene_comb(&scene, 6);
    cr_expect_lt(blockiness(), 0.05);
}

Test(measures, coarse_levels_of_a_gradient_are_bands_and_a_fine_gradient_is_none)
{
    double before = 0;
    scene_paint(&scene);
    for (size_t y = 0; y < SCENE_HEIGHT; y++)
        for (size_t x = 0; x < SCENE_WIDTH; x++)
            scene.at[y][x] = (uint8_t)(20 + x / 4 + y / 8);
    cr_expect_eq(banding(), 0);
    static const int STEPS[] = {3, 6, 12};
    for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++) {
        scene_levels(&scene, STEPS[i]);
        cr_expect_gt(banding(), before + 1);
        before = banding();
    }
}

Test(measures, moved_fields_comb_and_noise_does_not)
{
    scene_paint(&scene);
    scene_noise(&scene, 12);
    cr_expect_lt(comb(), 0.0005);
    scene_paint(&scene);
    scene_comb(&scene, 4);
    cr_expect_gt(comb(), 0.01);
}

Test(measures, a_facade_of_thin_lines_does_not_comb)
{
    memset(&scene, 40, sizeof scene);
    for (int y = 0; y < SCENE_HEIGHT; y++)
        for (int x = 100; x < 400; x++)
            scene.at[y][x] = (uint8_t)(120 + lrint(60 * sin(y * (2.6 + x * 0.0005))));
    cr_expect_lt(comb(), 0.001, "%g", comb());
}

Test(measures, bars_are_cut_off_and_uniform_pictures_are_left_out)
{
    scene_paint(&scene);
    memset(scene.at[0], 16, sizeof scene.at[0] * 40);
    memset(scene.at[SCENE_HEIGHT - 30], 17, sizeof scene.at[0] * 30);
    for (size_t y = 0; y < SCENE_HEIGHT; y++)
        memset(scene.at[y], 16, 50);
    const kt_plane_t plane = scene_plane(&scene);
    kt_plane_t       cut;
    cr_assert(kt_plane_crop(&plane, &cut));
    cr_expect_eq(cut.at, &scene.at[40][50]);
    cr_expect_eq(cut.width, SCENE_WIDTH - 50);
    cr_expect_eq(cut.height, SCENE_HEIGHT - 70);
    memset(&scene, 100, sizeof scene);
    cr_expect_not(kt_plane_crop(&plane, &cut));
    scene_noise(&scene, 2);  // a black picture with noise
    cr_expect_not(kt_plane_crop(&plane, &cut));
}

Test(measures, small_pictures_give_no_statement_or_a_number)
{
    scene_paint(&scene);
    for (uint32_t side = 33; side < 80; side++) {
        const kt_plane_t plane   = {scene.at[0], side, 33, SCENE_WIDTH, 1};
        const double     found[] = {kt_defect_noise(&plane), kt_defect_edge_width(&plane, 0, true, &room),
                                    kt_defect_blockiness(&plane, true, &room), kt_defect_banding(&plane, &room),
                                    kt_defect_comb(&plane, 0)};
        for (size_t i = 0; i < sizeof found / sizeof *found; i++)
            cr_expect(isnan(found[i]) || (found[i] >= 0 && found[i] < 100), "side %u, measure %zu: %g", side, i,
                      found[i]);
    }
}
