// kt_gpu_backend -- what libkithara-cuda.so gives the node: a table of functions, so that the same program runs where
// there is no CUDA. The library is loaded at run time by kernels/gpu/load.c and exports one symbol,
// KT_GPU_BACKEND_SYMBOL. Plain C on both sides, no CUDA type in sight; tests give tables of their own.
//
// A context is one GPU with a few slots. A slot is a pinned buffer for samples, a pinned buffer for results, device
// memory for both and a stream, so that one slot's copies run beside another's kernels. All calls on a context come
// from one thread, its actor's (kernels/gpu/actor.c); peaks and count are any thread's.
//
// KT_ESTATE means that the device can no longer be trusted (a sticky error): the context can only be closed, and `why`
// says what it said. KT_ENOMEM and KT_EINVAL concern one batch alone.
#pragma once

#include "kernels/gpu/layout.h"

enum {
    KT_GPU_ABI       = 1,
    KT_GPU_TEXT      = 96,
    KT_GPU_WHY       = 256,
    KT_GPU_SLOTS_MAX = 8,
    KT_GPU_PARTS     = 64,
    KT_GPU_TUNINGS   = 16
};
#define KT_GPU_BACKEND_SYMBOL "kithara_gpu_backend"

typedef struct kt_gpu_about {
    char     name[64];           // "NVIDIA H200"
    char     uuid[KT_GPU_TEXT];  // "GPU-..." or "MIG-..."
    char     arch[16];           // "sm_90"
    uint64_t memory_bytes;
} kt_gpu_about_t;

typedef struct kt_gpu_context_opts {
    int      device;     // 0 .. count - 1
    uint32_t slots;      // 2 .. KT_GPU_SLOTS_MAX
    size_t   in_bytes;   // pinned, of each slot: samples
    size_t   out_bytes;  // likewise, results
    uint64_t max_bytes;  // device memory that the slots may take together
    bool     growth;     // it is taken as batches need it, not at once
} kt_gpu_context_opts_t;

// A run of frames of one request; its samples begin at pcm (a multiple of KT_GPU_ALIGN), its rows at row.
typedef struct kt_gpu_part {
    uint32_t pcm, row;
    uint32_t frames, real_begin, real_end;
    double   tuning;  // second pass; at most KT_GPU_TUNINGS different ones in a batch
} kt_gpu_part_t;

typedef struct kt_gpu_batch {
    kt_frontend_opts_t   opts;
    kt_gpu_pass_t        pass;
    uint32_t             wanted;  // KT_GPU_WANTS bits of the first pass
    const kt_gpu_part_t *parts;   // borrowed during the call
    uint32_t             n_parts, frames, samples;
} kt_gpu_batch_t;

// What NVML and the context know at a moment; -1 or 0 where nobody says.
typedef struct kt_gpu_state {
    int      percent, celsius, xid;                  // xid: of the last critical event, 0: none
    uint64_t memory_used_bytes, memory_total_bytes;  // of the device, whoever uses it
} kt_gpu_state_t;

typedef struct kt_gpu_context kt_gpu_context_t;

typedef struct kt_gpu_backend {
    uint32_t    abi;   // KT_GPU_ABI
    const char *name;  // "cuda"; "cuda-sim" of tests
    // Devices of this host. `devices` is the setting: the first call may make the ones it names visible. KT_ENOTFOUND
    // (and why): no driver, none that is new enough, no device.
    kt_err_t (*count)(const char *devices, int *n, char why[KT_GPU_WHY]);
    kt_err_t (*describe)(int device, kt_gpu_about_t *out);
    // KT_ENOMEM, KT_ESTATE, KT_ENOTFOUND; why says more.
    kt_err_t (*open)(kt_gpu_context_t **self_p, const kt_gpu_context_opts_t *opts, char why[KT_GPU_WHY]);
    // Waits for what is in work, but on a device that broke.
    void (*close)(kt_gpu_context_t **self_p);
    // Samples of the slot's next batch; nobody may write there between submit and the end.
    float *(*samples)(kt_gpu_context_t *self, uint32_t slot);
    // Results of the slot's last batch, laid out by kt_gpu_layout, until the next submit. Both buffers stay where they
    // are until close.
    const void *(*results)(const kt_gpu_context_t *self, uint32_t slot);
    // Puts the batch to work and returns. KT_ENOMEM, KT_EINVAL, KT_ESTATE: it is not in work.
    kt_err_t (*submit)(kt_gpu_context_t *self, uint32_t slot, const kt_gpu_batch_t *batch);
    kt_err_t (*poll)(kt_gpu_context_t *self, uint32_t slot, bool *done);  // never waits
    kt_err_t (*state)(kt_gpu_context_t *self, kt_gpu_state_t *out);       // may ask the driver: a few ms
    uint64_t (*pool_bytes)(const kt_gpu_context_t *self);                 // device memory that the slots have taken
    const char *(*why)(const kt_gpu_context_t *self);
    // Peaks of one part from a batch's results into the caller's list. KT_ENOMEM, KT_EIO: not what a kernel writes.
    kt_err_t (*peaks)(const void *results, const kt_gpu_layout_t *layout, kt_gpu_peaks_t which,
                      const kt_gpu_part_t *part, unsigned per_octave, kt_pitches_t *out);
} kt_gpu_backend_t;

typedef const kt_gpu_backend_t *kt_gpu_backend_fn(void);
