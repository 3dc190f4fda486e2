// The strip of pictures and the shots below it. A film of few shots has pictures of each shot; one of many has two rows
// of smaller pictures at even distances, the second one shifted by half a picture.
#include "coordinator/cli/film/changes.h"
#include "coordinator/cli/plot/film.h"

#include <cairo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOT_LEAST = 26 };  // mean width in pixels from which on each shot has its own pictures

static const double DARK[3] = {.30, .36, .46}, PALE[3] = {.62, .68, .77};
static const struct {
    const char *kind;
    double      color[3];
} CHANGES[] = {{"dissolve", {.89, .56, .12}}, {"fade", {.55, .25, .62}}, {"wipe", {.16, .58, .42}}};
enum { N_CHANGES = sizeof CHANGES / sizeof *CHANGES };

// Where the pictures end: sound may go on.
static double
pictures_end_s(const kt_page_t *page)
{
    const double end_s  = page->begin_s + page->duration_s;
    const double film_s = kt_page_value_of(page, KT_FEATURE_TECHNICAL_video_duration);
    return isnan(film_s) ? end_s : fmin(page->data->film->first_s + film_s, end_s);
}

kt_film_shot_t *
kt_film_shots_of(const kt_page_t *page, size_t *n)
{
    kt_change_t    *changes = kt_changes_of(page->document, n);
    kt_film_shot_t *shots   = changes ? calloc(*n + 1, sizeof *shots) : NULL;
    for (size_t i = 0; shots && i <= *n; i++) {
        shots[i].begin_s = i > 0 ? changes[i - 1].at_s : page->data->film->first_s;
        shots[i].end_s   = i < *n ? changes[i].at_s : pictures_end_s(page);
    }
    (*n)++;
    free(changes);
    return shots;
}

// Nearest to the time within the shot, else nearest of all.
static const kt_film_picture_t *
picture_at(const kt_plot_film_t *film, double time_s, const kt_film_shot_t *shot)
{
    const kt_film_picture_t *best = &film->strip[0], *inside = NULL;
    for (size_t i = 0; i < film->n; i++) {
        const kt_film_picture_t *one = &film->strip[i];
        const double             far = fabs(one->time_s - time_s);
        if (far < fabs(best->time_s - time_s))
            best = one;
        if (one->time_s >= shot->begin_s && one->time_s < shot->end_s &&
            (!inside || far < fabs(inside->time_s - time_s)))
            inside = one;
    }
    return inside ? inside : best;
}

// Pictures side by side from x0 to x1, in a row of the strip.
typedef struct row {
    double         top, height;
    double         x0, x1;
    kt_film_shot_t shot;  // times of x0 and x1
} row_t;

// The middle of the picture between x0 and x1, which it fills.
static kt_err_t
draw_picture(const kt_page_t *page, const row_t *row, double x0, double x1, const kt_film_picture_t *picture)
{
    kt_still_t still;
    kt_err_t   err =
        kt_still_make(&still, &page->data->film->shape, &picture->planes.yuv, 4 * KT_SMALL_MOST, (uint32_t)row->height);
    if (err)
        return err;
    const double     scale = fmax(row->height / still.height, (x1 - x0) / still.width);  // above 1 for small pictures
    cairo_surface_t *image = cairo_image_surface_create_for_data(
        (unsigned char *)still.pixels, CAIRO_FORMAT_RGB24, (int)still.width, (int)still.height, (int)still.width * 4);
    cairo_save(page->cr);
    cairo_rectangle(page->cr, x0, row->top, x1 - x0, row->height);
    cairo_clip(page->cr);
    cairo_translate(page->cr, (x0 + x1) / 2 - scale * still.width / 2.0,
                    row->top + row->height / 2 - scale * still.height / 2.0);
    cairo_scale(page->cr, scale, scale);
    cairo_set_source_surface(page->cr, image, 0, 0);
    cairo_pattern_set_extend(cairo_get_source(page->cr), CAIRO_EXTEND_PAD);
    cairo_paint(page->cr);
    cairo_restore(page->cr);
    cairo_surface_destroy(image);
    kt_still_fini(&still);
    return KT_OK;
}

// Width over height, as shown.
static double
picture_aspect(const kt_plot_film_t *film)
{
    const kt_yuv_t *yuv   = &film->strip[0].planes.yuv;
    const double    ratio = yuv->width * film->shape.pixel_aspect / yuv->height;
    return film->shape.rotation % 180 == 0 ? ratio : 1 / ratio;
}

// Each of about its own width; `shift` of a picture is cut off at the left.
static kt_err_t
draw_row(const kt_page_t *page, const row_t *row, double shift)
{
    const double width = row->x1 - row->x0;
    const double n     = fmax(1, round(width / (row->height * picture_aspect(page->data->film))));
    kt_err_t     err   = KT_OK;
    for (double i = -shift; i < n && width > 0 && !err; i++) {
        const double left = fmax(i, 0), right = fmin(i + 1, n);
        const double at = row->shot.begin_s + (row->shot.end_s - row->shot.begin_s) * (left + right) / 2 / n;
        err             = draw_picture(page, row, row->x0 + width * left / n, row->x0 + width * right / n,
                                       picture_at(page->data->film, at, &row->shot));
    }
    return err;
}

