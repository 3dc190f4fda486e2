#include "coordinator/cli/plot/film.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 32, HEIGHT = 16 };

static uint8_t               luma[WIDTH * HEIGHT], chroma[WIDTH * HEIGHT / 4];
static const kt_media_info_t INFO = {.width = WIDTH, .height = HEIGHT, .pixel_aspect_ratio = 1, .full_range = true};

// A picture of one grey above and another below.
static void
add_picture(kt_plot_data_t *data, const kt_media_info_t *info, double time_s, uint8_t above, uint8_t below)
{
    memset(chroma, 128, sizeof chroma);
    memset(luma, above, sizeof luma / 2);
    memset(luma + sizeof luma / 2, below, sizeof luma / 2);
    const kt_video_frame_t frame = {.time_s = time_s,
                                    .small  = {.width    = WIDTH,
                                               .height   = HEIGHT,
                                               .y        = luma,
                                               .u        = chroma,
                                               .v        = chroma,
                                               .y_stride = WIDTH,
                                               .c_stride = WIDTH / 2}};
    kt_plot_picture(data, info, &frame);
    cr_assert_eq(data->err, KT_OK);
}

Test(film_data, the_strip_is_bounded_and_evenly_spaced_whatever_the_length)
{
    static const double LENGTHS_S[] = {1, 60, 7200};
    for (size_t k = 0; k < sizeof LENGTHS_S / sizeof *LENGTHS_S; k++) {
        kt_plot_data_t data = {0};
        const double   step = LENGTHS_S[k] > 1000 ? 1 : 0.04;
        for (int i = 0; i * step < LENGTHS_S[k]; i++)
            add_picture(&data, &INFO, i * step, 100, 100);
        const kt_plot_film_t *film = data.film;
        double                most = 0;
        for (size_t i = 1; i < film->n; i++)
            most = fmax(most, film->strip[i].time_s - film->strip[i - 1].time_s);
        cr_expect_leq(film->n, (size_t)KT_FILM_STRIP);
        cr_expect_leq(most, fmax(LENGTHS_S[k] / (KT_FILM_STRIP / 4), 0.041), "%g s: %g s apart", LENGTHS_S[k], most);
        cr_expect_leq(LENGTHS_S[k] - film->strip[film->n - 1].time_s, fmax(LENGTHS_S[k] / (KT_FILM_STRIP / 4), 0.041));
        kt_plot_data_fini(&data);
    }
}

Test(film_data, columns_follow_the_clock_not_the_number_of_pictures)
{
    kt_plot_data_t data = {0};
    float          light[3];
    for (int i = 0; i < 100; i++)  // ten pictures per second, then one in ten seconds
        add_picture(&data, &INFO, i / 10.0, 51, 51);
    add_picture(&data, &INFO, 10, 204, 204);
    add_picture(&data, &INFO, 20, 204, 204);
    cr_assert_eq(data.film->rows, 500);
    cr_assert(kt_columns_part(&data.film->lights, 0, 2, light));
    cr_assert_float_eq(light[0], 0.2, 0.01);
    cr_assert(kt_columns_part(&data.film->lights, 1, 2, light));
    cr_assert_float_eq(light[0], 0.8, 0.01);
    kt_plot_data_fini(&data);
}

Test(film_data, a_picture_is_measured_as_it_is_shown)
{
    static const struct {
        uint32_t rotation;
        float    first, last;
    } ROWS[] = {{0, 0, 255}, {180, 255, 0}, {90, 127.5F, 127.5F}, {270, 127.5F, 127.5F}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        kt_plot_data_t  data = {0};
        kt_media_info_t info = INFO;
        info.rotation        = ROWS[i].rotation;
        add_picture(&data, &info, 0, 0, 255);
        cr_expect_float_eq(data.film->now[0], ROWS[i].first, 1, "%u degrees", ROWS[i].rotation);
        cr_expect_float_eq(data.film->now[3 * (KT_FILM_BANDS - 1)], ROWS[i].last, 1, "%u degrees", ROWS[i].rotation);
        cr_expect_float_eq(data.film->light[0], 0.5, 0.01);
        cr_expect_float_eq(data.film->light[1], 0.5, 0.01);
        kt_plot_data_fini(&data);
    }
}

Test(film_data, a_jump_in_time_stamps_ends)
{
    kt_plot_data_t data = {0};
    add_picture(&data, &INFO, 0, 0, 0);
    add_picture(&data, &INFO, 1e7, 0, 0);
    cr_assert_leq(data.film->rows, 1 + (uint64_t)(3600 * KT_FILM_ROWS_HZ));
    kt_plot_data_fini(&data);
}
