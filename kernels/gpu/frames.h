// Frames of sound: what the kinds frontend and chroma share with the backend, and what a request of them holds.
//
// Config: kt_frontend_opts_t. Input of a part: float samples as in kt_span_t. Sections of the front end: one per row,
// then counters, slices and lists of both kinds of spectral peaks; chroma has one section, [items][n_chroma] float.
#pragma once

#include "kernels/audio/rows.h"
#include "kernels/gpu/samples.h"

typedef enum kt_gpu_peaks { KT_GPU_POWER_PEAKS, KT_GPU_CQT_PEAKS, KT_GPU_PEAKS } kt_gpu_peaks_t;
enum {
    KT_GPU_SECTION_USED  = KT_ROWS,                              // uint32_t: how many peaks
    KT_GPU_SECTION_SLICE = KT_GPU_SECTION_USED + KT_GPU_PEAKS,   // kt_gpu_slice_t [items]
    KT_GPU_SECTION_PEAK  = KT_GPU_SECTION_SLICE + KT_GPU_PEAKS,  // kt_gpu_peak_t, a list
    KT_GPU_TUNINGS       = 16                                    // different ones of the parts of a chroma batch
};

// A frame's peaks are contiguous, frames in any order; slice[item] is the range.
typedef struct kt_gpu_peak {
    float magnitude, pitch_hz;
} kt_gpu_peak_t;
typedef struct kt_gpu_slice {
    uint32_t first, count;
} kt_gpu_slice_t;

// Of a part; real_begin and real_end are counted from its first sample.
typedef struct kt_gpu_frames_args {
    uint32_t real_begin, real_end;
    double   tuning;  // chroma
} kt_gpu_frames_args_t;

typedef struct kt_gpu_frames {
    const kt_plan_t *plan;
    const kt_span_t *span;
    const kt_rows_t *rows;  // frontend; peaks are appended
    double           tuning;
    float           *chroma;  // chroma: [frames][n_chroma]
    kt_gpu_samples_t samples;
    kt_gpu_kept_t   *kept;   // frontend: where mel rows are kept (kernels/gpu/derived.h); NULL: they are not
    bool             stays;  // likewise peaks and valleys, and none of these rows come back
} kt_gpu_frames_t;

// Into the list of one span, in frame order. KT_ENOMEM; KT_EIO: a slice is outside.
KT_MUST_USE kt_err_t kt_gpu_peaks_collect(const kt_gpu_peak_t *peak, uint32_t used, const kt_gpu_slice_t *slice,
                                          size_t frames, unsigned per_octave, kt_spectral_peaks_t *out);

// Both kinds: the samples of a part.
void kt_gpu_frames_args(const void *work, size_t first, size_t items, void *args);
void kt_gpu_frames_share(const void *work, size_t first, size_t items, kt_gpu_share_t *out);
void kt_gpu_frames_copy_in(const void *work, size_t first, size_t items, void *to);
