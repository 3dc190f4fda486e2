// The page: a title, then panels below each other with one time axis.
#include "common/text.h"
#include "coordinator/cli/plot/film.h"

#include <cairo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SOUND_HEIGHT = KT_PAGE_TOP + KT_PAGE_WAVE + KT_PAGE_MEL + KT_PAGE_CHROMA + KT_PAGE_TEMPO + KT_PAGE_LOUD +
                   4 * KT_PAGE_GAP + KT_PAGE_BOTTOM
};

static void
append_part(char *out, size_t capacity, const char *part)
{
    size_t used = strlen(out);
    if (*part)
        snprintf(out + used, capacity - used, "%s%s", used ? "   \xc2\xb7   " : "", part);
}

static void
append_number(char *out, size_t capacity, const kt_page_t *page, kt_feature_t feature, const char *before, int digits,
              const char *unit)
{
    char         part[64];
    const double value = kt_page_value_of(page, feature);
    snprintf(part, sizeof part, "%s%.*f %s", before, digits, value, unit);
    append_part(out, capacity, isnan(value) ? "" : part);
}

static void
append_sound(char *out, size_t capacity, const kt_page_t *page)
{
    char part[256], name[KT_FEATURE_KEY];
    append_part(out, capacity, kt_page_text_of(page, KT_FEATURE_TECHNICAL_audio_codec, name));
    snprintf(part, sizeof part, "%.0f Hz %s", kt_page_value_of(page, KT_FEATURE_TECHNICAL_sample_rate),
             kt_page_text_of(page, KT_FEATURE_TECHNICAL_channel_layout, name));
    append_part(out, capacity, isnan(kt_page_value_of(page, KT_FEATURE_TECHNICAL_sample_rate)) ? "" : part);
}

static void
append_music(char *out, size_t capacity, const kt_page_t *page)
{
    char part[256], name[KT_FEATURE_KEY], more[KT_FEATURE_KEY];
    append_number(out, capacity, page, KT_FEATURE_MIR_tempo, "", 1, "BPM");
    append_number(out, capacity, page, KT_FEATURE_MIR_time_signature, "", 0, "beats per bar");
    snprintf(part, sizeof part, "%s %s", kt_page_text_of(page, KT_FEATURE_MIR_key, name),
             kt_page_text_of(page, KT_FEATURE_MIR_mode, more));
    append_part(out, capacity, *name ? part : "");
    append_number(out, capacity, page, KT_FEATURE_PERCEPTUAL_loudness, "", 1, "LUFS");
    append_number(out, capacity, page, KT_FEATURE_PERCEPTUAL_dynamic_range, "range ", 1, "LU");
}

// "3:25 · flac · 44100 Hz stereo", of a film its pictures before; and the main features.
static void
draw_title(const kt_page_t *page)
{
    char          facts[512] = "", features[512] = "", length[32];
    const json_t *tags  = kt_format_value(page->document, KT_FEATURE_TECHNICAL_tags);
    const char   *title = kt_json_str(tags, "title", ""), *artist = kt_json_str(tags, "artist", "");
    const char   *path = kt_json_str(page->document, "file_path", ""), *slash = strrchr(path, '/');
    const char   *file = slash ? slash + 1 : path;
    char          whole[2048], heading[1024];
    snprintf(whole, sizeof whole, "%s%s%s", artist, *artist && *title ? " \xe2\x80\x93 " : "", title);
    kt_text_sanitize(heading, sizeof heading, whole, strlen(whole));
    kt_page_clock_text(page->duration_s, page->duration_s < 1 ? 0.01 : page->duration_s < 10 ? 0.1 : 1, length);
    append_part(facts, sizeof facts, *heading ? file : "");
    append_part(facts, sizeof facts, length);
    if (page->data->film) {
        char film[512];
        append_part(facts, sizeof facts, kt_film_facts(page, film));
        append_part(features, sizeof features, kt_film_features(page, film));
    }
    append_sound(facts, sizeof facts, page);
    if (page->data->film)
        append_number(features, sizeof features, page, KT_FEATURE_PERCEPTUAL_loudness, "", 1, "LUFS");
    else
        append_music(features, sizeof features, page);
    kt_page_font(page, 30, true);
    kt_page_color(page, KT_PAGE_INK, 1);
    kt_page_text(page, KT_PAGE_LEFT, 36, 0, *heading ? heading : file);
    kt_page_font(page, 19, false);
    kt_page_color(page, KT_PAGE_SOFT, 1);
    kt_page_text(page, KT_PAGE_LEFT, 72, 0, facts);
    kt_page_color(page, KT_PAGE_WAVE_INK, 1);
    kt_page_text(page, KT_PAGE_LEFT, 99, 0, features);
}

static kt_err_t
draw_sound_page(kt_page_t *page, uint32_t *pixels)
{
    kt_page_wave(page);
    page->y += KT_PAGE_WAVE + KT_PAGE_GAP;
    kt_page_mel(page, pixels);
    page->y += KT_PAGE_MEL + KT_PAGE_GAP;
    kt_page_chroma(page, pixels);
    page->y += KT_PAGE_CHROMA + KT_PAGE_GAP;
    kt_err_t err = kt_page_tempogram(page, pixels);
    page->y += KT_PAGE_TEMPO + KT_PAGE_GAP;
    kt_page_loudness(page, true);
    return err;
}

// The time axis: from the first picture or sample of a film, from 0 in sound.
static void
set_time_axis(kt_page_t *page)
{
    const double sound_s = kt_page_value_of(page, KT_FEATURE_TECHNICAL_audio_duration);
    const double from_s  = kt_page_value_of(page, KT_FEATURE_TECHNICAL_audio_start_time);
    page->duration_s     = kt_page_value_of(page, KT_FEATURE_TECHNICAL_duration);
    if (!(page->duration_s > 0))
        page->duration_s = 1;
    page->sound_width = KT_PAGE_INNER;
    if (!page->data->film)
        return;
    page->begin_s = fmin(page->data->film->first_s, from_s);  // the other one if one is not a number
    if (sound_s < page->duration_s)
        page->sound_width = (size_t)fmax(1, round(KT_PAGE_INNER * sound_s / page->duration_s));
    if (from_s > page->begin_s)
        page->sound_left = (size_t)fmin(KT_PAGE_INNER - 1, round(kt_page_x_of(page, from_s) - KT_PAGE_LEFT));
}

int
kt_plot_height(const kt_plot_data_t *data)
{
    return data->film ? kt_film_height(data) : SOUND_HEIGHT;
}

kt_err_t
kt_plot_page(const kt_plot_data_t *data, const json_t *document, cairo_t *cr)
{
    uint32_t *pixels = calloc((size_t)KT_PAGE_INNER * KT_PAGE_ROWS_MAX, sizeof *pixels);
    if (!pixels)
        return KT_ENOMEM;
    kt_page_t page = {.cr = cr, .data = data, .document = document, .y = KT_PAGE_TOP};
    set_time_axis(&page);
    cairo_set_source_rgb(page.cr, 1, 1, 1);
    cairo_paint(page.cr);
    draw_title(&page);
    kt_err_t err = data->film ? kt_film_page(&page, pixels) : draw_sound_page(&page, pixels);
    free(pixels);
    return err;
}
