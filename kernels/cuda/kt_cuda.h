// kt_cuda -- launchers of the hand-written CUDA kernels: the audio front end over a ragged batch (this header) and
// picture statistics (image.h). Plain C on both sides; definitions and numbers are those of kernels/device.h.
//
// A launcher puts work on the stream and returns: it neither allocates nor synchronises, and keeps no state between
// calls except the plan. All pointers in its arguments are device memory and must live until the stream has done the
// work. KT_EINVAL: a size that the kernels do not have. KT_EIO: CUDA rejected the launch (cudaGetLastError returns the
// reason, once).
//
// The batch: samples of all spans are in one array `pcm`; a span is cut into runs of frames (kt_cuda_cut), one thread
// block works on one run and reads its samples once. A frame's bytes depend on its samples alone, however it is cut.
#pragma once

#include "kernels/gpu/frames.h"

#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

// Tables on the device and sizes of one configuration; constant, any number of streams may use it at once. One plan per
// device: new and destroy act on the current one, allocate, and new waits.
// KT_EINVAL: a block would need more shared memory than the device has; KT_ENOMEM; KT_EIO: the device failed.
typedef struct kt_cuda_plan kt_cuda_plan_t;
KT_MUST_USE kt_err_t        kt_cuda_plan_new(kt_cuda_plan_t **self_p, const kt_plan_t *plan);
void                        kt_cuda_plan_destroy(kt_cuda_plan_t **self_p);
// Device memory that the launchers of frames take as `work`, 256-byte aligned, one for each stream; 0 for n_fft 512 to
// 4096, whose transform stays in shared memory.
size_t kt_cuda_plan_work_bytes(const kt_cuda_plan_t *self);

// A run of consecutive frames of one span, real_begin and real_end as in kt_span_t but counted from the run's first
// sample; `row` is the first of its rows in every output; `bank` chooses a table of the second pass, and `segment` the
// maxima that its rows count for.
typedef struct kt_cuda_run {
    uint64_t pcm, row;  // in samples, in frames
    uint32_t frames, real_begin, real_end, bank, segment, reserved;
} kt_cuda_run_t;

// Long enough that the n_fft - hop samples that two runs share and the tables cost a few percent, short enough that
// three minutes of sound fill a large GPU.
enum { KT_CUDA_RUN_FRAMES = 128 };
// How many runs a span of so many frames makes, and those runs: `whole` describes the span. Host memory; no CUDA.
size_t kt_cuda_runs_of(size_t frames, uint32_t run_frames);
size_t kt_cuda_cut(const kt_cuda_run_t *whole, uint32_t hop, uint32_t run_frames, kt_cuda_run_t *runs);

// Peaks of the spectra, for the tuning estimate (kernels/gpu/frames.h). `used` must be 0 before the first launch; what
// no longer fits into `capacity` is left out, so give room for kt_cuda_peaks_per_frame peaks per frame.
typedef struct kt_cuda_peaks {
    kt_gpu_peak_t  *peak;   // [capacity]; NULL: not wanted
    kt_gpu_slice_t *slice;  // [rows]
    uint32_t       *used;
    uint32_t        capacity;
} kt_cuda_peaks_t;
uint32_t kt_cuda_peaks_per_frame(const kt_cuda_plan_t *self);
// Largest values of a segment's mel, peak and valley rows as bits of a float; 0 before the first launch.
enum { KT_CUDA_MAXIMA = 3 };
typedef struct kt_cuda_rows {
    float          *row[KT_ROWS];  // [rows of the batch][kt_row_width]; NULL: not wanted
    kt_cuda_peaks_t peaks;         // of |X|^2
    kt_cuda_peaks_t cqt_peaks;     // of |X|
    uint32_t       *maxima;        // [segments][KT_CUDA_MAXIMA]; NULL: not wanted. Needs the rows themselves too
} kt_cuda_rows_t;

// First pass. `runs` is device memory, n of them, none with more than `longest` frames (KT_CUDA_RUN_FRAMES at most).
// In double; on a device with slow doubles, where n_fft is 512 to 4096, in pairs of floats, or in float if mel is the
// only row that is wanted.
KT_MUST_USE kt_err_t kt_cuda_frontend(const kt_cuda_plan_t *self, const kt_cuda_run_t *runs, size_t n, uint32_t longest,
                                      const float *pcm, const kt_cuda_rows_t *out, void *work, cudaStream_t stream);

// Second pass: out is [rows][n_chroma]. `banks` holds a table for each tuning in use, one after the other, each filled
// by kt_chroma_bumps (plan.h) in host memory and copied by the caller; runs choose by number.
size_t               kt_cuda_bank_floats(const kt_cuda_plan_t *self);
KT_MUST_USE kt_err_t kt_cuda_chroma(const kt_cuda_plan_t *self, const kt_cuda_run_t *runs, size_t n, uint32_t longest,
                                    const float *pcm, const float *banks, float *out, void *work, cudaStream_t stream);
// Power spectra: the first `bins` of |X|^2 of each frame, out [rows][bins] (kernels/audio/power_spectrum.h).
KT_MUST_USE kt_err_t kt_cuda_power_spectra(const kt_cuda_plan_t *self, const kt_cuda_run_t *runs, size_t n,
                                           uint32_t longest, const float *pcm, uint32_t bins, float *out, void *work,
                                           cudaStream_t stream);

// Rows of a whole segment, for many segments at once. A tile is a run of rows of one segment: `first` counts from the
// segment's first row, which is at `row`; the segment has `rows`.
typedef struct kt_cuda_tile {
    uint64_t row;
    uint32_t first, count, rows, segment;
} kt_cuda_tile_t;
enum { KT_CUDA_TILE_ROWS = 256 };
size_t kt_cuda_tiles_of(size_t rows);
size_t kt_cuda_tile(const kt_cuda_tile_t *whole, kt_cuda_tile_t *tiles);  // whole->first and ->count are not read

typedef struct kt_cuda_segment_rows {
    const float    *mel, *peak, *valley;              // rows of the first pass; NULL: nothing of it
    const uint32_t *maxima;                           // [segments][KT_CUDA_MAXIMA]
    float          *bands, *mfcc, *onset, *contrast;  // NULL: not wanted. All but contrast need mel
    uint32_t        mfcc_floats, contrast_floats;     // from one row of theirs to the next
} kt_cuda_segment_rows_t;
KT_MUST_USE kt_err_t kt_cuda_segments(const kt_cuda_plan_t *self, const kt_cuda_tile_t *tiles, size_t n,
                                      const kt_cuda_segment_rows_t *rows, cudaStream_t stream);
// The maxima of rows that come from elsewhere than the first pass.
KT_MUST_USE kt_err_t kt_cuda_maxima(const kt_cuda_plan_t *self, const kt_cuda_tile_t *tiles, size_t n, const float *mel,
                                    const float *peak, const float *valley, uint32_t *maxima, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
