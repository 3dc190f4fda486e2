#include "node/video/shots/bars.h"
#include "node/video/shots/history.h"
#include "tests/unit/node/video/reel.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(bars, .init = reel_begin, .fini = reel_end);

static const struct {
    uint8_t  level;
    uint32_t across, down;
} PADS[] = {{16, 0, 12}, {16, 0, 46}, {16, 64, 0}, {16, 24, 16}, {235, 0, 24}, {235, 24, 16}, {60, 64, 0}};
enum { PAD_KINDS = sizeof PADS / sizeof *PADS };

static reel_picture_t picture;

// The film is shown with each padding; its shots are the same.
static void
expect_with_all_pads(void (*film)(void), size_t n, const uint64_t first[])
{
    for (int kind = 0; kind < PAD_KINDS; kind++) {
        reel_end();
        reel_begin();
        reel_bars(PADS[kind].level, PADS[kind].across, PADS[kind].down);
        film();
        kt_shots_close(reel_shots);
        cr_assert_eq(kt_shots_count(reel_shots), n, "padding %d: %zu shots", kind, kt_shots_count(reel_shots));
        for (size_t s = 0; s < n; s++)
            cr_expect_eq(kt_shots_at(reel_shots, s)->index, first[s], "padding %d, shot %zu", kind, s);
    }
}

// Views of faint contrast beside bright ones.
static void
show_faint_cuts(void)
{
    for (int scene = 1; scene <= 6; scene++)
        reel_pan(scene, 15, 40, 1, 120, scene % 2 ? 8 : 14);
}

Test(bars, a_padded_film_has_the_cuts_of_the_film)
{
    expect_with_all_pads(show_faint_cuts, 6, (uint64_t[]){0, 15, 30, 45, 60, 75});
}

static void
show_flashes(void)
{
    for (int i = 0; i < 4; i++) {
        reel_pan(1, 20, 40 + 20 * i, 1, 110, 40);
        reel_pan(1, 2, 60 + 20 * i, 1, 250, 1 + i);
    }
    reel_pan(1, 20, 120, 1, 110, 40);
}

Test(bars, flashes_of_a_padded_film_are_no_cuts)
{
    expect_with_all_pads(show_flashes, 1, (uint64_t[]){0});
}

// Bars are known only after the black; the pictures of before are made again.
static void
show_from_black(void)
{
    reel_flat(&picture, 16);
    for (int i = 0; i < 30; i++)
        reel_show(&picture, 0);
    for (int scene = 1; scene <= 3; scene++)
        reel_pan(scene, 20, 40, 1, 120, 40);
}

Test(bars, a_film_that_begins_black_has_its_cuts)
{
    expect_with_all_pads(show_from_black, 4, (uint64_t[]){0, 30, 50, 70});
}

static void
show_dissolve(void)
{
    static reel_picture_t before, after;
    reel_pan(1, 40, 40, 0, 120, 60);
    reel_paint(&before, 1, 40, 30, 120, 60);
    reel_paint(&after, 2, 40, 30, 120, 60);
    for (int i = 1; i <= 20; i++) {
        reel_mix(&picture, &before, &after, i / 21.0);
        reel_show(&picture, 0);
    }
    reel_pan(2, 40, 40, 0, 120, 60);
}

Test(bars, a_dissolve_of_a_padded_film_is_one)
{
    for (int kind = 0; kind < PAD_KINDS; kind++) {
        reel_end();
        reel_begin();
        reel_bars(PADS[kind].level, PADS[kind].across, PADS[kind].down);
        show_dissolve();
        kt_shots_close(reel_shots);
        cr_assert_eq(kt_shots_count(reel_shots), 2, "padding %d: %zu shots", kind, kt_shots_count(reel_shots));
        cr_expect_eq(kt_shots_at(reel_shots, 1)->transition, KT_DISSOLVE);
        cr_expect_float_eq(kt_shots_at(reel_shots, 1)->from_s, 1.6, 0.17);
        cr_expect_float_eq(kt_shots_at(reel_shots, 1)->begin_s, 2.4, 0.17);
    }
}

