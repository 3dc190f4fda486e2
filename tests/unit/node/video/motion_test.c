#include "node/video/motion/record.h"
#include "tests/unit/node/video/film.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { RATE = 25 };

static film_t film;

// Hills of several sizes without a period, at any place.
static double
scene(double x, double y)
{
    return 115 + 25 * sin(0.31 * x + 0.9 * sin(0.05 * y)) + 25 * sin(0.27 * y + 1.3 * sin(0.041 * x)) +
           15 * sin(0.13 * x + 0.17 * y) + 15 * sin(0.011 * x * 1.7 + 0.5) + 10 * sin(0.45 * x - 0.38 * y);
}

// The camera at (x, y) pixels of the scene, zoomed in by `zoom`.
static void
look_at(double x, double y, double zoom)
{
    for (int row = 0; row < FILM_HEIGHT; row++)
        for (int column = 0; column < FILM_WIDTH; column++)
            film.y[row][column] = (uint8_t)lround(
                scene(x + (column - FILM_WIDTH / 2.0 + 0.5) / zoom, y + (row - FILM_HEIGHT / 2.0 + 0.5) / zoom));
}

static double
value(const char *name)
{
    return kt_json_f64(film.visual, name, -1e9);
}

static double
of_shot(const char *name)
{
    return kt_json_f64(kt_json_at(kt_json_get(film.visual, "shots"), 0), name, -1e9);
}

static void
expect_near(const char *what, double is, double should, double tolerance)
{
    cr_expect_float_eq(is, should, tolerance, "%s is %g, not %g", what, is, should);
}

static void
run(double pixels_right, double pixels_down, double zoom, int pictures)
{
    for (int i = 0; i < pictures; i++) {
        look_at(1000 + pixels_right * i, 1000 + pixels_down * i, pow(1 + zoom, i));
        film_picture(&film, i / (double)RATE);
    }
    film_end(&film, pictures / (double)RATE);
}

Test(motion, a_pan_has_its_speed_and_is_positive_to_the_right)
{
    static const double SPEEDS[] = {0.1, 0.37, 1, 2.6, 7.3, 20, -2.6};
    for (size_t i = 0; i < sizeof SPEEDS / sizeof *SPEEDS; i++) {
        const double percent = 100 * SPEEDS[i] * RATE / FILM_WIDTH;
        film_begin(&film, &kt_video_motion);
        run(SPEEDS[i], 0, 0, 20);
        expect_near("pan", of_shot("pan"), percent, 0.03 * fabs(percent));
        expect_near("motion", value("motion"), fabs(percent), 0.05 * fabs(percent));
        expect_near("tilt", of_shot("tilt"), 0, 0.02 * fabs(percent) + 0.1);
        expect_near("static", value("static_share"), fabs(percent) < 1 ? 1 : 0, 1e-9);
        film_free(&film);
    }
}

Test(motion, a_tilt_upwards_is_positive_and_measured_in_widths)
{
    film_begin(&film, &kt_video_motion);
    run(0, -1.6, 0, 20);
    expect_near("tilt", of_shot("tilt"), 100 * 1.6 * RATE / FILM_WIDTH, 0.3);
    expect_near("pan", of_shot("pan"), 0, 0.2);
    film_free(&film);
}

Test(motion, a_zoom_in_is_positive)
{
    film_begin(&film, &kt_video_motion);
    run(0, 0, 0.01, 20);
    expect_near("zoom", of_shot("zoom"), 25, 1);
    expect_near("pan", of_shot("pan"), 0, 0.5);
    film_free(&film);
}

// A pattern of coding that stays in its place holds back what is seen of a small movement from one picture to the next.
Test(motion, a_small_movement_is_seen_through_a_pattern_that_does_not_move)
{
    film_begin(&film, &kt_video_motion);
    for (int i = 0; i < 40; i++) {
        look_at(0.25 * i, 0, 1);
        for (int row = 0; row < FILM_HEIGHT; row++)
            for (int x = 0; x < FILM_WIDTH; x++)
                film.y[row][x] = (uint8_t)(film.y[row][x] + (unsigned)(x * 7919 + row * 104729) % 31 % 7);
        film_picture(&film, i / (double)RATE);
    }
    film_end(&film, 40.0 / RATE);
    expect_near("pan", of_shot("pan"), 100 * 0.25 * RATE / FILM_WIDTH, 0.1 * 100 * 0.25 * RATE / FILM_WIDTH);
    film_free(&film);
}

