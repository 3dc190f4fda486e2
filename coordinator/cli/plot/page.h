// kt_page -- the page of a plot: sizes, colours, drawing functions (page.c), panels (panels.c). Sizes are pixels of a
// PNG. Private to this folder.
#pragma once

#include "coordinator/cli/analyze/formats.h"
#include "coordinator/cli/plot/plot.h"

enum {
    KT_PAGE_WIDTH    = 1760,
    KT_PAGE_LEFT     = 110,
    KT_PAGE_RIGHT    = 130,
    KT_PAGE_INNER    = KT_PAGE_WIDTH - KT_PAGE_LEFT - KT_PAGE_RIGHT,
    KT_PAGE_TOP      = 150,
    KT_PAGE_GAP      = 46,
    KT_PAGE_BOTTOM   = 70,
    KT_PAGE_ROWS_MAX = 256,  // of a matrix
};
// Heights of the panels.
enum { KT_PAGE_WAVE = 170, KT_PAGE_MEL = 360, KT_PAGE_CHROMA = 220, KT_PAGE_TEMPO = 240, KT_PAGE_LOUD = 210 };

extern const double KT_PAGE_INK[3], KT_PAGE_SOFT[3], KT_PAGE_GRID[3], KT_PAGE_WAVE_SOFT[3], KT_PAGE_WAVE_INK[3],
    KT_PAGE_WARM[3];

typedef struct kt_page {
    cairo_t              *cr;
    const kt_plot_data_t *data;
    const json_t         *document;
    double                begin_s, duration_s;      // of the time axis
    size_t                sound_left, sound_width;  // pixels of the time axis: where the sound begins, what it covers
    double                y;                        // top of the current panel
} kt_page_t;

// Members of the message; NaN and "" if null. text_of returns out; reason_of: why the feature is null.
double      kt_page_value_of(const kt_page_t *page, kt_feature_t feature);
const char *kt_page_text_of(const kt_page_t *page, kt_feature_t feature, char out[KT_FEATURE_KEY]);

const char *kt_page_reason_of(const kt_page_t *page, kt_feature_t feature);

double kt_page_x_of(const kt_page_t *page, double seconds);
void kt_page_clock_text(double seconds, double step, char out[32]);  // precision by the step between marks, in seconds
void kt_page_color(const kt_page_t *page, const double rgb[3], double alpha);
void kt_page_font(const kt_page_t *page, double size, bool bold);
// anchor: 0 text begins at x, 0.5 is centred on it, 1 ends there. y: of the middle of the letters.
void   kt_page_text(const kt_page_t *page, double x, double y, double anchor, const char *words);
double kt_page_text_width(const kt_page_t *page, const char *words);
// Soft and small, at the left of the panel.
void kt_page_small(const kt_page_t *page, double y, const char *words);
void kt_page_line(const kt_page_t *page, double x0, double y0, double x1, double y1);
// Border, title on the left, unit of the axis on the right.
void kt_page_frame(const kt_page_t *page, double height, const char *title, const char *unit);
void kt_page_time_axis(const kt_page_t *page, double height, bool words);
void kt_page_mark(const kt_page_t *page, double y, const char *label, const double grid[3],
                  double alpha);  // NULL: none
void kt_page_nothing(const kt_page_t *page, double height, const char *why);
// Paints width x height pixels (0xffRRGGBB) over the panel; color_bar draws the legend next to it.
void kt_page_paint(const kt_page_t *page, const uint32_t *pixels, size_t width, size_t height, double panel_height,
                   bool smooth);
void kt_page_color_bar(const kt_page_t *page, double height, kt_colormap_t map, const char *high, const char *low);

// The panels, at page->y. pixels: scratch of KT_PAGE_INNER * KT_PAGE_ROWS_MAX.
void                 kt_page_wave(kt_page_t *page);
void                 kt_page_mel(kt_page_t *page, uint32_t *pixels);
void                 kt_page_chroma(kt_page_t *page, uint32_t *pixels);
KT_MUST_USE kt_err_t kt_page_tempogram(kt_page_t *page, uint32_t *pixels);  // KT_ENOMEM
void                 kt_page_loudness(kt_page_t *page, bool last);          // last: with the labels of the time axis
