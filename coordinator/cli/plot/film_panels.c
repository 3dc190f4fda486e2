#include "common/text.h"
#include "coordinator/cli/plot/film.h"

#include <cairo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_ROWS = 3, TEXT_ROW = 24, FACES_ROW = 40, LABEL_BYTES = 64 };

static const double FACE[3] = {.80, .30, .22}, CAPTION[3] = {.16, .36, .64}, SCENE[3] = {.20, .55, .40};

// The part of the time axis that the pictures cover.
static size_t
film_width(const kt_page_t *page)
{
    const double rows_s = (double)page->data->film->rows / KT_FILM_ROWS_HZ;
    const double film_s = kt_page_value_of(page, KT_FEATURE_TECHNICAL_video_duration);
    return (size_t)fmax(1, fmin(KT_PAGE_INNER, round(KT_PAGE_INNER * fmax(rows_s, film_s) / page->duration_s)));
}

static size_t
film_left(const kt_page_t *page)
{
    return (size_t)fmin(KT_PAGE_INNER - 1, fmax(0, kt_page_x_of(page, page->data->film->first_s) - KT_PAGE_LEFT));
}

void
kt_film_colors(const kt_page_t *page, uint32_t *pixels)
{
    const kt_columns_t *colors = &page->data->film->colors;
    const size_t        left = film_left(page), width = film_width(page);
    float               row[KT_FILM_BANDS * 3];
    for (size_t i = 0; i < (size_t)KT_PAGE_INNER * KT_FILM_BANDS; i++)
        pixels[i] = 0xffffffff;
    for (size_t x = 0; x < width && left + x < KT_PAGE_INNER; x++) {
        if (!kt_columns_part(colors, x, width, row))
            continue;
        for (size_t b = 0; b < KT_FILM_BANDS; b++)
            pixels[b * KT_PAGE_INNER + left + x] =
                0xff000000U | (uint32_t)row[3 * b] << 16 | (uint32_t)row[3 * b + 1] << 8 | (uint32_t)row[3 * b + 2];
    }
    kt_page_paint(page, pixels, KT_PAGE_INNER, KT_FILM_BANDS, KT_FILM_COLORS, true);
    kt_page_frame(page, KT_FILM_COLORS, "Colours", "each column: a picture, squeezed to a line");
    kt_page_time_axis(page, KT_FILM_COLORS, false);
}

static void
draw_light(const kt_page_t *page, size_t which, const double rgb[3], const char *name, double label_y)
{
    const size_t left = film_left(page), width = film_width(page);
    float        row[3];
    bool         begun = false;
    cairo_set_line_width(page->cr, 2);
    cairo_set_line_join(page->cr, CAIRO_LINE_JOIN_ROUND);
    kt_page_color(page, rgb, 1);
    for (size_t x = 0; x < width && left + x < KT_PAGE_INNER; x++) {
        if (!kt_columns_part(&page->data->film->lights, x, width, row))
            continue;
        const double px = KT_PAGE_LEFT + (double)(left + x) + 0.5,
                     py = page->y + KT_FILM_LIGHT * (1 - fmin(1, row[which]));
        if (begun)
            cairo_line_to(page->cr, px, py);
        else
            cairo_move_to(page->cr, px, py);
        begun = true;
    }
    cairo_stroke(page->cr);
    kt_page_font(page, 15, false);
    kt_page_text(page, KT_PAGE_LEFT + KT_PAGE_INNER + 12, page->y + label_y, 0, name);
}

void
kt_film_light(const kt_page_t *page)
{
    static const double VALUES[] = {0, 0.25, 0.5, 0.75, 1};
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++) {
        char label[32];
        snprintf(label, sizeof label, "%.3g", VALUES[i]);
        kt_page_mark(page, page->y + KT_FILM_LIGHT * (1 - VALUES[i]), i % 2 ? "" : label, KT_PAGE_GRID, 1);
    }
    draw_light(page, 2, KT_PAGE_WARM, "saturation", 40);
    draw_light(page, 1, KT_PAGE_WAVE_SOFT, "contrast", 24);
    draw_light(page, 0, KT_PAGE_WAVE_INK, "brightness", 8);
    kt_page_frame(page, KT_FILM_LIGHT, "Light", "0 to 1");
    kt_page_time_axis(page, KT_FILM_LIGHT, false);
}