Test(motion, what_is_still_has_no_motion)
{
    film_begin(&film, &kt_video_motion);
    run(0, 0, 0, 60);
    expect_near("motion", value("motion"), 0, 1e-9);
    expect_near("static_share", value("static_share"), 1, 1e-9);
    cr_expect(kt_json_is_null(kt_json_get(film.visual, "motion_directions")));
    cr_expect_eq(kt_json_count(kt_json_get(film.visual, "motion_vectors")), 3);
    film_free(&film);
}

Test(motion, a_change_of_brightness_is_no_movement)
{
    film_begin(&film, &kt_video_motion);
    for (int i = 0; i < 20; i++) {
        look_at(0, 0, 1);
        for (int row = 0; row < FILM_HEIGHT; row++)
            for (int x = 0; x < FILM_WIDTH; x++)
                film.y[row][x] = (uint8_t)(film.y[row][x] / 2 + 4 * i);
        film_picture(&film, i / (double)RATE);
    }
    film_end(&film, 20.0 / RATE);
    expect_near("motion", value("motion"), 0, 0.05);
    film_free(&film);
}

// Films at 12 pictures a second are stored at 24: the speed is the same.
Test(motion, pictures_that_are_stored_twice_do_not_change_the_speed)
{
    film_begin(&film, &kt_video_motion);
    for (int i = 0; i < 39; i++) {
        look_at(2.0 * (i / 2), 0, 1);
        film.frame.flags = i % 4 == 1 ? KT_FRAME_REPEATED : 0;  // of the others only the pixels are equal
        film_picture(&film, i / (double)RATE);
    }
    film_end(&film, 39.0 / RATE);
    expect_near("motion", value("motion"), 100.0 * RATE / FILM_WIDTH, 0.4);
    expect_near("static_share", value("static_share"), 0, 1e-9);
    film_free(&film);
}

Test(motion, nothing_is_counted_across_a_cut)
{
    film_begin(&film, &kt_video_motion);
    for (int i = 0; i < 100; i++) {
        look_at(i < 50 ? 0 : 5000, i < 50 ? 0 : 2000, i < 50 ? 1 : 3);
        for (int row = 0; row < FILM_HEIGHT && i >= 50; row++)
            for (int x = 0; x < FILM_WIDTH; x++)
                film.y[row][x] = (uint8_t)(250 - film.y[row][x] / 2);
        film_picture(&film, i / (double)RATE);
    }
    film_end(&film, 100.0 / RATE);
    cr_expect_eq(kt_json_count(kt_json_get(film.visual, "shots")), 2);
    expect_near("motion", value("motion"), 0, 1e-9);
    film_free(&film);
}

Test(motion, the_picture_is_turned_before_its_movement_is_told)
{
    const kt_media_info_t turned = {.width = 1280, .height = 720, .rotation = 90, .pixel_aspect_ratio = 1};
    film_begin_with(&film, &kt_video_motion, &turned);
    run(2, 0, 0, 20);  // the content moves to the left as coded, up as shown: the camera tilts down
    expect_near("tilt", of_shot("tilt"), -100.0 * 2 * RATE / FILM_HEIGHT, 0.8);
    expect_near("pan", of_shot("pan"), 0, 0.3);
    double up = 0;
    cr_assert(kt_json_number(kt_json_at(kt_json_get(film.visual, "motion_directions"), 2), &up));
    expect_near("up", up, 1, 0.05);
    film_free(&film);
}

static kt_motion_vector_t vectors[80 * 45];

// The vectors of a pan of so many coded pixels to the right.
static void
set_vectors(int pixels, bool backward)
{
    for (int i = 0; i < 80 * 45; i++)
        vectors[i] = (kt_motion_vector_t){.x        = (int16_t)(i % 80 * 16 + 8),
                                          .y        = (int16_t)(i / 80 * 16 + 8),
                                          .dx       = (int16_t)(4 * pixels),
                                          .width    = 16,
                                          .height   = 16,
                                          .backward = backward && i % 2};
    film.frame.vectors   = vectors + backward;  // the first one is backward then
    film.frame.n_vectors = backward ? 1 : 80 * 45;
}

static const char *
method(void)
{
    return kt_json_str(film.methods, "motion_vectors", "");
}

