#include "node/video/shots.h"
#include "tests/unit/node/video/reel.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(shots, .init = reel_begin, .fini = reel_end);

static reel_picture_t picture;

Test(shots, a_cut_is_at_the_first_picture_of_the_new_shot)
{
    reel_pan(1, 30, 40, 1, 120, 60);
    reel_pan(2, 25, 90, -1, 120, 60);
    reel_pan(3, 30, 40, 2, 120, 60);
    reel_expect(3, (uint64_t[]){0, 30, 55});
    cr_expect_eq(kt_shots_find(reel_shots, -1), 0);
    cr_expect_eq(kt_shots_find(reel_shots, 29.5 / 25), 0);
    cr_expect_eq(kt_shots_find(reel_shots, 30.0 / 25), 1);
    cr_expect_eq(kt_shots_find(reel_shots, 1e9), 2);
}

Test(shots, shots_of_eight_pictures_are_found)
{
    for (int scene = 1; scene <= 5; scene++)
        reel_pan(scene, 8, 40, 1, 120, 60);
    reel_expect(5, (uint64_t[]){0, 8, 16, 24, 32});
}

Test(shots, a_fast_pan_is_no_cut)
{
    reel_pan(1, 20, 40, 1, 120, 60);
    reel_pan(1, 12, 60, 9, 120, 60);
    reel_pan(1, 20, 168, 1, 120, 60);
    reel_expect(1, (uint64_t[]){0});
}

Test(shots, flicker_and_exposure_are_no_cuts)
{
    for (int i = 0; i < 60; i++)
        reel_pan(1, 1, 40 + i, 0, i % 3 == 0 ? 90 : 130, i % 5 == 0 ? 30 : 55);
    reel_expect(1, (uint64_t[]){0});
}

Test(shots, a_flash_is_no_cut)
{
    reel_pan(1, 20, 40, 1, 120, 60);
    reel_pan(1, 2, 60, 1, 250, 2);
    reel_pan(1, 20, 62, 1, 120, 60);
    reel_expect(1, (uint64_t[]){0});
}

Test(shots, a_black_picture_between_two_of_a_shot_is_no_cut)
{
    reel_pan(1, 20, 40, 1, 120, 60);
    reel_flat(&picture, 16);
    reel_show(&picture, 0);
    reel_pan(1, 20, 61, 1, 120, 60);
    reel_expect(1, (uint64_t[]){0});
}

Test(shots, a_cut_in_the_dark_is_found)
{
    reel_pan(1, 20, 40, 1, 20, 7);
    reel_pan(2, 20, 40, 1, 20, 7);
    reel_expect(2, (uint64_t[]){0, 20});
}

Test(shots, pictures_that_are_stored_twice_are_one)
{
    for (int i = 0; i < 80; i++)
        reel_pan(i < 40 ? 1 : 2, 1, 40 + 3 * (i / 2), 0, 120, 60);
    reel_expect(2, (uint64_t[]){0, 40});
}

Test(shots, stills_that_are_shown_for_long_are_shots)
{
    for (int scene = 1; scene <= 3; scene++)
        reel_pan(scene, 100, 40, 0, 120, 60);
    reel_expect(3, (uint64_t[]){0, 100, 200});
}

Test(shots, damaged_pictures_are_no_cuts)
{
    reel_pan(1, 20, 40, 1, 120, 60);
    reel_paint(&picture, 2, 0, 0, 120, 60);
    for (int i = 0; i < 8; i++)
        reel_show(&picture, KT_FRAME_DAMAGED);
    reel_pan(1, 22, 68, 1, 120, 60);
    reel_expect(1, (uint64_t[]){0});
}

// A picture of the scene whose lower half is lost.
static void
show_half(int scene, double x)
{
    reel_paint(&picture, scene, x, 30, 120, 60);
    memset(picture.y + sizeof picture.y / 2, 128, sizeof picture.y / 2);
    reel_show(&picture, 0);
}

Test(shots, a_cut_beside_pictures_that_are_partly_lost_is_found)
{
    reel_pan(1, 20, 40, 1, 120, 60);
    show_half(1, 60);
    reel_pan(1, 2, 61, 1, 120, 60);
    reel_pan(2, 2, 40, 1, 120, 60);
    show_half(2, 42);
    reel_pan(2, 20, 43, 1, 120, 60);
    reel_expect(2, (uint64_t[]){0, 23});
}

Test(shots, pictures_that_are_partly_lost_are_no_cuts)
{
    reel_pan(1, 20, 40, 1, 120, 60);
    show_half(1, 60);
    reel_pan(1, 3, 61, 1, 120, 60);
    show_half(1, 64);
    reel_pan(1, 20, 65, 1, 120, 60);
    reel_expect(1, (uint64_t[]){0});
}

// Part of a page that is pushed away as a whole, by another one of it; both rest before and after.
Test(shots, a_push_of_the_whole_picture_is_no_change)
{
    for (int picture_of_push = -30; picture_of_push < 40; picture_of_push++) {
        const double share = picture_of_push < 0 ? 0 : picture_of_push > 7 ? 1 : picture_of_push / 8.0;
        reel_paint(&picture, 1, 40 + 3 * REEL_WIDTH * share * share * (3 - 2 * share), 30, 120, 60);
        reel_show(&picture, 0);
    }
    reel_expect(1, (uint64_t[]){0});
}

