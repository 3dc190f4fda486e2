#include "coordinator/cli/plot/page.h"

#include <cairo.h>
#include <math.h>
#include <stdio.h>

const double KT_PAGE_INK[3] = {.13, .14, .18}, KT_PAGE_SOFT[3] = {.45, .47, .52}, KT_PAGE_GRID[3] = {.87, .88, .90},
             KT_PAGE_WAVE_SOFT[3] = {.62, .72, .86}, KT_PAGE_WAVE_INK[3] = {.16, .36, .64},
             KT_PAGE_WARM[3] = {.85, .33, .18};

void
kt_page_color(const kt_page_t *page, const double rgb[3], double alpha)
{
    cairo_set_source_rgba(page->cr, rgb[0], rgb[1], rgb[2], alpha);
}

void
kt_page_text(const kt_page_t *page, double x, double y, double anchor, const char *words)
{
    cairo_font_extents_t font;
    cairo_font_extents(page->cr, &font);
    cairo_move_to(page->cr, x - anchor * kt_page_text_width(page, words), y + 0.36 * font.ascent);
    cairo_show_text(page->cr, words);
}

void
kt_page_font(const kt_page_t *page, double size, bool bold)
{
    cairo_select_font_face(page->cr, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(page->cr, size);
}

void
kt_page_line(const kt_page_t *page, double x0, double y0, double x1, double y1)
{
    cairo_move_to(page->cr, x0, y0);
    cairo_line_to(page->cr, x1, y1);
    cairo_stroke(page->cr);
}

double
kt_page_x_of(const kt_page_t *page, double seconds)
{
    return KT_PAGE_LEFT + KT_PAGE_INNER * (seconds - page->begin_s) / page->duration_s;
}

double
kt_page_value_of(const kt_page_t *page, kt_feature_t feature)
{
    double        number = NAN;
    const json_t *value  = kt_format_value(page->document, feature);
    return value && kt_json_number(value, &number) ? number : NAN;
}

const char *
kt_page_text_of(const kt_page_t *page, kt_feature_t feature, char out[KT_FEATURE_KEY])
{
    const json_t *value = kt_format_value(page->document, feature);
    *out                = '\0';
    if (value)
        kt_json_plain(value, out, KT_FEATURE_KEY);
    return out;
}

const char *
kt_page_reason_of(const kt_page_t *page, kt_feature_t feature)
{
    char          key[KT_FEATURE_KEY];
    const json_t *reasons = kt_json_get(page->document, "reasons");
    const char   *group   = kt_json_str(reasons, kt_group_name(kt_feature_desc(feature)->group), "");
    return kt_json_str(reasons, kt_feature_key(feature, key), group);
}

double
kt_page_text_width(const kt_page_t *page, const char *words)
{
    cairo_text_extents_t size;
    cairo_text_extents(page->cr, words, &size);
    return size.x_advance;
}

void
kt_page_small(const kt_page_t *page, double y, const char *words)
{
    kt_page_font(page, 15, false);
    kt_page_color(page, KT_PAGE_SOFT, 1);
    kt_page_text(page, KT_PAGE_LEFT + 10, y, 0, words);
}

// A round step with at most `most` marks.
static double
time_step(double duration_s, double most)
{
    static const double STEPS[] = {.01, .02, .05, .1,  .2,  .5,   1,    2,    5,    10,   15,
                                   30,  60,  120, 300, 600, 1200, 1800, 3600, 7200, 14400};
    for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++)
        if (duration_s / STEPS[i] <= most)
            return STEPS[i];
    return ceil(duration_s / most / 86400) * 86400;
}

void
kt_page_clock_text(double seconds, double step, char out[32])
{
    int64_t whole = (int64_t)(seconds + 1e-6);
    if (step < 1)
        snprintf(out, 32, step < .1 ? "%.2f s" : "%.1f s", seconds);
    else if (whole >= 3600)
        snprintf(out, 32, "%d:%02d:%02d", (int)(whole / 3600), (int)(whole / 60 % 60), (int)(whole % 60));
    else
        snprintf(out, 32, "%d:%02d", (int)(whole / 60), (int)(whole % 60));
}

