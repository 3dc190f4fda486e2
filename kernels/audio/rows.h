// Rows of numbers per frame of samples: their options, the tables of one configuration (kt_plan), what goes in (spans)
// and what comes out. The device (kernels/device.h) computes them.
//
// Definitions are librosa 0.11's: centred frames of n_fft samples every hop, periodic Hann,
// zero padding at both ends of the stream; zero crossings repeat the first and last sample instead.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_frontend_opts {
    uint32_t rate_hz;   // 22050
    uint32_t n_fft;     // 2048; a power of two from 256 to 16384
    uint32_t hop;       // 512
    uint32_t n_mels;    // 128
    uint32_t n_mfcc;    // 13
    uint32_t n_chroma;  // 12
} kt_frontend_opts_t;

// Tables of one configuration: window, mel bands, contrast bands, DCT. Constant after new; any number of threads share
// it.
typedef struct kt_plan    kt_plan_t;
KT_MUST_USE kt_err_t      kt_plan_new(kt_plan_t **self_p, const kt_frontend_opts_t *opts);  // KT_EINVAL, KT_ENOMEM
void                      kt_plan_destroy(kt_plan_t **self_p);
const kt_frontend_opts_t *kt_plan_opts(const kt_plan_t *self);

// Rows of one frame, in the order of librosa's functions. Widths: kt_row_width.
typedef enum kt_row {
    KT_ROW_CENTROID,   // [1] Hz
    KT_ROW_BANDWIDTH,  // [1] Hz
    KT_ROW_ROLLOFF,    // [1] Hz, 85 %
    KT_ROW_FLATNESS,   // [1]
    KT_ROW_ZCR,        // [1]
    KT_ROW_RMS,        // [1]
    KT_ROW_PEAK,       // [7] contrast: mean of the largest magnitudes of each band, linear
    KT_ROW_VALLEY,     // [7] contrast: mean of the smallest
    KT_ROW_MEL,        // [n_mels] power
    KT_ROWS
} kt_row_t;
// 0: this row does not exist (contrast, where a band but the last begins at half the rate or above, or has no bins: at
// 12,800 Hz and below, or at short n_fft). Such a row is never written.
size_t kt_row_width(const kt_plan_t *plan, kt_row_t row);

// A run of frames of one stream. Frame i covers pcm[i*hop .. i*hop + n_fft). Positions outside the stream are zero in
// pcm; real samples are pcm[real_begin .. real_end) (for zero crossings). pcm has (frames-1)*hop + n_fft
// values.
typedef struct kt_span {
    const float *pcm;
    size_t       frames;
    size_t       real_begin, real_end;
} kt_span_t;

// Peaks of a spectrum for the tuning estimate (librosa's piptrack, 150 to 4000 Hz): one entry per peak with pitch > 0,
// in frame order. Grows; bounded by frames * bins/2.
typedef struct kt_spectral_peaks {
    float   *magnitude;
    uint8_t *bin;  // 0..99: bin of the histogram of deviations, resolution 0.01
    size_t   count, capacity;
} kt_spectral_peaks_t;
void kt_spectral_peaks_fini(kt_spectral_peaks_t *self);  // idempotent; a zeroed struct is empty
// Left edge of the fullest bin among peaks whose magnitude is at least the median; 0 if there are none. [-0.5, 0.5).
double kt_spectral_peaks_tuning(const kt_spectral_peaks_t *self);

// Where the rows of a span go: row-major [frames][width], the caller's memory; NULL: not wanted, and then costs
// nothing.
typedef struct kt_rows {
    float               *row[KT_ROWS];
    kt_spectral_peaks_t *peaks;      // of |X|^2, n_chroma bins per octave (chroma_stft); NULL: not wanted
    kt_spectral_peaks_t *cqt_peaks;  // of |X|, 36 bins per octave (chroma_cqt); NULL: not wanted
    bool                 may_stay;   // a device may keep mel, peak and valley (kt_device_begin_derived)
} kt_rows_t;