Test(shots, a_cut_is_decided_before_the_bound)
{
    reel_pan(1, 20, 40, 1, 120, 60);
    reel_pan(2, (int)(KT_SHOTS_DELAY_S * 25), 40, 0, 120, 60);
    cr_expect_eq(kt_shots_count(reel_shots), 2);
}

Test(shots, a_film_of_one_colour_is_one_shot)
{
    reel_flat(&picture, 16);
    for (int i = 0; i < 50; i++)
        reel_show(&picture, 0);
    reel_expect(1, (uint64_t[]){0});
}

Test(shots, pictures_of_any_size_are_taken)
{
    static const uint32_t  sizes[][2] = {{1, 1}, {2, 160}, {119, 119}, {352, 7}, {17, 352}, {121, 352}};
    static uint8_t         plane[352 * 352];
    const kt_image_stats_t stats = {.colour = {1}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        kt_shots_t             *shots  = NULL;
        const kt_video_stream_t stream = {.duration_s = 0};
        cr_assert_eq(kt_shots_new(&shots, &stream), KT_OK);
        for (uint64_t i = 0; i < 30; i++) {
            for (size_t p = 0; p < sizeof plane; p++)
                plane[p] = (uint8_t)((p * 7919 + i * i * 31 + p / 352 * i) >> 3);
            const kt_video_frame_t frame = {
                .index  = i,
                .time_s = (double)i / 25,
                .small  = {sizes[s][0], sizes[s][1], plane, plane, plane, sizes[s][0], (sizes[s][0] + 1) / 2}};
            cr_assert_eq(kt_shots_push(shots, &(kt_video_picture_t){.frame = &frame, .stats = &stats}), KT_OK);
        }
        kt_shots_close(shots);
        cr_expect_geq(kt_shots_count(shots), 1);
        kt_shots_destroy(&shots);
    }
}

// A panel with lines over the left `width` pixels of the picture.
static void
paint_panel(reel_picture_t *out, int width)
{
    for (int y = 0; y < REEL_HEIGHT; y++)
        for (int x = 0; x < width; x++)
            out->y[y * REEL_WIDTH + x] = y / 6 % 2 && x > 4 ? 90 : 150;
}

// n pictures of a camera that moves over the scene, with a panel of this width.
static void
show_with_panel(int scene, int n, double from, int width)
{
    for (int i = 0; i < n; i++) {
        reel_paint(&picture, scene, from + i, 30, 120, 60);
        paint_panel(&picture, width);
        reel_show(&picture, 0);
    }
}

Test(shots, a_graphic_over_a_picture_is_no_cut)
{
    show_with_panel(1, 40, 40, 0);
    show_with_panel(1, 40, 80, 64);
    show_with_panel(1, 40, 120, 0);
    reel_expect(1, (uint64_t[]){0});
}

Test(shots, a_cut_beside_a_graphic_is_one)
{
    show_with_panel(1, 40, 40, 48);
    show_with_panel(2, 40, 40, 48);
    show_with_panel(3, 40, 40, 48);
    reel_expect(3, (uint64_t[]){0, 40, 80});
}

// n pictures of the same view, with a panel of this width.
static void
show_at_rest(int scene, int n, int width)
{
    reel_paint(&picture, scene, 40, 30, 120, 60);
    paint_panel(&picture, width);
    for (int i = 0; i < n; i++)
        reel_show(&picture, 0);
}

Test(shots, a_graphic_over_a_picture_at_rest_is_no_cut)
{
    for (int i = 0; i < 3; i++) {
        show_at_rest(1, 50, 0);
        show_at_rest(1, 150, 96);
    }
    show_at_rest(1, 50, 0);
    reel_expect(1, (uint64_t[]){0});
}

Test(shots, a_slide_that_keeps_a_part_is_a_shot)
{
    show_at_rest(1, 50, 0);
    show_at_rest(1, 150, 72);
    reel_expect(2, (uint64_t[]){0, 50});
}

Test(shots, a_graphic_that_lasts_beyond_the_bound_is_a_shot_and_then_stays_one)
{
    show_at_rest(1, 50, 0);
    show_at_rest(1, (int)(25 * KT_SHOTS_DELAY_S), 72);
    cr_expect_eq(kt_shots_count(reel_shots), 2);
    show_at_rest(1, 50, 0);
    reel_expect(2, (uint64_t[]){0, 50});
}

Test(shots, a_cut_while_a_graphic_is_shown_is_one)
{
    show_at_rest(1, 50, 0);
    show_at_rest(1, 30, 64);
    show_at_rest(2, 30, 64);
    show_at_rest(2, 50, 0);
    kt_shots_close(reel_shots);
    bool found = false;
    for (size_t i = 0; i < kt_shots_count(reel_shots); i++)
        found |= kt_shots_at(reel_shots, i)->index == 80;
    cr_expect(found);
}

Test(shots, a_shot_between_two_of_the_same_view_is_one)
{
    show_with_panel(1, 50, 40, 32);
    show_with_panel(2, 50, 40, 32);
    show_with_panel(1, 50, 40, 32);
    reel_expect(3, (uint64_t[]){0, 50, 100});
}

Test(shots, stills_of_which_one_returns_are_shots)
{
    show_at_rest(1, 50, 0);
    show_at_rest(2, 50, 0);
    show_at_rest(1, 50, 0);
    reel_expect(3, (uint64_t[]){0, 50, 100});
}
