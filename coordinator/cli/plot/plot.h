// kt_plot -- one page about one file. Of sound: waveform, spectrogram of the whole band with beats, chroma, tempogram,
// loudness. Of a film: strip of pictures with shots, colours, light, motion, loudness, faces and text. data.c and
// film_data.c collect columns during the analysis, tempogram.c computes the tempogram, color.c maps values to colours,
// plot.c and film_page.c draw the page. Private to this folder. One thread.
//
// A file of any length has a bounded number of columns: when there are too many, neighbours are merged.
#pragma once

#include "common/err.h"
#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_PLOT_COLUMNS = 4096 };  // at most, at least half of it for long files

typedef enum kt_reduction { KT_REDUCE_MEAN, KT_REDUCE_MAX } kt_reduction_t;

// Rows of `width` numbers, merged to at most KT_PLOT_COLUMNS columns of `every` rows each.
typedef struct kt_columns {
    kt_reduction_t reduction;
    size_t         width, n;  // columns, the last of `in_last` rows
    uint64_t       every, in_last, rows;
    float         *values;  // [n][width]: sums or maxima
} kt_columns_t;

// The mean (or maximum) of part `index` of the file out of `parts`; out[width]. False: the part has no rows.
KT_MUST_USE kt_err_t kt_columns_init(kt_columns_t *self, kt_reduction_t reduction, size_t width);  // KT_ENOMEM
void                 kt_columns_add(kt_columns_t *self, const float *row);
bool                 kt_columns_part(const kt_columns_t *self, size_t index, size_t parts, float *out);

typedef struct kt_plot_film kt_plot_film_t;  // film.h
typedef struct kt_plot_band kt_plot_band_t;  // band.c

typedef struct kt_plot_data {
    kt_err_t        err;                 // the first failure of a callback
    kt_columns_t    peaks, squares;      // of the samples: [max, max of minus], [mean square]
    kt_columns_t    chroma;              // largest class of a frame 1
    kt_columns_t    band;                // power in rows of equal width on the mel scale, 0 to band_hz
    double          band_hz;             // half the rate of the file
    kt_plot_band_t *band_state;          // private to band.c
    kt_columns_t    momentary, shortly;  // K-weighted energy of 400 ms and 3 s, every 100 ms
    float          *onset;               // envelope, one value per frame; at most KT_PLOT_ONSETS
    size_t          n_onset;
    bool            onset_cut;    // true: truncated
    void           *loudness;     // private
    kt_plot_film_t *film;         // NULL: no picture yet
    double          frames_hz;    // frames per second
    double          analysis_hz;  // the analysis rate
} kt_plot_data_t;

enum { KT_PLOT_ONSETS = 1 << 20 };

void kt_plot_data_fini(kt_plot_data_t *self);
// A kt_frames_fn and a kt_tap_fn. context: a kt_plot_data_t, zero except frames_hz and analysis_hz.
typedef struct kt_media_info kt_media_info_t;
typedef struct kt_chunk      kt_chunk_t;
void kt_plot_frames(void *context, const char *feature, const float *rows, size_t frames, size_t width);
void kt_plot_chunk(void *context, const kt_media_info_t *media_info, const kt_chunk_t *chunk);
typedef struct kt_video_frame kt_video_frame_t;
void kt_plot_picture(kt_plot_data_t *self, const kt_media_info_t *media_info, const kt_video_frame_t *frame);
void kt_plot_film_fini(kt_plot_data_t *self);

// Autocorrelation of the onset envelope in windows of 8.9 s: out[columns][rows], 0 to 1, the tempo of row r growing
// geometrically from KT_TEMPOGRAM_MIN_BPM to KT_TEMPOGRAM_MAX_BPM; faded out where the envelope is far below that of
// the file, as in silence, where the correlation of what is left would be as high as that of a beat. KT_ENOMEM.
#define KT_TEMPOGRAM_MIN_BPM 30.0
#define KT_TEMPOGRAM_MAX_BPM 300.0
KT_MUST_USE kt_err_t kt_tempogram(const float *onset, size_t n, double frames_hz, size_t columns, size_t rows,
                                  float *out);

// 0xffRRGGBB of a value from 0 to 1 (clamped; NaN is 0) in a perceptually uniform map.
typedef enum kt_colormap { KT_COLOR_MAGMA, KT_COLOR_VIRIDIS } kt_colormap_t;
uint32_t kt_color(kt_colormap_t map, double value);

// Draws the page, kt_plot_height high. document: the output message. KT_ENOMEM; cr has cairo's errors.
typedef struct _cairo cairo_t;
KT_MUST_USE kt_err_t  kt_plot_page(const kt_plot_data_t *data, const json_t *document, cairo_t *cr);
int                   kt_plot_height(const kt_plot_data_t *data);

// The spectrogram of all samples, in `band`. Slaney's mel scale. KT_ENOMEM, KT_EINVAL.
double               kt_plot_mel(double hz);
KT_MUST_USE kt_err_t kt_plot_band_new(kt_plot_data_t *self, uint32_t rate_hz);
void                 kt_plot_band_add(kt_plot_data_t *self, const float *pcm, size_t frames, uint32_t channels);
void                 kt_plot_band_destroy(kt_plot_data_t *self);
