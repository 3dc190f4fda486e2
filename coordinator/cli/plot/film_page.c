#include "coordinator/cli/plot/film.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
has_sound(const kt_plot_data_t *data)
{
    return data->momentary.n > 0;
}

int
kt_film_height(const kt_plot_data_t *data)
{
    return KT_PAGE_TOP + KT_FILM_STRIP_HEIGHT + KT_FILM_SHOTS + KT_FILM_COLORS + KT_FILM_LIGHT + KT_FILM_MOTION +
           KT_FILM_MARKS + 4 * KT_PAGE_GAP + (has_sound(data) ? KT_PAGE_LOUD + KT_PAGE_GAP : 0) + KT_PAGE_BOTTOM;
}

kt_err_t
kt_film_page(kt_page_t *page, uint32_t *pixels)
{
    kt_err_t err = kt_film_strip(page);
    page->y += KT_FILM_STRIP_HEIGHT;
    kt_film_shots(page);
    page->y += KT_FILM_SHOTS + KT_PAGE_GAP;
    kt_film_colors(page, pixels);
    page->y += KT_FILM_COLORS + KT_PAGE_GAP;
    kt_film_light(page);
    page->y += KT_FILM_LIGHT + KT_PAGE_GAP;
    kt_film_motion(page);
    page->y += KT_FILM_MOTION + KT_PAGE_GAP;
    if (has_sound(page->data)) {
        kt_page_loudness(page, false);
        page->y += KT_PAGE_LOUD + KT_PAGE_GAP;
    }
    kt_film_marks(page);
    return err;
}

const char *
kt_film_facts(const kt_page_t *page, char out[KT_FILM_TITLE])
{
    char          codec[KT_FEATURE_KEY];
    double        width = 0, height = 0;
    const json_t *size = kt_format_value(page->document, KT_FEATURE_TECHNICAL_resolution);
    (void)kt_json_number(kt_json_at(size, 0), &width);
    (void)kt_json_number(kt_json_at(size, 1), &height);
    snprintf(out, KT_FILM_TITLE, "%s %.0f x %.0f, %.5g Hz", kt_page_text_of(page, KT_FEATURE_TECHNICAL_codec, codec),
             width, height, kt_page_value_of(page, KT_FEATURE_TECHNICAL_frame_rate));
    return out;
}

const char *
kt_film_features(const kt_page_t *page, char out[KT_FILM_TITLE])
{
    static const struct {
        kt_feature_t feature;
        const char  *before;
        int          digits;
        const char  *unit;
    } PARTS[]             = {{KT_FEATURE_VISUAL_motion, "motion ", 1, " %/s"},
                             {KT_FEATURE_VISUAL_brightness, "brightness ", 2, ""},
                             {KT_FEATURE_TECHNICAL_quality_score, "quality ", 2, ""},
                             {KT_FEATURE_VISUAL_faces_detected, "faces ", 0, ""}};
    size_t          n     = 0;
    kt_film_shot_t *shots = kt_film_shots_of(page, &n);
    int             used  = snprintf(out, KT_FILM_TITLE, "%zu %s", n, n == 1 ? "shot" : "shots");
    if (shots && n > 1)
        used += snprintf(out + used, (size_t)(KT_FILM_TITLE - used), " of %.1f s",
                         (shots[n - 1].end_s - shots[0].begin_s) / (double)n);
    free(shots);
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++) {
        const double value = kt_page_value_of(page, PARTS[i].feature);
        if (!isnan(value))
            used += snprintf(out + used, (size_t)(KT_FILM_TITLE - used), "   \xc2\xb7   %s%.*f%s", PARTS[i].before,
                             PARTS[i].digits, value, PARTS[i].unit);
    }
    return out;
}
