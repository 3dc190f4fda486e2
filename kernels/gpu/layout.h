// kt_gpu_layout -- where the results of one GPU batch lie, so that who launches and who reads agree. Pure, any thread.
#pragma once

#include "kernels/audio/rows.h"

typedef enum kt_gpu_pass { KT_GPU_FIRST, KT_GPU_CHROMA } kt_gpu_pass_t;
typedef enum kt_gpu_peaks { KT_GPU_PITCHES, KT_GPU_CQT_PITCHES, KT_GPU_PEAKS } kt_gpu_peaks_t;

// Bits of what is wanted of the first pass: a row, or peaks.
#define KT_GPU_WANTS(row) (1U << (row))
#define KT_GPU_WANTS_PEAKS(which) (1U << (KT_ROWS + (which)))

enum { KT_GPU_ALIGN_BYTES = 256, KT_GPU_ALIGN = KT_GPU_ALIGN_BYTES / sizeof(float), KT_GPU_PEAK_BYTES = 8 };

// Byte offsets, each a multiple of KT_GPU_ALIGN_BYTES. The peaks are last, as most of their room stays empty.
typedef struct kt_gpu_layout {
    size_t row[KT_ROWS];         // float [frames][width]; of the second pass row[0] is chroma
    size_t used[KT_GPU_PEAKS];   // uint32_t
    size_t slice[KT_GPU_PEAKS];  // {uint32_t first, count} [frames]
    size_t peaks;                // where they begin: what lies before is copied whole
    size_t peak[KT_GPU_PEAKS];   // {float magnitude, pitch_hz} [capacity]
    size_t bytes;
    size_t capacity;  // peaks
} kt_gpu_layout_t;

void kt_gpu_layout(const kt_plan_t *plan, kt_gpu_pass_t pass, uint32_t wanted, size_t frames, kt_gpu_layout_t *out);
// How many frames fit into so many bytes; 0: none.
size_t kt_gpu_layout_frames(const kt_plan_t *plan, kt_gpu_pass_t pass, uint32_t wanted, size_t bytes);

static inline size_t
kt_gpu_align(size_t bytes)
{
    return (bytes + KT_GPU_ALIGN_BYTES - 1) / KT_GPU_ALIGN_BYTES * KT_GPU_ALIGN_BYTES;
}
