#include "node/video/shots.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { WIDTH = 160, HEIGHT = 96, CHROMA = WIDTH / 2 * HEIGHT / 2, SCENE = 512 };

// A film that is made picture by picture: scenes are smooth textures, larger than a picture.
typedef struct film {
    kt_shots_t *shots;
    uint64_t    index;
    double      hz;
    uint8_t     y[WIDTH * HEIGHT], u[CHROMA], v[CHROMA];
} film_t;

static film_t film;

static void
film_begin(void)
{
    static const kt_video_stream_t stream = {.duration_s = 0};
    film.index                            = 0;
    film.hz                               = 25;
    cr_assert_eq(kt_shots_new(&film.shots, &stream), KT_OK);
}

static void
film_end(void)
{
    kt_shots_destroy(&film.shots);
}

TestSuite(shots, .init = film_begin, .fini = film_end);

// Sum of waves whose directions and lengths depend on the scene alone; -1 to 1.
static double
texture(int scene, double x, double y)
{
    uint32_t state = 12345u + 977u * (uint32_t)scene;
    double   sum   = 0;
    for (int wave = 0; wave < 6; wave++) {
        state              = state * 1664525u + 1013904223u;
        const double angle = (state >> 8) % 628 / 100.0, length = 12 + (state >> 20) % 40;
        sum += sin((x * cos(angle) + y * sin(angle)) * 2 * M_PI / length + (state >> 4) % 100);
    }
    return sum / 6;
}

// The scene from (left, top), its brightness and contrast, both 8-bit steps.
static void
paint(int scene, double left, double top, double mean, double contrast)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            const double level    = mean + contrast * texture(scene, x + left, y + top);
            film.y[y * WIDTH + x] = (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
        }
    for (int i = 0; i < CHROMA; i++) {
        film.u[i] = (uint8_t)(100 + 17 * scene % 60);
        film.v[i] = (uint8_t)(110 + 29 * scene % 50);
    }
}

static void
show_flagged(uint32_t flags)
{
    static kt_image_stats_t  stats;
    const kt_video_frame_t   frame   = {.index  = film.index,
                                        .time_s = (double)film.index / film.hz,
                                        .flags  = flags,
                                        .small  = {WIDTH, HEIGHT, film.y, film.u, film.v, WIDTH, WIDTH / 2}};
    const kt_video_picture_t picture = {.frame = &frame, .stats = &stats};
    stats.colour[0]                  = 1;
    stats.colour[1 + film.u[0] % 64] = 3;
    cr_assert_eq(kt_shots_push(film.shots, &picture), KT_OK);
    stats.colour[1 + film.u[0] % 64] = 0;
    film.index++;
}

static void
show(int n)
{
    for (int i = 0; i < n; i++)
        show_flagged(0);
}

// n pictures of a camera that moves over the scene.
static void
pan(int scene, int n, double speed, double mean, double contrast)
{
    for (int i = 0; i < n; i++) {
        paint(scene, 40 + speed * i, 30, mean, contrast);
        show(1);
    }
}

static void
expect_shots(size_t n, const uint64_t first[])
{
    kt_shots_close(film.shots);
    cr_assert_eq(kt_shots_count(film.shots), n, "%zu shots", kt_shots_count(film.shots));
    for (size_t s = 0; s < n; s++) {
        const kt_shot_t *shot = kt_shots_at(film.shots, s);
        cr_expect_eq(shot->index, first[s], "shot %zu begins at %llu", s, (unsigned long long)shot->index);
        cr_expect_float_eq(shot->begin_s, (double)first[s] / film.hz, 1e-9);
    }
}

Test(shots, a_cut_is_at_the_first_picture_of_the_new_shot)
{
    pan(1, 30, 1, 120, 60);
    pan(2, 25, -1, 120, 60);
    pan(3, 30, 2, 120, 60);
    expect_shots(3, (uint64_t[]){0, 30, 55});
    cr_expect_eq(kt_shots_find(film.shots, -1), 0);
    cr_expect_eq(kt_shots_find(film.shots, 29.5 / 25), 0);
    cr_expect_eq(kt_shots_find(film.shots, 30.0 / 25), 1);
    cr_expect_eq(kt_shots_find(film.shots, 1e9), 2);
}

