#include "coordinator/cli/plot/film.h"
#include "kernels/isa.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GAP_ROWS = 3600 * (int)KT_FILM_ROWS_HZ };  // a longer gap between two pictures is drawn as this

static kt_err_t
film_open(kt_plot_data_t *data, const kt_media_info_t *media_info, double time_s)
{
    kt_plot_film_t *self = calloc(1, sizeof *self);
    data->film           = self;
    if (!self || kt_columns_init(&self->colors, KT_REDUCE_MEAN, KT_FILM_BANDS * 3) ||
        kt_columns_init(&self->lights, KT_REDUCE_MEAN, 3))
        return KT_ENOMEM;
    self->shape   = kt_still_shape(media_info);
    self->first_s = time_s;
    return KT_OK;
}

// Which band a pixel of the coded picture is shown in.
static size_t
band_of(uint32_t rotation, size_t x, size_t y, size_t width, size_t height)
{
    switch (rotation) {
    case 90: return x * KT_FILM_BANDS / width;
    case 180: return (height - 1 - y) * KT_FILM_BANDS / height;
    case 270: return (width - 1 - x) * KT_FILM_BANDS / width;
    default: return y * KT_FILM_BANDS / height;
    }
}

// Luma and saturation as kernels/image/stats.h defines them: of RGB, BT.601 weights, HSV.
static void
measure(kt_plot_film_t *self, const kt_yuv_t *yuv)
{
    const size_t width = (yuv->width + 1) / 2, height = (yuv->height + 1) / 2;
    double       bands[KT_FILM_BANDS][4] = {{0}}, luma = 0, squares = 0, saturation = 0;
    kt_rgb_half(&self->shape.matrix, kt_isa(NULL)->rgb, yuv, self->rgb);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            const uint8_t *rgb  = self->rgb + 3 * (y * width + x);
            double        *band = bands[band_of(self->shape.rotation, x, y, width, height)];
            const int most  = rgb[0] > rgb[1] ? (rgb[0] > rgb[2] ? rgb[0] : rgb[2]) : rgb[1] > rgb[2] ? rgb[1] : rgb[2];
            const int least = rgb[0] < rgb[1] ? (rgb[0] < rgb[2] ? rgb[0] : rgb[2]) : rgb[1] < rgb[2] ? rgb[1] : rgb[2];
            const double light = (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]) / 255;
            luma += light;
            squares += light * light;
            saturation += most > 0 ? (double)(most - least) / most : 0;
            for (size_t c = 0; c < 3; c++)
                band[c] += rgb[c];
            band[3]++;
        }
    const double n = (double)(width * height), mean = luma / n;
    for (size_t b = 0; b < KT_FILM_BANDS; b++)
        for (size_t c = 0; c < 3; c++)
            self->now[3 * b + c] = bands[b][3] > 0 ? (float)(bands[b][c] / bands[b][3])
                                   : b > 0         ? self->now[3 * b - 3 + c]
                                                   : 0;
    self->light[0] = (float)mean;
    self->light[1] = (float)sqrt(fmax(0, squares / n - mean * mean));
    self->light[2] = (float)(saturation / n);
}

// Rows of the last picture until this time.
static void
add_rows_until(kt_plot_film_t *self, double time_s)
{
    for (int i = 0; i < GAP_ROWS && self->first_s + (double)self->rows / KT_FILM_ROWS_HZ < time_s; i++, self->rows++) {
        kt_columns_add(&self->colors, self->now);
        kt_columns_add(&self->lights, self->light);
    }
}

// When the strip is full, every second picture goes.
static kt_err_t
add_to_strip(kt_plot_film_t *self, const kt_video_frame_t *frame)
{
    const kt_film_picture_t *last = self->n > 0 ? &self->strip[self->n - 1] : NULL;
    if (last && frame->time_s - last->time_s < self->apart_s)
        return KT_OK;
    if (self->n == KT_FILM_STRIP) {
        for (size_t i = 0; i < KT_FILM_STRIP / 2; i++) {
            kt_planes_fini(&self->strip[2 * i + 1].planes);
            self->strip[i] = self->strip[2 * i];
        }
        self->n       = KT_FILM_STRIP / 2;
        self->apart_s = (frame->time_s - self->first_s) / (KT_FILM_STRIP / 2 + 0.5);
    }
    kt_err_t err = kt_planes_copy(&self->strip[self->n].planes, &frame->small, KT_SMALL_MOST);
    if (!err)
        self->strip[self->n++].time_s = frame->time_s;
    return err;
}

void
kt_plot_picture(kt_plot_data_t *data, const kt_media_info_t *media_info, const kt_video_frame_t *frame)
{
    if (data->err || frame->small.width == 0 || frame->small.width > KT_SMALL_MOST ||
        frame->small.height > KT_SMALL_MOST)
        return;
    if (!data->film)
        data->err = film_open(data, media_info, frame->time_s);
    if (data->err)
        return;
    if (data->film->n > 0)
        add_rows_until(data->film, frame->time_s);
    if (!(frame->flags & KT_FRAME_REPEATED) || data->film->n == 0)
        measure(data->film, &frame->small);
    data->err = add_to_strip(data->film, frame);
    if (data->film->rows == 0)  // at least one row
        add_rows_until(data->film, frame->time_s + 1e-6);
}

void
kt_plot_film_fini(kt_plot_data_t *data)
{
    kt_plot_film_t *self = data->film;
    if (!self)
        return;
    free(self->colors.values);
    free(self->lights.values);
    for (size_t i = 0; i < self->n; i++)
        kt_planes_fini(&self->strip[i].planes);
    free(self);
    data->film = NULL;
}
