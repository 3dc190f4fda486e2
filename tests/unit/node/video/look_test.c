#include "tests/unit/node/video/film.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static film_t film;

// Pictures of one luma at 25 a second, in [begin, end).
static void
show(int luma, double begin, double end)
{
    for (int i = (int)(begin * 25 + 0.5); i < (int)(end * 25 + 0.5); i++) {
        memset(film.y, luma, sizeof film.y);
        film_picture(&film, i / 25.0);
    }
}

static double
member(const char *name)
{
    return kt_json_f64(film.visual, name, -1);
}

static void
expect_parts(const char *name, size_t n, double begin, double end)
{
    const json_t *list = kt_json_get(film.visual, name);
    cr_assert_eq(kt_json_count(list), n, "%s has %zu parts", name, kt_json_count(list));
    if (n) {
        cr_expect_float_eq(kt_json_f64(kt_json_at(list, 0), "begin", -1), begin, 1e-6);
        cr_expect_float_eq(kt_json_f64(kt_json_at(list, 0), "end", -1), end, 1e-6);
    }
}

Test(look, a_mean_weighs_pictures_by_the_time_they_are_shown)
{
    film_begin(&film, &kt_video_look);
    memset(film.y, 235, sizeof film.y);
    film_picture(&film, 0);
    memset(film.y, 16, sizeof film.y);
    film_picture(&film, 3);
    film_end(&film, 4);
    cr_expect_float_eq(member("brightness"), 0.75, 1e-3);
    cr_expect_float_eq(member("contrast"), 0, 1e-3);
    cr_expect_float_eq(member("saturation"), 0, 1e-3);
    const json_t *histogram = kt_json_get(film.visual, "color_histogram");
    double        first, last;
    cr_assert(kt_json_number(kt_json_at(histogram, 0), &first) && kt_json_number(kt_json_at(histogram, 511), &last));
    cr_expect_float_eq(first, 0.25, 1e-6);
    cr_expect_float_eq(last, 0.75, 1e-6);
    film_free(&film);
}

Test(look, contrast_is_the_deviation_of_luma)
{
    film_begin(&film, &kt_video_look);
    for (int y = 0; y < FILM_HEIGHT; y++)
        memset(film.y[y], y < FILM_HEIGHT / 2 ? 16 : 235, FILM_WIDTH);
    film_picture(&film, 0);
    film_end(&film, 1);
    cr_expect_float_eq(member("contrast"), 0.5, 1e-3);
    film_free(&film);
}

Test(look, dominant_colours_are_merged_with_their_neighbours)
{
    film_begin(&film, &kt_video_look);
    for (int y = 0; y < FILM_HEIGHT; y++)
        for (int x = 0; x < FILM_WIDTH; x++)
            film.y[y][x] = x < 64 ? 16 : x % 4 < 2 ? 178 : 182;  // about both sides of a limit between two colours
    film_picture(&film, 0);
    film_end(&film, 1);
    const json_t *list = kt_json_get(film.visual, "dominant_colors");
    cr_assert_eq(kt_json_count(list), 2);
    cr_expect_float_eq(kt_json_f64(kt_json_at(list, 0), "share", 0), 0.8, 1e-6);
    int64_t red = 0;
    cr_assert(kt_json_integer(kt_json_at(kt_json_get(kt_json_at(list, 0), "rgb"), 0), &red));
    cr_expect_leq(llabs(red - 191), 1, "red %lld", (long long)red);
    film_free(&film);
}

Test(look, black_and_white_parts_of_half_a_second_are_found)
{
    film_begin(&film, &kt_video_look);
    show(100, 0, 1);
    show(17, 1, 1.52);
    show(100, 1.52, 2);
    show(16, 2, 2.4);  // too short
    show(234, 2.4, 4);
    film_end(&film, 4);
    expect_parts("black_parts", 1, 1, 1.52);
    expect_parts("white_parts", 1, 2.4, 4);
    film_free(&film);
}

Test(look, a_little_text_does_not_end_a_black_part)
{
    film_begin(&film, &kt_video_look);
    for (int i = 0; i < 25; i++) {
        memset(film.y, 16, sizeof film.y);
        memset(film.y[90], 235, FILM_WIDTH);  // 0.6 %
        film_picture(&film, i / 25.0);
    }
    film_end(&film, 1);
    expect_parts("black_parts", 1, 0, 1);
    film_free(&film);
}

// What differs by one level is the noise of coding; what moves in one block is not.
Test(look, a_frozen_part_bears_noise_and_ends_with_a_small_movement)
{
    film_begin(&film, &kt_video_look);
    for (int i = 0; i < 100; i++) {
        memset(film.y, 100, sizeof film.y);
        for (int k = 0; k < 5000; k++)
            film.y[0][(unsigned)(i * 7919 + k * 104729) % sizeof film.y] += 2;
        if (i >= 75)
            memset(&film.y[40][16 + i - 75], 150, 16);
        for (int row = 41; row < 56 && i >= 75; row++)
            memset(&film.y[row][16 + i - 75], 150, 16);
        film_picture(&film, i / 25.0);
    }
    film_end(&film, 4);
    expect_parts("frozen_parts", 1, 0, 3);
    film_free(&film);
}

