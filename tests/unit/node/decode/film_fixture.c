#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const kt_decode_want_t FX_FILM = {.sound = 1, .pictures = 1, .vectors = 1, .sample_hz = 1, .sample_max = 300};

// Planes without gaps, as the client gives them.
static void
append_planes(uint8_t **all, size_t *bytes, size_t n, const kt_yuv_t *yuv)
{
    *bytes = kt_yuv_bytes(yuv->width, yuv->height);
    *all   = realloc(*all, (n + 1) * *bytes);
    cr_assert_not_null(*all);
    cr_assert_eq(yuv->u, yuv->y + (size_t)yuv->width * yuv->height);
    memcpy(*all + n * *bytes, yuv->y, *bytes);
}

static double
mean_dx(const kt_video_frame_t *p)
{
    double sum = 0, n = 0;
    for (size_t i = 0; i < p->n_vectors; i++)
        if (!p->vectors[i].backward) {
            sum += p->vectors[i].dx / 4.;
            n++;
        }
    return n > 0 ? sum / n : 0;
}

static void
keep_picture(fx_film_t *film, const kt_video_frame_t *p)
{
    cr_assert_lt(film->pictures, FX_PICTURES);
    append_planes(&film->small, &film->small_bytes, film->pictures, &p->small);
    if (p->whole.width > 0)
        append_planes(&film->whole, &film->whole_bytes, film->wholes++, &p->whole);
    film->has_vectors[film->pictures] = p->vectors != NULL;
    film->mean_dx[film->pictures]     = mean_dx(p);
    film->picture[film->pictures++]   = *p;
}

fx_film_t *
fx_film(const char *name, const kt_decode_want_t *want, const kt_decode_limits_t *limits)
{
    int fd = open(fx_path(name), O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s", name);
    fx_film_t *film = fx_film_of(fd, want, limits);
    close(fd);
    return film;
}

fx_film_t *
fx_film_of(int fd, const kt_decode_want_t *want, const kt_decode_limits_t *limits)
{
    kt_decode_t *self = NULL;
    kt_decoded_t piece;
    double       cpu_s;
    fx_film_t   *film = calloc(1, sizeof *film);
    cr_assert_not_null(film);
    cr_assert_eq(kt_decode_open(fx_server, fd, limits, want, &self), KT_OK);
    film->media_info_err = film->err = kt_decode_media_info(self, &film->media_info);
    while (film->err == KT_OK) {
        film->err = kt_decode_read(self, &piece);
        if (film->err != KT_OK || piece.kind == KT_DECODED_END)
            break;
        if (piece.kind == KT_DECODED_PICTURE)
            keep_picture(film, &piece.picture);
        else
            film->frames += piece.frames;
    }
    film->counts = *kt_decode_counts(self);
    kt_decode_usage(self, &film->peak_bytes, &cpu_s);
    (void)snprintf(film->why, sizeof film->why, "%s", kt_decode_why(self));
    kt_decode_close(&self);
    return film;
}

void
fx_film_free(fx_film_t *film)
{
    free(film->small);
    free(film->whole);
    free(film);
}
