// kt_gpu_backend -- the functions that libkithara-cuda.so exports to the node as one table, so that the same program
// runs where there is no CUDA. The library is loaded at run time by kernels/gpu/load.c and exports one symbol,
// KT_GPU_BACKEND_SYMBOL. Plain C on both sides, no CUDA type; tests have tables of their own.
//
// A context is one GPU with a few slots. A slot is a pinned buffer for input, a pinned buffer for results, device
// memory for both and a stream, so that one slot's copies overlap with another's kernels. A batch in a slot is of one
// kind (kernels/gpu/kinds/), and only the kind's two halves, there and in the backend, interpret its bytes. All
// calls on a context come from one thread at a time, a feeder's (kernels/gpu/feeder.c), but `wait` (collector.c) and
// `state` (watch.c), which have a thread of their own.
//
// KT_ESTATE means that the device can no longer be trusted (a sticky error): the context can only be closed. KT_ENOMEM
// and KT_EINVAL concern one batch alone. `why` returns the reason of submit's last error, "" where there is no more to
// say.
#pragma once

#include "common/err.h"
#include "kernels/gpu/layout.h"
#include "kernels/gpu/samples.h"

enum {
    KT_GPU_ABI          = 13,
    KT_GPU_TEXT         = 96,
    KT_GPU_WHY          = 256,
    KT_GPU_SLOTS_MAX    = 8,
    KT_GPU_PARTS        = 64,
    KT_GPU_CONFIG_BYTES = 64,
    KT_GPU_ARGS_BYTES   = 16
};
#define KT_GPU_BACKEND_SYMBOL "kithara_gpu_backend"

typedef struct kt_gpu_about {
    char     name[64];           // "NVIDIA H200"
    char     uuid[KT_GPU_TEXT];  // "GPU-..." or "MIG-..."
    char     arch[16];           // "sm_90"
    uint64_t memory_bytes;
} kt_gpu_about_t;

typedef struct kt_gpu_context_opts {
    int      device;      // 0 .. count - 1
    uint32_t slots;       // 2 .. KT_GPU_SLOTS_MAX
    size_t   in_bytes;    // pinned input per slot, a multiple of KT_GPU_ALIGN_BYTES
    size_t   out_bytes;   // pinned results per slot, likewise
    size_t   host_bytes;  // pinned memory beside the slots'
    uint64_t max_bytes;   // device memory that the slots may take together, without what `keep` takes
    bool     growth;      // it is taken as batches need it, not at once
} kt_gpu_context_opts_t;

// The pinned memory of the slots. It stays where it is until close.
typedef struct kt_gpu_buffers {
    char *input[KT_GPU_SLOTS_MAX];  // of the slot's next batch, not to be written between submit and the end
    const char
         *results[KT_GPU_SLOTS_MAX];  // of the slot's last batch, laid out by kt_gpu_layout, until the next submit
    char *host;                       // host_bytes, for inputs of parts; NULL: there are none
} kt_gpu_buffers_t;

typedef enum kt_gpu_kind_id {
    KT_GPU_FRONTEND,
    KT_GPU_CHROMA,
    KT_GPU_IMAGE,
    KT_GPU_CQT,
    KT_GPU_COLUMNS,
    KT_GPU_RISES,
    KT_GPU_BASS,
    KT_GPU_CENTS,
    KT_GPU_SOURCE,
    KT_GPU_DERIVED,
    KT_GPU_KINDS
} kt_gpu_kind_id_t;

// What a configuration takes and gives, per part and per item (a frame, a picture, some columns).
typedef struct kt_gpu_shape {
    size_t           first_bytes, next_bytes;  // input of a part's first item, and of each further one
    kt_gpu_section_t section[KT_GPU_SECTIONS];
} kt_gpu_shape_t;

// A run of items of one request.
typedef struct kt_gpu_part {
    size_t         in;            // byte offset of its input, a multiple of KT_GPU_ALIGN_BYTES
    uint32_t       first, items;  // its items among those of the batch
    kt_gpu_share_t share;
    kt_gpu_stay_t  stay;
    const char    *pinned;  // its whole input, in `host`, until the batch ends; NULL: it is in the slot's input
    _Alignas(8) unsigned char args[KT_GPU_ARGS_BYTES];  // the kind's, zero beyond
} kt_gpu_part_t;

