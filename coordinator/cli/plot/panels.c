#include "coordinator/cli/plot/page.h"

#include <cairo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEMPO_ROWS = 240, TEMPO_COLUMNS = KT_PAGE_INNER / 2 };

#define MEL_RANGE_DB 80.0
#define LUFS_LOW (-60.0)
#define LUFS_HIGH 0.0

void
kt_page_wave(kt_page_t *page)
{
    const kt_columns_t *peaks  = &page->data->peaks;
    double              middle = page->y + KT_PAGE_WAVE / 2.0;
    float               most[2], square;
    kt_page_mark(page, middle, "0", KT_PAGE_GRID, 1);
    kt_page_mark(page, page->y + 1, "+1", NULL, 1);
    kt_page_mark(page, page->y + KT_PAGE_WAVE - 1, "-1", NULL, 1);
    for (size_t x = 0; x < KT_PAGE_INNER && peaks->n; x++) {
        if (!kt_columns_part(peaks, x, KT_PAGE_INNER, most) ||
            !kt_columns_part(&page->data->squares, x, KT_PAGE_INNER, &square))
            continue;
        double up = fmin(1, most[0]) * KT_PAGE_WAVE / 2, down = fmin(1, most[1]) * KT_PAGE_WAVE / 2;
        double rms = fmin(sqrt(square), 1) * KT_PAGE_WAVE / 2;
        kt_page_color(page, most[0] >= 0.999 || most[1] >= 0.999 ? KT_PAGE_WARM : KT_PAGE_WAVE_SOFT, 1);
        cairo_rectangle(page->cr, KT_PAGE_LEFT + (double)x, middle - up, 1, up + down);
        cairo_fill(page->cr);
        kt_page_color(page, KT_PAGE_WAVE_INK, 1);
        cairo_rectangle(page->cr, KT_PAGE_LEFT + (double)x, middle - fmin(rms, up), 1, fmin(rms, up) + fmin(rms, down));
        cairo_fill(page->cr);
    }
    kt_page_frame(page, KT_PAGE_WAVE, "Waveform", "full scale = 1;  dark: RMS;  red: at full scale");
    kt_page_time_axis(page, KT_PAGE_WAVE, false);
}

// All of them; where they are dense the marks are thinner, so that they do not hide the picture.
static void
draw_beats(const kt_page_t *page, kt_feature_t feature, double length, double alpha)
{
    const json_t *beats = kt_format_value(page->document, feature);
    const double  apart = (double)KT_PAGE_INNER / (double)(kt_json_count(beats) + 1);
    cairo_set_line_width(page->cr, fmin(1.3, fmax(0.3, apart / 3)));
    cairo_set_source_rgba(page->cr, 1, 1, 1, alpha);
    for (size_t i = 0; i < kt_json_count(beats); i++) {
        double seconds = 0;
        if (kt_json_number(kt_json_at(beats, i), &seconds))
            kt_page_line(page, kt_page_x_of(page, seconds), page->y, kt_page_x_of(page, seconds), page->y + length);
    }
}

static void
draw_band_axis(const kt_page_t *page)
{
    static const double HERTZ[] = {250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 64000};
    const double        top     = kt_plot_mel(page->data->band_hz);
    for (size_t i = 0; i < sizeof HERTZ / sizeof *HERTZ; i++) {
        char label[32];
        if (HERTZ[i] >= page->data->band_hz)
            break;
        snprintf(label, sizeof label, HERTZ[i] < 1000 ? "%.0f" : "%.0fk", HERTZ[i] < 1000 ? HERTZ[i] : HERTZ[i] / 1000);
        kt_page_mark(page, page->y + KT_PAGE_MEL * (1 - kt_plot_mel(HERTZ[i]) / top), label, NULL, 0);
    }
}

static float
largest_value(const kt_columns_t *columns, size_t parts)
{
    float row[KT_PAGE_ROWS_MAX], most = 0;
    for (size_t x = 0; x < parts; x++)
        if (kt_columns_part(columns, x, parts, row))
            for (size_t k = 0; k < columns->width; k++)
                most = fmaxf(most, row[k]);
    return most;
}