// Two views of the scene in turn, for twelve seconds.
static void
show_long(int scene)
{
    static reel_picture_t other;
    reel_paint(&picture, scene, 40, 30, 120, 40);
    reel_paint(&other, scene, 41, 30, 120, 40);
    for (int i = 0; i < 300; i++)
        reel_show(i % 2 ? &other : &picture, 0);
}

// The whole picture comes after a part with bars, and bars again: a shot each, and no others.
Test(bars, bars_that_come_and_go_are_followed)
{
    reel_bars(16, 64, 0);
    show_long(1);
    show_long(2);
    reel_show_wide(3, 300);
    show_long(4);
    show_long(5);
    reel_expect(5, (uint64_t[]){0, 300, 600, 900, 1200});
}

enum { WIDTH = 160, HEIGHT = 120 };

static kt_shot_bars_t bars;
static uint8_t        plane[WIDTH * HEIGHT], chroma[WIDTH / 2 * HEIGHT / 2], rgb[3 * WIDTH * HEIGHT / 4];
static double         time_s;

static void
begin(bool full_range)
{
    kt_shot_bars_init(&bars, &kt_block_ops_ref, full_range);
    time_s = 0;
}

// Below 100 plain but for noise, from there on textured.
static void
paint(uint8_t level, uint32_t left, uint32_t top, uint32_t right, uint32_t bottom)
{
    for (uint32_t y = top; y < bottom; y++)
        for (uint32_t x = left; x < right; x++)
            plane[y * WIDTH + x] = (uint8_t)(level + (x * 7 + y * 13) % (level < 100 ? 8 : 50));
}

static kt_yuv_t
yuv_of(void)
{
    return (kt_yuv_t){WIDTH, HEIGHT, plane, chroma, chroma, WIDTH, WIDTH / 2};
}

// Shows the plane for some seconds. Returns whether bars changed.
static bool
show(double seconds)
{
    bool changed = false;
    for (int i = 0; i == 0 || i < seconds * 10; i++, time_s += 0.1) {
        const kt_yuv_t yuv = yuv_of();
        changed            = kt_shot_bars_add(&bars, &yuv, rgb, time_s) || changed;
    }
    return changed;
}

// A picture of level `outer` but for a part between these rows and columns.
static bool
show_part(double seconds, uint8_t outer, uint32_t left, uint32_t top, uint32_t right, uint32_t bottom)
{
    paint(outer, 0, 0, WIDTH, HEIGHT);
    paint(100, left, top, right, bottom);
    return show(seconds);
}

static void
expect_part(uint32_t left, uint32_t top, uint32_t right, uint32_t bottom)
{
    uint32_t       x, y;
    const kt_yuv_t yuv = yuv_of(), part = kt_shot_bars_part(&bars, &yuv, &x, &y);
    cr_expect(x == left && y == top && x + part.width == right && y + part.height == bottom, "%u %u %u x %u", x, y,
              part.width, part.height);
    cr_expect_eq(part.y, plane + y * WIDTH + x);
    cr_expect_eq(part.u, chroma + y / 2 * WIDTH / 2 + x / 2);
}

Test(bars, rows_and_columns_that_stay_black_are_left_out)
{
    begin(false);
    cr_expect(show_part(0, 16, 0, 20, WIDTH, 100));
    expect_part(0, 22, WIDTH, 98);
    cr_expect_not(show_part(30, 16, 0, 20, WIDTH, 100));
    begin(true);
    cr_expect(show_part(0, 0, 41, 0, 117, HEIGHT));
    expect_part(42, 0, 116, HEIGHT);
    begin(false);
    cr_expect(show_part(0, 16, 40, 20, 120, 100), "both");
    expect_part(42, 22, 118, 98);
}