static int
compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// A round number that only one in fifty values exceeds.
static double
top_of(const double *values, size_t n)
{
    static const double STEPS[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000};
    double             *sorted  = calloc(n + 1, sizeof *sorted);
    if (!sorted)
        return 100;
    memcpy(sorted, values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_numbers);
    const double most = n > 0 ? sorted[n - 1 - n / 50] : 0;
    size_t       i    = 0;
    free(sorted);
    while (i + 1 < sizeof STEPS / sizeof *STEPS && most > STEPS[i])
        i++;
    return STEPS[i];
}

static void
draw_speeds(const kt_page_t *page, const double *speeds, size_t n, double top)
{
    const double first_s = page->data->film->first_s;
    cairo_save(page->cr);
    cairo_rectangle(page->cr, KT_PAGE_LEFT, page->y, KT_PAGE_INNER, KT_FILM_MOTION);
    cairo_clip(page->cr);
    cairo_move_to(page->cr, kt_page_x_of(page, first_s), page->y + KT_FILM_MOTION);
    for (size_t i = 0; i < n; i++) {
        const double y = page->y + KT_FILM_MOTION * (1 - speeds[i] / top);
        cairo_line_to(page->cr, kt_page_x_of(page, first_s + (double)i), y);
        cairo_line_to(page->cr, kt_page_x_of(page, first_s + (double)i + 1), y);
    }
    cairo_line_to(page->cr, kt_page_x_of(page, first_s + (double)n), page->y + KT_FILM_MOTION);
    cairo_close_path(page->cr);
    kt_page_color(page, KT_PAGE_WAVE_INK, 0.85);
    cairo_fill(page->cr);
    cairo_restore(page->cr);
}

void
kt_film_motion(const kt_page_t *page)
{
    const json_t *list   = kt_format_value(page->document, KT_FEATURE_VISUAL_motion_vectors);
    const size_t  n      = kt_json_count(list);
    double       *speeds = calloc(n + 1, sizeof *speeds), most = 0;
    for (size_t i = 0; speeds && i < n; i++) {
        (void)kt_json_number(kt_json_at(list, i), &speeds[i]);
        most = fmax(most, speeds[i]);
    }
    const double top = speeds ? top_of(speeds, n) : 1;
    for (int i = 0; i <= 2 && n > 0; i++) {
        char label[32];
        snprintf(label, sizeof label, "%g", top * i / 2);
        kt_page_mark(page, page->y + KT_FILM_MOTION * (1 - i / 2.0), label, KT_PAGE_GRID, 1);
    }
    if (speeds && n > 0)
        draw_speeds(page, speeds, n, top);
    else
        kt_page_nothing(page, KT_FILM_MOTION, kt_page_reason_of(page, KT_FEATURE_VISUAL_motion_vectors));
    free(speeds);
    kt_page_frame(page, KT_FILM_MOTION, "Motion",
                  most > top ? "mean speed of each second, % of the width per second; peaks are cut off"
                             : "mean speed of each second, % of the width per second");
    kt_page_time_axis(page, KT_FILM_MOTION, false);
}

// Faces at one time above each other.
static void
draw_faces(const kt_page_t *page)
{
    const json_t *faces    = kt_format_value(page->document, KT_FEATURE_VISUAL_faces);
    double        before_x = -1e9, level = 0;
    for (size_t i = 0; i < kt_json_count(faces); i++) {
        const double x = kt_page_x_of(page, kt_json_f64(kt_json_at(faces, i), "time", 0));
        level          = x - before_x < 5 ? level + 1 : 0;
        before_x       = level > 0 ? before_x : x;
        if (level * 9 > FACES_ROW - 10)
            continue;
        kt_page_color(page, FACE, 0.9);
        cairo_arc(page->cr, before_x, page->y + FACES_ROW - 8 - 9 * level, 4, 0, 2 * M_PI);
        cairo_fill(page->cr);
    }
    if (kt_json_count(faces) == 0)
        kt_page_small(page, page->y + FACES_ROW / 2.0,
                      faces ? "none found" : kt_page_reason_of(page, KT_FEATURE_VISUAL_faces));
}