typedef struct kt_gpu_batch {
    kt_gpu_kind_id_t kind;
    uint32_t         wanted;  // bit i: section i
    kt_gpu_shape_t   shape;
    _Alignas(8) unsigned char config[KT_GPU_CONFIG_BYTES];  // the kind's, zero beyond; one for all parts
    const kt_gpu_part_t *parts;                             // borrowed during the call
    uint32_t             n_parts, items;
    size_t               in_bytes, host_bytes;  // of the input; of it, what the host brings
} kt_gpu_batch_t;

// Of a part's input.
static inline size_t
kt_gpu_part_bytes(const kt_gpu_shape_t *shape, uint32_t items)
{
    return shape->first_bytes + (items - 1) * shape->next_bytes;
}

// Of those, what the host brings.
static inline size_t
kt_gpu_host_bytes(const kt_gpu_shape_t *shape, const kt_gpu_part_t *part)
{
    const bool reads = part->share.kept && !part->share.fills;
    return reads ? part->share.skip : kt_gpu_part_bytes(shape, part->items);
}

// State of the device as NVML and CUDA report it; -1 or 0: unknown.
typedef struct kt_gpu_state {
    int      percent, celsius, xid;                  // xid: of the last critical event, 0: none
    bool     is_fatal;                               // the device does not recover from that event
    uint64_t memory_used_bytes, memory_total_bytes;  // of the device, by all processes
} kt_gpu_state_t;

typedef struct kt_gpu_context kt_gpu_context_t;

typedef struct kt_gpu_backend {
    uint32_t    abi;   // KT_GPU_ABI
    const char *name;  // "cuda"; "cuda-sim" of tests
    // Devices of this host. `devices` is the setting: the first call may make the ones it names visible. KT_ENOTFOUND
    // (and why): no driver, none that is new enough, no device.
    kt_err_t (*count)(const char *devices, int *n, char why[KT_GPU_WHY]);
    kt_err_t (*describe)(int device, kt_gpu_about_t *out);
    // KT_ENOMEM, KT_ESTATE, KT_ENOTFOUND; why is the reason.
    kt_err_t (*open)(kt_gpu_context_t **self_p, const kt_gpu_context_opts_t *opts, kt_gpu_buffers_t *buffers,
                     char why[KT_GPU_WHY]);
    // After the last call of `state`. Waits for batches in flight, except on a device that failed.
    void (*close)(kt_gpu_context_t **self_p);
    // Device memory for kept samples, zeros, beside that of the slots. Both are called by the thread that submits; no
    // batch in flight uses what is dropped. KT_ENOMEM. NULL: the backend keeps nothing.
    kt_err_t (*keep)(kt_gpu_context_t *self, size_t bytes, void **memory);
    void (*drop)(kt_gpu_context_t *self, void *memory, size_t bytes);
    // Starts the batch and returns. KT_ENOMEM, KT_EINVAL (also: a kind that the backend lacks), KT_ESTATE: not started.
    kt_err_t (*submit)(kt_gpu_context_t *self, uint32_t slot, const kt_gpu_batch_t *batch);
    // Blocks until the batch of this slot, which was submitted, is over; no other call on the context waits for it. On
    // an error too the slot can be used again, except after KT_ESTATE.
    kt_err_t (*wait)(kt_gpu_context_t *self, uint32_t slot, char why[KT_GPU_WHY]);
    // May take long: it calls the driver. One thread at a time, any. KT_ESTATE: CUDA says that the device failed.
    kt_err_t (*state)(kt_gpu_context_t *self, kt_gpu_state_t *out, char why[KT_GPU_WHY]);
    uint64_t (*pool_bytes)(const kt_gpu_context_t *self);  // device memory that slots and kept samples take
    const char *(*why)(const kt_gpu_context_t *self);
} kt_gpu_backend_t;

typedef const kt_gpu_backend_t *kt_gpu_backend_fn(void);
