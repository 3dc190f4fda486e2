// The inside of kt_cuda_plan: the tables that each launch passes by value (constant memory, no traffic), and the layout
// of a block's shared memory. Only the files of kernels/cuda/ include it.
#pragma once

#include "kernels/audio/plan.h"
#include "kernels/cuda/kt_cuda.h"

enum { KT_CHROMA_FRAMES = 4, KT_FEW_FLOATS_PER_DOUBLE = 4 };

// Byte offsets into a block's dynamic shared memory. Values of frames are worked on in `cells`, whose second half is
// free for magnitudes once the transform is done.
typedef struct kt_cuda_layout {
    uint32_t ring;       // [n_fft] samples
    uint32_t magnitude;  // [bins]; second pass: [group][bins] powers
    uint32_t group;      // second pass: frames whose chroma is made together, at most KT_CHROMA_FRAMES
    uint32_t weight;     // mel weights; 0: too many, read from global memory
    uint32_t band;       // [n_mels][2]; 0: likewise
    uint32_t slot;       // [32] kt_slot_t
    uint32_t extreme;    // [2][32][KT_BANDS]; nothing where mel is the only row
    uint32_t list;       // [2][list_room] uint16_t: bins of peaks; likewise
    uint32_t partial;    // [warps][KT_SUMS + 1] double
    uint32_t bump;       // second pass: [3][bins]
    uint32_t class_sum;  // second pass: [group][n_chroma]
    uint32_t run;        // the block's kt_cuda_run_t
    uint32_t bytes;
} kt_cuda_layout_t;

typedef struct kt_cuda_tables {
    uint32_t           rate_hz, n_fft, hop, bins, n_mels, n_mfcc, n_chroma;
    uint32_t           has_contrast, pitch_begin, pitch_end, list_room, mel_weights;
    uint32_t           shared_limit;  // bytes of shared memory that a block may have on this device
    uint32_t           slow_doubles;  // this device has 32 or 64 floats per double, and not 2
    double             bin_hz;
    kt_contrast_band_t contrast[KT_BANDS];
    const uint32_t    *mel_band;            // [n_mels][2]: first bin + 65536 * bins, first weight
    const float       *mel_weight;          // [mel_weights]
    const float       *dct;                 // [n_mels][n_mfcc]
    kt_cuda_layout_t   first, mel, second;  // mel: the first pass where mel is its only row
    uint32_t           segment_dct;  // byte offset in kt_cuda_segments' shared memory; 0: read from global memory
    uint32_t           segment_bytes;
} kt_cuda_tables_t;

struct kt_cuda_plan {
    kt_cuda_tables_t tables;
    void            *memory;  // device: mel_band, mel_weight, dct
};

// One frame's sums, of all its threads, kept until a warp has 32 of them to turn into rows.
enum {
    KT_SUM_MAGNITUDE,
    KT_SUM_FIRST,   // k S
    KT_SUM_SECOND,  // k^2 S
    KT_SUM_POWER,   // each at least 1e-10
    KT_SUM_LOG2,    // of those
    KT_SUM_SQUARES,
    KT_SUM_CROSSINGS,
    KT_SUMS
};
typedef struct kt_slot {
    double   sum[KT_SUMS];
    float    rolloff;
    uint32_t valid;
} kt_slot_t;

static inline int
kt_cuda_is_fused(uint32_t n_fft)
{
    return n_fft >= 512 && n_fft <= 4096;
}

// A plan of another size works on so many frames at a time, in global memory: rows of bins complex doubles.
enum { KT_CUDA_WORK_FRAMES = KT_CUDA_RUN_FRAMES };
enum { KT_SEGMENT_STEP = 8 };  // rows that kt_cuda_segments works on at once
// Floats from one of these rows to the next in shared memory: odd, so that the rows of a warp lie in banks of their
// own.
#define KT_SEGMENT_STRIDE(n_mels) ((n_mels) | 1U)

#ifdef __cplusplus
extern "C" {
#endif
// Permission for as much shared memory as the device has, once per plan: the permission is the kernel's, and plans of
// other sizes use the same one. KT_EIO.
KT_MUST_USE kt_err_t kt_cuda_frontend_permit(const kt_cuda_tables_t *tables);
KT_MUST_USE kt_err_t kt_cuda_chroma_permit(const kt_cuda_tables_t *tables);
KT_MUST_USE kt_err_t kt_cuda_split_permit(const kt_cuda_tables_t *tables);

// split.cu: the three launchers for a size without a fused kernel; of rows, chroma, power_spectra the one that is not
// NULL is made.
typedef struct kt_cuda_outputs {
    const kt_cuda_rows_t *rows;
    const float          *banks;
    float                *chroma, *power_spectra;
    uint32_t              bins;  // of power_spectra
} kt_cuda_outputs_t;
KT_MUST_USE kt_err_t kt_cuda_split(const kt_cuda_plan_t *self, const kt_cuda_run_t *runs, size_t n, uint32_t longest,
                                   const float *pcm, const kt_cuda_outputs_t *out, void *work, cudaStream_t stream);
#ifdef __cplusplus
}
#endif