void
kt_page_mel(kt_page_t *page, uint32_t *pixels)
{
    const kt_columns_t *mel = &page->data->band;
    float               row[KT_PAGE_ROWS_MAX],
        most = mel->n && mel->width <= KT_PAGE_ROWS_MAX ? largest_value(mel, KT_PAGE_INNER) : 0;
    for (size_t x = 0; x < KT_PAGE_INNER && most > 0; x++) {
        bool there = kt_columns_part(mel, x, KT_PAGE_INNER, row);
        for (size_t k = 0; k < mel->width; k++) {
            double db = there ? 10 * log10(fmax(row[k], 1e-20) / most) : -MEL_RANGE_DB;
            pixels[(mel->width - 1 - k) * KT_PAGE_INNER + x] = kt_color(KT_COLOR_MAGMA, 1 + db / MEL_RANGE_DB);
        }
    }
    if (most > 0) {
        kt_page_paint(page, pixels, KT_PAGE_INNER, mel->width, KT_PAGE_MEL, true);
        draw_beats(page, KT_FEATURE_MIR_beats, 12, 0.9);
        draw_beats(page, KT_FEATURE_MIR_downbeats, 24, 0.9);
        if (kt_json_count(kt_format_value(page->document, KT_FEATURE_MIR_downbeats)) * 24 <= KT_PAGE_INNER)
            draw_beats(page, KT_FEATURE_MIR_downbeats, KT_PAGE_MEL, 0.22);
        draw_band_axis(page);
        kt_page_color_bar(page, KT_PAGE_MEL, KT_COLOR_MAGMA, "0 dB", "-80 dB");
    } else {
        kt_page_nothing(page, KT_PAGE_MEL, "silence");
    }
    kt_page_frame(page, KT_PAGE_MEL, "Spectrogram, mel scale",
                  "Hz, up to half the rate of the file;  marks at the top: beats, longer ones downbeats");
    kt_page_time_axis(page, KT_PAGE_MEL, false);
}

void
kt_page_chroma(kt_page_t *page, uint32_t *pixels)
{
    static const char *const NAMES[] = {"C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"};
    const kt_columns_t      *chroma  = &page->data->chroma;
    float                    row[KT_PAGE_ROWS_MAX], most = 0;
    size_t                   width = chroma->width <= KT_PAGE_ROWS_MAX ? chroma->width : 0;
    if (chroma->n && width)
        most = largest_value(chroma, KT_PAGE_INNER);
    for (size_t x = 0; x < KT_PAGE_INNER && most > 0; x++) {
        bool there = kt_columns_part(chroma, x, KT_PAGE_INNER, row);
        for (size_t k = 0; k < width; k++)
            pixels[(width - 1 - k) * KT_PAGE_INNER + x] = kt_color(KT_COLOR_VIRIDIS, there ? row[k] / most : 0);
    }
    if (most > 0) {
        kt_page_paint(page, pixels, KT_PAGE_INNER, width, KT_PAGE_CHROMA, false);
        for (size_t k = 0; k < 12; k++)
            kt_page_mark(page, page->y + KT_PAGE_CHROMA * (1 - ((double)k + 0.5) / 12), NAMES[k], NULL, 0);
        kt_page_color_bar(page, KT_PAGE_CHROMA, KT_COLOR_VIRIDIS, "1", "0");
    } else {
        kt_page_nothing(page, KT_PAGE_CHROMA, "no pitch classes");
    }
    kt_page_frame(page, KT_PAGE_CHROMA, "Chroma", "pitch class; the strongest of a frame is 1");
    kt_page_time_axis(page, KT_PAGE_CHROMA, false);
}

static double
tempo_y(const kt_page_t *page, double bpm)
{
    return page->y +
           KT_PAGE_TEMPO * (1 - log(bpm / KT_TEMPOGRAM_MIN_BPM) / log(KT_TEMPOGRAM_MAX_BPM / KT_TEMPOGRAM_MIN_BPM));
}

static void
draw_tempo_line(const kt_page_t *page)
{
    char   label[32];
    double bpm = kt_page_value_of(page, KT_FEATURE_MIR_tempo), dash[] = {8, 7};
    if (!(bpm >= KT_TEMPOGRAM_MIN_BPM && bpm <= KT_TEMPOGRAM_MAX_BPM))
        return;
    cairo_set_line_width(page->cr, 1.6);
    cairo_set_dash(page->cr, dash, 2, 0);
    cairo_set_source_rgba(page->cr, 1, 1, 1, 0.9);
    kt_page_line(page, KT_PAGE_LEFT, tempo_y(page, bpm), KT_PAGE_LEFT + KT_PAGE_INNER, tempo_y(page, bpm));
    cairo_set_dash(page->cr, NULL, 0, 0);
    snprintf(label, sizeof label, "%.1f", bpm);
    kt_page_font(page, 16, true);
    kt_page_text(page, KT_PAGE_LEFT + KT_PAGE_INNER - 8, tempo_y(page, bpm) - 12, 1, label);
}

