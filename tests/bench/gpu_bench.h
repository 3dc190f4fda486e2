// The inside of gpu_bench: a ragged batch on the device, what is run on it, and what that costs on paper. One thread.
// An error of the device or of memory ends the program with a sentence.
#pragma once

#include "kernels/audio/bass.h"
#include "kernels/audio/cents.h"
#include "kernels/audio/plan.h"
#include "kernels/cuda/kt_cuda.h"
#include "kernels/gpu/cqt.h"
#include "kernels/gpu/layout.h"

void  gpu_must(bool holds, const char *what);
void *gpu_new(size_t bytes);
void *gpu_copy(const void *from, size_t bytes);  // of host memory
void  gpu_free(void *memory);
void *gpu_host(size_t count, size_t size);  // zeroed host memory, for free()

typedef enum gpu_kernel {
    GPU_FIRST,          // first pass, all rows and peaks
    GPU_MEL,            // first pass, nothing but mel
    GPU_CHROMA,         // second pass
    GPU_POWER_SPECTRA,  // second pass, power spectra
    GPU_SEGMENTS,       // decibels, MFCC, onset envelope, contrast
    GPU_MAXIMA,
    GPU_KERNELS
} gpu_kernel_t;
extern const char *const gpu_kernel_names[GPU_KERNELS];

// Streams of so many samples, each a segment of its own.
typedef struct gpu_spans {
    const uint32_t *samples;
    size_t          n;
    uint32_t        run_frames;
} gpu_spans_t;

// Everything on the device but the plan. The rows of the first pass lie in one slab, as in the node
// (kernels/gpu/layout.h).
typedef struct gpu_set {
    kt_plan_t             *plan;
    kt_cuda_plan_t        *tables;
    size_t                 rows, samples, n_runs, n_tiles;
    uint32_t               longest;
    float                 *pcm;
    uint64_t              *first;  // [rows] first sample of each frame
    kt_cuda_run_t         *runs;
    kt_cuda_tile_t        *tiles;
    void                  *work;
    unsigned char         *slab;
    kt_gpu_layout_t        layout;
    kt_cuda_rows_t         out;
    kt_cuda_segment_rows_t segment;
    float                 *banks, *chroma, *powers;
} gpu_set_t;
bool      gpu_fits(const kt_frontend_opts_t *opts);  // false: a block needs more shared memory than this device has
gpu_set_t gpu_set_open(const kt_frontend_opts_t *opts, const gpu_spans_t *spans);
void      gpu_set_close(gpu_set_t *self);
// GPU_SEGMENTS reads what GPU_FIRST left.
kt_err_t gpu_set_run(const gpu_set_t *self, gpu_kernel_t kernel, cudaStream_t stream);
// Rows times bins of a dense matrix as the peer multiplies it: mel filters or the chroma bank. Host memory, for free().
float *gpu_dense(const kt_plan_t *plan, bool is_chroma);

// What a frame costs by the sources, counted by formula (gpu_cost.c): a fused multiply-add is two. Special: divisions,
// roots and exponentials of float, which have units of their own, an eighth as many. `bytes` are samples in and rows
// out, without peaks: the least that has to move.
typedef struct gpu_cost {
    double bytes, fp64, fp32, special;
} gpu_cost_t;
gpu_cost_t gpu_cost(const kt_plan_t *plan, const kt_cuda_plan_t *tables, gpu_kernel_t kernel);
// Of a frame's constant-Q transforms in all octaves, and of one value behind the filter between octaves.
gpu_cost_t gpu_cost_cqt(const kt_gpu_cqt_tables_t *tables);
gpu_cost_t gpu_cost_halved(void);
// Of a row of the bass, by its two kernels; of a frame with so many peaks in cents.
void       gpu_cost_bass(const kt_bass_shape_t *shape, gpu_cost_t out[2]);
gpu_cost_t gpu_cost_cents(const kt_cents_shape_t *shape, double peaks);

// gpu_copies.c: batches of the node's size through pinned memory, both passes with their copies as the node does them,
// `turns` of them on so many streams. Returns seconds.
typedef struct gpu_copies {
    double seconds, frames, to_device, to_host;  // bytes
} gpu_copies_t;
gpu_copies_t gpu_copies(const kt_frontend_opts_t *opts, const gpu_spans_t *spans, size_t streams, size_t turns);

// gpu_figures.c: the simulator's counters of each kernel a frame, one line a kernel, for gpu_report.py.
int gpu_figures(void);