// At key frames all of the picture changes a little; grain changes it all the time.
Test(look, a_still_that_is_coded_anew_stays_frozen_and_grain_does_not)
{
    for (int every = 1; every < 100; every += 49) {
        film_begin(&film, &kt_video_look);
        for (int i = 0; i < 150; i++) {
            for (int k = 0; k < (int)sizeof film.y; k++)
                film.y[k / FILM_WIDTH][k % FILM_WIDTH] =
                    (uint8_t)(100 + ((unsigned)(i / every) * 7919U + (unsigned)k * 104729U) % 31 / 10);
            film_picture(&film, i / 25.0);
        }
        film_end(&film, 6);
        expect_parts("frozen_parts", every == 1 ? 0 : 1, 0, 6);
        film_free(&film);
    }
}

Test(look, one_picture_that_is_shown_long_is_a_frozen_part)
{
    film_begin(&film, &kt_video_look);
    show(100, 0, 0.04);
    film_end(&film, 5);
    expect_parts("frozen_parts", 1, 0, 5);
    film_free(&film);
}

static void
paint_letterbox(uint8_t *y, int width, int height, int top, int bottom, int seed)
{
    for (int row = 0; row < height; row++)
        for (int x = 0; x < width; x++)
            y[row * width + x] = (uint8_t)(row < top || row >= height - bottom ? 16 + (x + row) % 3
                                                                               : 60 + (x * 7 + row * 13 + seed) % 120);
}

static void
expect_bars(int top, int bottom, int left, int right)
{
    const json_t *bars = kt_json_get(film.visual, "letterbox");
    cr_expect_eq(kt_json_f64(bars, "top", -1), top, "top %g", kt_json_f64(bars, "top", -1));
    cr_expect_eq(kt_json_f64(bars, "bottom", -1), bottom, "bottom %g", kt_json_f64(bars, "bottom", -1));
    cr_expect_eq(kt_json_f64(bars, "left", -1), left);
    cr_expect_eq(kt_json_f64(bars, "right", -1), right);
}

Test(look, bars_come_in_coded_pixels_and_exact_from_whole_pictures)
{
    static uint8_t whole[720 * 1280], chroma[720 * 1280 / 4];
    for (int has_whole = 0; has_whole < 2; has_whole++) {
        film_begin(&film, &kt_video_look);
        for (int i = 0; i < 50; i++) {
            paint_letterbox(film.y[0], FILM_WIDTH, FILM_HEIGHT, i == 7 ? 0 : 22, 23, i);
            if (has_whole && i == 12) {
                paint_letterbox(whole, 1280, 720, 91, 93, i);
                film.frame.whole        = (kt_yuv_t){1280, 720, whole, chroma, chroma, 1280, 640};
                film.frame.whole_factor = 1;
                film.frame.flags        = KT_FRAME_SAMPLED;
            }
            film_picture(&film, i / 25.0);
        }
        film_end(&film, 2);
        expect_bars(has_whole ? 91 : 88, has_whole ? 93 : 92, 0, 0);
        film_free(&film);
    }
}

// Of all widths: columns are counted in groups.
Test(look, bars_at_the_sides_are_as_wide_as_they_are)
{
    for (int left = 0; left < 40; left += 3) {
        const int right = 2 * left + 1;
        film_begin(&film, &kt_video_look);
        for (int i = 0; i < 5; i++) {
            for (int row = 0; row < FILM_HEIGHT; row++)
                for (int x = 0; x < FILM_WIDTH; x++)
                    film.y[row][x] = x < left || x >= FILM_WIDTH - right ? 16 : (uint8_t)(100 + (x + row + i) % 50);
            film_picture(&film, i / 25.0);
        }
        film_end(&film, 0.2);
        expect_bars(0, 0, 4 * left, 4 * right);
        film_free(&film);
    }
}

Test(look, a_film_without_a_bright_picture_has_no_bars_to_tell)
{
    film_begin(&film, &kt_video_look);
    show(16, 0, 1);
    film_end(&film, 1);
    cr_expect(kt_json_is_null(kt_json_get(film.visual, "letterbox")));
    film_free(&film);
}

Test(look, more_parts_than_the_list_holds_leave_the_longest)
{
    film_begin(&film, &kt_video_look);
    for (int i = 0; i < 1100; i++) {
        memset(film.y, 16, sizeof film.y);
        film_picture(&film, 2.0 * i);
        memset(film.y, 100, sizeof film.y);
        film_picture(&film, 2.0 * i + (i % 10 ? 1 : 0.6));
    }
    film_end(&film, 2200);
    const json_t *list = kt_json_get(film.visual, "black_parts");
    cr_assert_eq(kt_json_count(list), 1000);
    cr_expect_float_eq(kt_json_f64(kt_json_at(list, 999), "begin", 0), 2198, 1e-6);
    film_free(&film);
}
