// kt_plot_film -- the pictures of a film for its page: what is collected while it is analysed, and the page's panels.
// Private to this folder. One thread.
//
// Pictures arrive at any times; the columns have a row per 1 / KT_FILM_ROWS_HZ s, in which the last picture before it
// is shown. The strip's pictures are a bounded number, evenly spaced.
#pragma once

#include "coordinator/cli/film/still.h"
#include "coordinator/cli/plot/page.h"

#define KT_FILM_ROWS_HZ 25.0
enum { KT_FILM_BANDS = 24, KT_FILM_STRIP = 128 };  // heights of the picture with a colour each; pictures kept

typedef struct kt_film_picture {
    double      time_s;
    kt_planes_t planes;
} kt_film_picture_t;

struct kt_plot_film {
    kt_still_shape_t  shape;
    double            first_s;
    uint64_t          rows;                    // so far
    float             now[KT_FILM_BANDS * 3];  // of the last picture: mean colours from top to bottom, as shown
    float             light[3];                // mean luma, its standard deviation, saturation: 0 to 1
    kt_columns_t      colors, lights;          // rows of now and light
    double            apart_s;                 // of the strip's pictures, at least
    size_t            n;
    kt_film_picture_t strip[KT_FILM_STRIP];
    uint8_t           rgb[(KT_SMALL_MOST / 2) * (KT_SMALL_MOST / 2) * 3];  // of one picture
};

// The whole page below the title, its height in pixels; parts of the title, in out.
enum { KT_FILM_TITLE = 512 };
KT_MUST_USE kt_err_t kt_film_page(kt_page_t *page, uint32_t *pixels);  // KT_ENOMEM
int                  kt_film_height(const kt_plot_data_t *data);
const char          *kt_film_facts(const kt_page_t *page, char out[KT_FILM_TITLE]);
const char          *kt_film_features(const kt_page_t *page, char out[KT_FILM_TITLE]);

// The panels, at page->y. strip: pictures of the shots, the shots below; KT_ENOMEM.
enum {
    KT_FILM_STRIP_HEIGHT = 150,
    KT_FILM_SHOTS        = 30,
    KT_FILM_COLORS       = 90,
    KT_FILM_LIGHT        = 130,
    KT_FILM_MOTION       = 130,
    KT_FILM_MARKS        = 130
};
KT_MUST_USE kt_err_t kt_film_strip(const kt_page_t *page);
void                 kt_film_shots(const kt_page_t *page);
void                 kt_film_colors(const kt_page_t *page, uint32_t *pixels);
void                 kt_film_light(const kt_page_t *page);
void                 kt_film_motion(const kt_page_t *page);
void                 kt_film_marks(const kt_page_t *page);

// Shots of the document as [begin, end): *n of them, at least one; a gradual change is halved. free() it. NULL: out of
// memory.
typedef struct kt_film_shot {
    double begin_s, end_s;
} kt_film_shot_t;
kt_film_shot_t *kt_film_shots_of(const kt_page_t *page, size_t *n);