Test(bars, black_is_not_taken_for_bars)
{
    begin(false);
    cr_expect_not(show_part(0, 16, 0, 0, 0, 0), "all of it is black");
    cr_expect_not(show_part(0, 16, 50, 50, 110, 70), "a title on black");
    cr_expect_not(show_part(0, 16, 0, 40, WIDTH, HEIGHT), "a dark sky");
    begin(false);
    cr_expect_not(show_part(30, 16, 0, 3, WIDTH, 117), "a thin edge");
    cr_expect_not(show_part(30, 16, 0, 0, WIDTH, 112), "on one side");
    cr_expect_not(show_part(30, 16, 0, 55, WIDTH, 65), "a line in black");
    begin(false);
    paint(16, 0, 0, WIDTH, HEIGHT);
    for (uint32_t y = 0; y < HEIGHT; y++)  // brighter from the edges to the middle
        paint((uint8_t)(16 + (y < 60 ? y : 119 - y)), y, y, WIDTH - y, y + 1);
    cr_expect_not(show(30), "a dark edge without an outline");
}

Test(bars, bars_of_any_plain_level_are_left_out)
{
    begin(false);
    cr_expect(show_part(0, 60, 0, 20, WIDTH, 100));
    expect_part(0, 22, WIDTH, 98);
    begin(false);
    cr_expect_not(show_part(2, 16, 0, 0, 0, 0), "black before");
    cr_expect(show_part(0, 90, 40, 20, 120, 100), "on all sides");
    expect_part(42, 22, 118, 98);
    cr_expect_not(show_part(0, 70, 40, 20, 120, 100), "a fade");
    cr_expect_not(show_part(0, 30, 40, 20, 120, 100));
    cr_expect_not(show_part(5, 16, 0, 0, 0, 0));
    expect_part(42, 22, 118, 98);
    begin(false);
    show_part(2, 90, 40, 20, 120, 100);
    cr_expect(show_part(0, 16, 0, 0, 0, 0), "another picture");
    expect_part(0, 0, WIDTH, HEIGHT);
    begin(false);
    for (uint8_t level = 20; level < 70; level += 10)
        cr_expect_not(show_part(0, level, 0, 0, 0, 0), "a plain picture");
}

Test(bars, opposite_sides_of_other_levels_are_no_bars)
{
    begin(false);
    paint(20, 0, 0, WIDTH, 20);
    paint(100, 0, 20, WIDTH, 100);
    paint(60, 0, 100, WIDTH, HEIGHT);
    cr_expect_not(show(30));
}

Test(bars, text_and_noise_in_bars_do_not_end_them)
{
    begin(false);
    show_part(5, 16, 0, 20, WIDTH, 100);
    paint(200, 50, 106, 95, 112);
    cr_expect_not(show(20), "a caption");
    cr_expect_not(show_part(20, 20, 0, 20, WIDTH, 100), "noise");
    begin(false);
    paint(200, 8, 6, 22, 14);
    cr_expect(show(0), "a logo from the begin on");
    expect_part(0, 22, WIDTH, 98);
}

Test(bars, a_film_that_is_dark_for_long_has_its_bars_at_once)
{
    begin(false);
    cr_expect_not(show_part(25, 16, 60, 50, 90, 90));
    cr_expect(show_part(0, 16, 0, 20, WIDTH, 100));
    expect_part(0, 22, WIDTH, 98);
}

Test(bars, a_dark_picture_does_not_end_bars)
{
    begin(false);
    show_part(5, 16, 0, 20, WIDTH, 100);
    cr_expect_not(show_part(30, 16, 0, 0, 0, 0));
    cr_expect_not(show_part(30, 16, 60, 50, 90, 90));
    expect_part(0, 22, WIDTH, 98);
}

Test(bars, a_picture_that_is_bright_there_ends_bars_which_come_back_after_a_while)
{
    begin(false);
    show_part(5, 16, 0, 20, WIDTH, 100);
    cr_expect(show_part(0, 16, 0, 0, WIDTH, HEIGHT));
    expect_part(0, 0, WIDTH, HEIGHT);
    cr_expect_not(show_part(9, 16, 0, 20, WIDTH, 100));
    cr_expect(show_part(2, 16, 0, 20, WIDTH, 100));
    expect_part(0, 22, WIDTH, 98);
    cr_expect(show_part(21, 16, 0, 30, WIDTH, 90), "narrower ones");
    expect_part(0, 32, WIDTH, 88);
}

Test(bars, a_film_that_gets_bars_later_has_them_after_a_while)
{
    begin(false);
    cr_expect_not(show_part(15, 16, 0, 0, WIDTH, HEIGHT));
    cr_expect_not(show_part(4, 16, 40, 0, 120, HEIGHT));
    cr_expect(show_part(16, 16, 40, 0, 120, HEIGHT));
    expect_part(42, 0, 118, HEIGHT);
}