kt_err_t
kt_page_tempogram(kt_page_t *page, uint32_t *pixels)
{
    static const double   BPM[]  = {30, 60, 90, 120, 180, 240};
    const kt_plot_data_t *data   = page->data;
    float                *values = calloc((size_t)TEMPO_COLUMNS * TEMPO_ROWS, sizeof *values);
    bool                  there  = (double)data->n_onset > 2 * data->frames_hz && !data->onset_cut;
    if (!values)
        return KT_ENOMEM;
    kt_err_t err =
        there ? kt_tempogram(data->onset, data->n_onset, data->frames_hz, TEMPO_COLUMNS, TEMPO_ROWS, values) : KT_OK;
    for (size_t x = 0; x < TEMPO_COLUMNS; x++)
        for (size_t r = 0; r < TEMPO_ROWS; r++)
            pixels[(TEMPO_ROWS - 1 - r) * TEMPO_COLUMNS + x] =
                kt_color(KT_COLOR_VIRIDIS, pow(values[x * TEMPO_ROWS + r], 0.75));
    free(values);
    if (there) {
        kt_page_paint(page, pixels, TEMPO_COLUMNS, TEMPO_ROWS, KT_PAGE_TEMPO, true);
        draw_tempo_line(page);
        kt_page_color_bar(page, KT_PAGE_TEMPO, KT_COLOR_VIRIDIS, "strong", "none");
    } else {
        kt_page_nothing(page, KT_PAGE_TEMPO, data->onset_cut ? "too long for a tempogram" : "too short for a tempo");
    }
    for (size_t i = 0; i < sizeof BPM / sizeof *BPM; i++) {
        char label[32];
        snprintf(label, sizeof label, "%.0f", BPM[i]);
        kt_page_mark(page, tempo_y(page, BPM[i]), label, NULL, 0);
    }
    kt_page_frame(page, KT_PAGE_TEMPO, "Tempogram",
                  "beats per minute;  autocorrelation of the onset envelope, dashed: the tempo");
    kt_page_time_axis(page, KT_PAGE_TEMPO, false);
    return err;
}

static double
lufs_y(const kt_page_t *page, double lufs)
{
    double inside = fmin(fmax(lufs, LUFS_LOW), LUFS_HIGH);
    return page->y + KT_PAGE_LOUD * (LUFS_HIGH - inside) / (LUFS_HIGH - LUFS_LOW);
}

static void
draw_curve(const kt_page_t *page, const kt_columns_t *energy, const double rgb[3], double width, double alpha)
{
    float value;
    bool  begun = false;
    cairo_set_line_width(page->cr, width);
    cairo_set_line_join(page->cr, CAIRO_LINE_JOIN_ROUND);
    kt_page_color(page, rgb, alpha);
    for (size_t x = 0; x < page->sound_width && page->sound_left + x < KT_PAGE_INNER && energy->n; x++) {
        if (!kt_columns_part(energy, x, page->sound_width, &value))
            continue;
        double px = KT_PAGE_LEFT + (double)(page->sound_left + x) + 0.5;
        double y  = lufs_y(page, value > 0 ? -0.691 + 10 * log10(value) : LUFS_LOW);
        if (begun)
            cairo_line_to(page->cr, px, y);
        else
            cairo_move_to(page->cr, px, y);
        begun = true;
    }
    cairo_stroke(page->cr);
}

void
kt_page_loudness(kt_page_t *page, bool last)
{
    double integrated = kt_page_value_of(page, KT_FEATURE_PERCEPTUAL_loudness), dash[] = {8, 6};
    char   label[32];
    for (double lufs = LUFS_LOW; lufs <= LUFS_HIGH; lufs += 12) {
        snprintf(label, sizeof label, "%.0f", lufs);
        kt_page_mark(page, lufs_y(page, lufs), label, KT_PAGE_GRID, 1);
    }
    draw_curve(page, &page->data->momentary, KT_PAGE_WAVE_SOFT, 1.2, 1);
    draw_curve(page, &page->data->shortly, KT_PAGE_WAVE_INK, 2.4, 1);
    if (!page->data->momentary.n)
        kt_page_nothing(page, KT_PAGE_LOUD, "too short or not defined at this rate");
    if (!isnan(integrated)) {
        cairo_set_line_width(page->cr, 1.6);
        cairo_set_dash(page->cr, dash, 2, 0);
        kt_page_color(page, KT_PAGE_WARM, 1);
        kt_page_line(page, KT_PAGE_LEFT, lufs_y(page, integrated), KT_PAGE_LEFT + KT_PAGE_INNER,
                     lufs_y(page, integrated));
        cairo_set_dash(page->cr, NULL, 0, 0);
        snprintf(label, sizeof label, "%.1f LUFS", integrated);
        kt_page_font(page, 15, true);
        kt_page_text(page, KT_PAGE_WIDTH - KT_PAGE_RIGHT + 10, lufs_y(page, integrated), 0, label);
    }
    kt_page_frame(page, KT_PAGE_LOUD, "Loudness", "LUFS;  light: 0.4 s, dark: 3 s, dashed: integrated (EBU R128)");
    kt_page_time_axis(page, KT_PAGE_LOUD, last);
}