Test(shots, shots_of_eight_pictures_are_found)
{
    for (int scene = 1; scene <= 5; scene++)
        pan(scene, 8, 1, 120, 60);
    expect_shots(5, (uint64_t[]){0, 8, 16, 24, 32});
}

Test(shots, a_fast_pan_is_no_cut)
{
    pan(1, 20, 1, 120, 60);
    pan(1, 10, 14, 120, 60);
    pan(1, 20, 1, 120, 60);
    kt_shots_close(film.shots);
    cr_expect_leq(kt_shots_count(film.shots), 2, "%zu shots", kt_shots_count(film.shots));
}

Test(shots, flicker_and_exposure_are_no_cuts)
{
    for (int i = 0; i < 60; i++) {
        paint(1, 40 + i, 30, i % 3 == 0 ? 90 : 130, i % 5 == 0 ? 30 : 55);
        show(1);
    }
    expect_shots(1, (uint64_t[]){0});
}

Test(shots, a_flash_is_no_cut)
{
    pan(1, 20, 1, 120, 60);
    paint(1, 60, 30, 250, 2);
    show(2);
    for (int i = 22; i < 40; i++) {
        paint(1, 40 + i, 30, 120, 60);
        show(1);
    }
    expect_shots(1, (uint64_t[]){0});
}

Test(shots, a_cut_in_the_dark_is_found)
{
    pan(1, 20, 1, 20, 7);
    pan(2, 20, 1, 20, 7);
    expect_shots(2, (uint64_t[]){0, 20});
}

Test(shots, pictures_that_are_stored_twice_are_one)
{
    for (int i = 0; i < 40; i++) {
        paint(i < 20 ? 1 : 2, 40 + 3 * i, 30, 120, 60);
        show(2);
    }
    expect_shots(2, (uint64_t[]){0, 40});
}

Test(shots, stills_that_are_shown_for_long_are_shots)
{
    for (int scene = 1; scene <= 3; scene++) {
        paint(scene, 40, 30, 120, 60);
        show(100);
    }
    expect_shots(3, (uint64_t[]){0, 100, 200});
}

Test(shots, damaged_pictures_are_no_cuts)
{
    pan(1, 20, 1, 120, 60);
    paint(2, 0, 0, 120, 60);
    for (int i = 0; i < 8; i++)
        show_flagged(KT_FRAME_DAMAGED);
    for (int i = 28; i < 50; i++) {
        paint(1, 40 + i, 30, 120, 60);
        show(1);
    }
    expect_shots(1, (uint64_t[]){0});
}

Test(shots, a_cut_is_decided_before_the_bound)
{
    pan(1, 20, 1, 120, 60);
    paint(2, 40, 30, 120, 60);
    show((int)(KT_SHOTS_DELAY_S * film.hz) + 1);
    cr_expect_eq(kt_shots_count(film.shots), 2);
}

Test(shots, a_film_of_one_colour_is_one_shot)
{
    for (int i = 0; i < 50; i++) {
        paint(1, 0, 0, 16, 0);
        show(1);
    }
    expect_shots(1, (uint64_t[]){0});
}

Test(shots, pictures_of_any_size_are_taken)
{
    static const uint32_t   sizes[][2] = {{1, 1}, {2, 160}, {119, 119}, {480, 7}, {17, 480}, {121, 480}};
    static uint8_t          plane[480 * 480];
    static kt_image_stats_t stats;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        kt_shots_t             *shots  = NULL;
        const kt_video_stream_t stream = {.duration_s = 0};
        cr_assert_eq(kt_shots_new(&shots, &stream), KT_OK);
        for (uint64_t i = 0; i < 30; i++) {
            for (size_t p = 0; p < sizeof plane; p++)
                plane[p] = (uint8_t)((p * 7919 + i * i * 31 + p / 480 * i) >> 3);
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