static void
draw_borders(const kt_page_t *page, const kt_film_shot_t *shots, size_t n)
{
    cairo_set_line_width(page->cr, 2);
    cairo_set_source_rgba(page->cr, 1, 1, 1, 1);
    for (size_t i = 1; i < n; i++) {
        const double x = kt_page_x_of(page, shots[i].begin_s);
        kt_page_line(page, x, page->y, x, page->y + KT_FILM_STRIP_HEIGHT);
    }
}

kt_err_t
kt_film_strip(const kt_page_t *page)
{
    const double    left = KT_PAGE_LEFT, right = KT_PAGE_LEFT + KT_PAGE_INNER, end_s = pictures_end_s(page);
    kt_err_t        err   = KT_OK;
    size_t          n     = 0;
    kt_film_shot_t *shots = kt_film_shots_of(page, &n);
    if (!shots)
        return KT_ENOMEM;
    const bool own = n * SHOT_LEAST <= KT_PAGE_INNER;
    for (size_t i = 0; own && i < n && !err; i++)
        err = draw_row(page,
                       &(row_t){page->y, KT_FILM_STRIP_HEIGHT, fmax(kt_page_x_of(page, shots[i].begin_s), left),
                                fmin(kt_page_x_of(page, shots[i].end_s), right), shots[i]},
                       0);
    for (int i = 0; !own && i < 2 && !err; i++)
        err = draw_row(page,
                       &(row_t){page->y + i * KT_FILM_STRIP_HEIGHT / 2.0,
                                KT_FILM_STRIP_HEIGHT / 2.0,
                                fmax(kt_page_x_of(page, page->data->film->first_s), left),
                                fmin(kt_page_x_of(page, end_s), right),
                                {page->data->film->first_s, end_s}},
                       i / 2.0);
    if (own)
        draw_borders(page, shots, n);
    free(shots);
    kt_page_frame(page, KT_FILM_STRIP_HEIGHT, "Film strip",
                  own ? "pictures of each shot" : "pictures at even distances");
    return err;
}

static const double *
color_of_change(const char *kind)
{
    size_t i = 0;
    while (i + 1 < N_CHANGES && strcmp(CHANGES[i].kind, kind) != 0)
        i++;
    return CHANGES[i].color;
}

// Kinds that occur, in their colours, to the right of the panel.
static void
draw_legend(const kt_page_t *page, const json_t *soft)
{
    double y = page->y + 2;
    kt_page_font(page, 14, false);
    for (size_t k = 0; k < N_CHANGES; k++) {
        size_t count = 0;
        for (size_t i = 0; i < kt_json_count(soft); i++)
            count += strcmp(kt_json_str(kt_json_at(soft, i), "kind", ""), CHANGES[k].kind) == 0;
        if (count == 0)
            continue;
        kt_page_color(page, CHANGES[k].color, 1);
        cairo_rectangle(page->cr, KT_PAGE_LEFT + KT_PAGE_INNER + 12, y - 5, 12, 10);
        cairo_fill(page->cr);
        kt_page_color(page, KT_PAGE_INK, 1);
        kt_page_text(page, KT_PAGE_LEFT + KT_PAGE_INNER + 30, y, 0, CHANGES[k].kind);
        y += 17;
    }
}

void
kt_film_shots(const kt_page_t *page)
{
    const json_t   *soft = kt_format_value(page->document, KT_FEATURE_VISUAL_transitions);
    size_t          n;
    kt_film_shot_t *shots = kt_film_shots_of(page, &n);
    if (!shots)
        return;
    cairo_save(page->cr);
    cairo_rectangle(page->cr, KT_PAGE_LEFT, page->y, KT_PAGE_INNER, KT_FILM_SHOTS);
    cairo_clip(page->cr);
    for (size_t i = 0; i < n; i++) {
        const double x0 = kt_page_x_of(page, shots[i].begin_s), x1 = kt_page_x_of(page, shots[i].end_s);
        char         label[24];
        kt_page_color(page, i % 2 ? PALE : DARK, 1);
        cairo_rectangle(page->cr, x0, page->y, x1 - x0, KT_FILM_SHOTS);
        cairo_fill(page->cr);
        snprintf(label, sizeof label, "%zu", i + 1);
        kt_page_font(page, 14, false);
        kt_page_color(page, i % 2 ? KT_PAGE_INK : (double[]){1, 1, 1}, 1);
        if (x1 - x0 > 12 + 9 * (double)strlen(label))
            kt_page_text(page, (x0 + x1) / 2, page->y + KT_FILM_SHOTS / 2.0, 0.5, label);
    }
    for (size_t i = 0; i < kt_json_count(soft); i++) {
        const json_t *one = kt_json_at(soft, i);
        const double  x0  = kt_page_x_of(page, kt_json_f64(one, "from", 0)),
                     x1   = kt_page_x_of(page, kt_json_f64(one, "to", 0));
        kt_page_color(page, color_of_change(kt_json_str(one, "kind", "")), 1);
        cairo_rectangle(page->cr, x0, page->y, fmax(x1 - x0, 2), KT_FILM_SHOTS);
        cairo_fill(page->cr);
    }
    cairo_restore(page->cr);
    draw_legend(page, soft);
    free(shots);
    kt_page_font(page, 16, false);
    kt_page_color(page, KT_PAGE_INK, 1);
    kt_page_text(page, KT_PAGE_LEFT - 10, page->y + KT_FILM_SHOTS / 2.0, 1, "shots");
    kt_page_time_axis(page, KT_FILM_SHOTS, false);
}