// A pan of 4 coded pixels a picture. Two of three pictures are predicted from both sides, with vectors that mean
// nothing, or with none; the third has a vector of so many pixels.
static void
run_with_vectors(int pixels, bool both_give)
{
    for (int i = 0; i < 31; i++) {
        look_at(i, 0, 1);
        if (i % 3 && both_give)
            set_vectors(100, true);
        else if (i % 3)
            film.frame.flags = KT_FRAME_BETWEEN;
        else if (i)
            set_vectors(pixels, false);
        else
            film.frame.flags = KT_FRAME_INTRA;
        film_picture(&film, i / (double)RATE);
    }
    film_end(&film, 31.0 / RATE);
}

Test(motion, vectors_tell_the_time_since_the_last_picture_that_others_refer_to)
{
    for (int both_give = 0; both_give < 2; both_give++) {
        film_begin(&film, &kt_video_motion);
        run_with_vectors(12, both_give);
        expect_near("pan", of_shot("pan"), 100.0 * RATE / FILM_WIDTH, 0.05);
        expect_near("motion", value("motion"), 100.0 * RATE / FILM_WIDTH, 0.05);
        cr_expect_str_eq(method(), "codec vectors");
        film_free(&film);
    }
}

// As where an encoder prefers the picture before the last one.
Test(motion, vectors_that_do_not_fit_the_pictures_are_not_believed)
{
    film_begin(&film, &kt_video_motion);
    run_with_vectors(24, true);
    expect_near("pan", of_shot("pan"), 100.0 * RATE / FILM_WIDTH, 0.05);
    cr_expect_str_eq(method(), "block matching");
    film_free(&film);
}

Test(motion, blocks_are_matched_where_there_are_no_vectors)
{
    film_begin(&film, &kt_video_motion);
    run(1, 0, 0, 10);
    cr_expect_str_eq(method(), "block matching");
    film_free(&film);
}

Test(motion, pictures_that_are_too_small_or_too_few_have_a_reason)
{
    film_begin(&film, &kt_video_motion);
    run(0, 0, 0, 1);
    cr_expect(kt_json_is_null(kt_json_get(film.visual, "motion")));
    cr_expect(kt_json_is_null(kt_json_get(film.visual, "motion_vectors")));
    cr_expect_eq(kt_json_count(kt_json_get(film.visual, "shots")), 1);
    film_free(&film);
}

static kt_record_t           record;
static const kt_media_info_t NO_INFO;

Test(motion, a_long_film_has_longer_steps)
{
    static double out[KT_RECORD_BINS];
    kt_shots_t   *shots = NULL;
    cr_assert_eq(kt_shots_new(&shots, &(kt_video_stream_t){.media_info = &NO_INFO}), KT_OK);
    kt_record_init(&record, shots, 0);
    for (int i = 0; i < 50000; i++) {
        const kt_step_t step = {.begin_s = i, .end_s = i + 1, .distance = i < 40000 ? 2 : 6};
        cr_assert_eq(kt_record_push(&record, &step), KT_OK);
    }
    cr_assert_eq(kt_record_close(&record), KT_OK);
    cr_assert_eq(kt_record_speeds(&record, 50000, out, KT_RECORD_BINS), 12500);
    cr_expect_float_eq(record.bin_s, 4, 1e-12);
    cr_expect_float_eq(out[0], 2, 1e-9);
    cr_expect_float_eq(out[9999], 2, 1e-9);
    cr_expect_float_eq(out[12499], 6, 1e-9);
    kt_record_fini(&record);
    kt_shots_destroy(&shots);
}

Test(motion, a_second_without_a_measurement_has_the_value_before_it)
{
    double      out[8];
    kt_shots_t *shots = NULL;
    cr_assert_eq(kt_shots_new(&shots, &(kt_video_stream_t){.media_info = &NO_INFO}), KT_OK);
    kt_record_init(&record, shots, 10);
    cr_assert_eq(kt_record_push(&record, &(kt_step_t){.begin_s = 11, .end_s = 12, .distance = 3}), KT_OK);
    cr_assert_eq(kt_record_push(&record, &(kt_step_t){.begin_s = 13, .end_s = 14.5, .distance = 3}), KT_OK);
    cr_assert_eq(kt_record_close(&record), KT_OK);
    cr_assert_eq(kt_record_speeds(&record, 15, out, 8), 5);
    static const double SHOULD[] = {3, 3, 3, 2, 2};
    for (int i = 0; i < 5; i++)
        cr_expect_float_eq(out[i], SHOULD[i], 1e-9);
    kt_record_fini(&record);
    kt_shots_destroy(&shots);
}