// Bars from start to end in rows that have room; the text is written where it fits. Returns the number without room.
static size_t
draw_texts(const kt_page_t *page)
{
    const json_t *regions              = kt_format_value(page->document, KT_FEATURE_VISUAL_text_regions);
    size_t        left_out             = 0;
    double        free_from[TEXT_ROWS] = {0}, top = page->y + FACES_ROW + 6;
    for (size_t i = 0; i < kt_json_count(regions); i++) {
        const json_t *one = kt_json_at(regions, i);
        const double  x0  = kt_page_x_of(page, kt_json_f64(one, "start", 0));
        const double  x1  = fmax(x0 + 3, kt_page_x_of(page, kt_json_f64(one, "end", 0)));
        size_t        row = 0;
        char          text[LABEL_BYTES];
        while (row < TEXT_ROWS && free_from[row] > x0)
            row++;
        if (row == TEXT_ROWS) {
            left_out++;
            continue;
        }
        const char *whole = kt_json_str(one, "text", "");
        kt_text_sanitize(text, sizeof text, whole, strlen(whole));  // cut between characters: cairo refuses half ones
        kt_page_color(page, strcmp(kt_json_str(one, "kind", ""), "caption") == 0 ? CAPTION : SCENE, 0.9);
        cairo_rectangle(page->cr, x0, top + (double)row * TEXT_ROW + 17, x1 - x0, 5);
        cairo_fill(page->cr);
        kt_page_font(page, 13, false);
        const double width = kt_page_text_width(page, text);
        const bool   fits  = x0 + width < KT_PAGE_LEFT + KT_PAGE_INNER;
        if (fits)
            kt_page_text(page, x0, top + (double)row * TEXT_ROW + 9, 0, text);
        free_from[row] = fmax(x1, fits ? x0 + width : x1) + 6;
    }
    if (kt_json_count(regions) == 0)
        kt_page_small(page, top + 1.5 * TEXT_ROW,
                      regions ? "none found" : kt_page_reason_of(page, KT_FEATURE_VISUAL_text_regions));
    return left_out;
}

void
kt_film_marks(const kt_page_t *page)
{
    cairo_save(page->cr);
    cairo_rectangle(page->cr, KT_PAGE_LEFT, page->y, KT_PAGE_INNER, KT_FILM_MARKS);
    cairo_clip(page->cr);
    draw_faces(page);
    const size_t left_out = draw_texts(page);
    cairo_restore(page->cr);
    if (left_out > 0) {
        char label[32];
        snprintf(label, sizeof label, "and %zu more", left_out);
        kt_page_font(page, 14, false);
        kt_page_color(page, KT_PAGE_SOFT, 1);
        kt_page_text(page, KT_PAGE_LEFT + KT_PAGE_INNER + 12, page->y + KT_FILM_MARKS - 12, 0, label);
    }
    kt_page_mark(page, page->y + FACES_ROW, "", KT_PAGE_GRID, 1);
    kt_page_font(page, 16, false);
    kt_page_color(page, KT_PAGE_INK, 1);
    kt_page_text(page, KT_PAGE_LEFT - 10, page->y + FACES_ROW / 2.0, 1, "faces");
    kt_page_text(page, KT_PAGE_LEFT - 10, page->y + FACES_ROW + (KT_FILM_MARKS - FACES_ROW) / 2.0, 1, "text");
    kt_page_frame(page, KT_FILM_MARKS, "Faces and text",
                  "dot: a face in a picture that was looked at;  blue: caption, green: in the scene");
    kt_page_time_axis(page, KT_FILM_MARKS, true);
}