Test(bars, small_pictures_are_taken)
{
    static const uint32_t SIZES[][2] = {{1, 1}, {2, 160}, {119, 3}, {7, 100}, {16, 16}, {40, 40}};
    for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++)
        for (uint8_t edge = 0; edge < 20; edge++) {
            const uint32_t width = SIZES[s][0], height = SIZES[s][1];
            uint8_t       *exact = calloc(width, height);
            cr_assert_not_null(exact);
            for (uint32_t y = edge; y + edge < height; y++)
                memset(exact + y * width, 200, width);
            const kt_yuv_t yuv = {width, height, exact, exact, exact, width, (width + 1) / 2};
            uint32_t       left, top;
            begin(false);
            (void)kt_shot_bars_add(&bars, &yuv, rgb, 0);
            const kt_yuv_t part = kt_shot_bars_part(&bars, &yuv, &left, &top);
            cr_expect(part.width >= 1 && part.width <= width && part.height >= 1 && part.height <= height);
            free(exact);
        }
}

// Pictures are made for another part; the same film, without and with bars, is compared.
Test(bars, pictures_that_are_kept_are_made_for_the_part)
{
    static kt_shot_picture_t      pictures[2], alone;
    static const kt_image_stats_t stats = {.colour = {WIDTH * HEIGHT / 4 - 100, 100}};
    static const kt_shot_border_t none, border = {.share = 1 / 3.0, .level = {16, 128, 128}, .colour = {65535}};
    kt_shot_size_t                whole, part;
    uint8_t                      *memory = malloc(3 * kt_shot_picture_bytes_most());
    cr_assert_not_null(memory);
    kt_shot_size(WIDTH, HEIGHT, &whole);
    kt_shot_size(WIDTH, HEIGHT - 40, &part);
    part.top = 20;
    paint(16, 0, 0, WIDTH, HEIGHT);
    paint(100, 0, 20, WIDTH, 100);
    for (uint32_t i = 0; i < WIDTH * 80; i++)
        plane[20 * WIDTH + i] = (uint8_t)(60 + i * i / 50 % 97);
    const kt_yuv_t yuv = yuv_of(), between = {WIDTH, 80, plane + 20 * WIDTH, chroma, chroma, WIDTH, WIDTH / 2};
    for (int i = 0; i < 2; i++)
        kt_shot_picture_init(&pictures[i], &whole, memory + (size_t)i * kt_shot_picture_bytes_most());
    kt_shot_picture_init(&alone, &part, memory + 2 * kt_shot_picture_bytes_most());
    kt_shot_picture_make(&alone, &part, &between, &stats, &border);
    kt_shot_picture_make(&pictures[0], &whole, &yuv, &stats, &none);
    kt_shot_pictures_refit(pictures, 2, 1, &whole, &part, &border);
    cr_expect_arr_eq(pictures[0].luma, alone.luma, part.width * part.height);
    cr_expect_float_eq(pictures[0].contrast, alone.contrast, 0.02f);
    cr_expect_float_eq(pictures[0].deviation, alone.deviation, 0.02f);
    for (int c = 0; c < KT_IMAGE_COLOURS; c++)
        cr_expect(abs(pictures[0].colour[c] - alone.colour[c]) <= 2, "colour %d", c);
    cr_expect_lt(kt_shot_difference(&pictures[0], &alone, &part), 0.1f);
    cr_expect_eq(pictures[1].luma[0], KT_SHOT_NEUTRAL);
    // And back: black is around the part.
    kt_shot_pictures_refit(pictures, 2, 1, &part, &whole, &border);
    cr_expect_eq(pictures[0].luma[0], border.level[0]);
    cr_expect_eq(pictures[0].luma[whole.width * whole.height - 1], border.level[0]);
    cr_expect_arr_eq(pictures[0].luma + 10 * whole.width, alone.luma, part.width * part.height);
    cr_expect_gt(pictures[0].colour[0], alone.colour[0]);
    free(memory);
}