// Time marks below a panel, with labels if words.
void
kt_page_time_axis(const kt_page_t *page, double height, bool words)
{
    double step = time_step(page->duration_s, 14);
    kt_page_font(page, 17, false);
    cairo_set_line_width(page->cr, 1);
    for (double at = ceil(page->begin_s / step - 1e-6) * step + 0.0;
         at <= page->begin_s + page->duration_s + step * 1e-6; at += step) {
        char   label[32];
        double x = floor(kt_page_x_of(page, at)) + 0.5;
        kt_page_color(page, KT_PAGE_SOFT, 1);
        kt_page_line(page, x, page->y + height, x, page->y + height + 6);
        kt_page_clock_text(at, step, label);
        kt_page_color(page, KT_PAGE_INK, 1);
        if (words)
            kt_page_text(page, x, page->y + height + 22, 0.5, label);
    }
    if (words)
        kt_page_text(page, KT_PAGE_WIDTH - KT_PAGE_RIGHT, page->y + height + 48, 1,
                     step < 1                                  ? "time"
                     : page->begin_s + page->duration_s < 3600 ? "time, min:s"
                                                               : "time, h:min:s");
}

void
kt_page_frame(const kt_page_t *page, double height, const char *title, const char *unit)
{
    cairo_set_line_width(page->cr, 1.2);
    kt_page_color(page, KT_PAGE_SOFT, 1);
    cairo_rectangle(page->cr, KT_PAGE_LEFT - 0.5, page->y - 0.5, KT_PAGE_INNER + 1, height + 1);
    cairo_stroke(page->cr);
    kt_page_font(page, 19, true);
    kt_page_color(page, KT_PAGE_INK, 1);
    kt_page_text(page, KT_PAGE_LEFT, page->y - 16, 0, title);
    kt_page_font(page, 15, false);
    kt_page_color(page, KT_PAGE_SOFT, 1);
    kt_page_text(page, KT_PAGE_WIDTH - KT_PAGE_RIGHT, page->y - 15, 1, unit);
}

void
kt_page_mark(const kt_page_t *page, double y, const char *label, const double grid[3], double alpha)
{
    y = floor(y) + 0.5;
    cairo_set_line_width(page->cr, 1);
    if (grid) {
        kt_page_color(page, grid, alpha);
        kt_page_line(page, KT_PAGE_LEFT, y, KT_PAGE_LEFT + KT_PAGE_INNER, y);
    }
    kt_page_color(page, KT_PAGE_SOFT, 1);
    kt_page_line(page, KT_PAGE_LEFT - 6, y, KT_PAGE_LEFT, y);
    kt_page_font(page, 16, false);
    kt_page_color(page, KT_PAGE_INK, 1);
    kt_page_text(page, KT_PAGE_LEFT - 10, y, 1, label);
}

void
kt_page_nothing(const kt_page_t *page, double height, const char *why)
{
    kt_page_font(page, 18, false);
    kt_page_color(page, KT_PAGE_SOFT, 1);
    kt_page_text(page, KT_PAGE_LEFT + KT_PAGE_INNER / 2.0, page->y + height / 2, 0.5, why);
}

// Paints width x height pixels over the panel.
void
kt_page_paint(const kt_page_t *page, const uint32_t *pixels, size_t width, size_t height, double panel_height,
              bool smooth)
{
    cairo_surface_t *image = cairo_image_surface_create_for_data((unsigned char *)pixels, CAIRO_FORMAT_RGB24,
                                                                 (int)width, (int)height, (int)width * 4);
    cairo_save(page->cr);
    cairo_rectangle(page->cr, KT_PAGE_LEFT, page->y, KT_PAGE_INNER, panel_height);
    cairo_clip(page->cr);
    cairo_translate(page->cr, KT_PAGE_LEFT, page->y);
    cairo_scale(page->cr, KT_PAGE_INNER / (double)width, panel_height / (double)height);
    cairo_set_source_surface(page->cr, image, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(page->cr), smooth ? CAIRO_FILTER_GOOD : CAIRO_FILTER_NEAREST);
    cairo_pattern_set_extend(cairo_get_source(page->cr), CAIRO_EXTEND_PAD);
    cairo_paint(page->cr);
    cairo_restore(page->cr);
    cairo_surface_destroy(image);
}

// Legend of the colours, next to the panel.
void
kt_page_color_bar(const kt_page_t *page, double height, kt_colormap_t map, const char *high, const char *low)
{
    double x = KT_PAGE_WIDTH - KT_PAGE_RIGHT + 18, width = 16;
    for (int i = 0; i < (int)height; i++) {
        uint32_t c = kt_color(map, 1 - i / (height - 1));
        cairo_set_source_rgb(page->cr, (c >> 16 & 255) / 255.0, (c >> 8 & 255) / 255.0, (c & 255) / 255.0);
        cairo_rectangle(page->cr, x, page->y + i, width, 1.2);
        cairo_fill(page->cr);
    }
    kt_page_font(page, 15, false);
    kt_page_color(page, KT_PAGE_INK, 1);
    kt_page_text(page, x + width + 8, page->y + 8, 0, high);
    kt_page_text(page, x + width + 8, page->y + height - 8, 0, low);
}
