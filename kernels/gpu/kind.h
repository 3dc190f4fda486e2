// kt_gpu_kind -- the host's half of one kind of work on a GPU: what a request of it takes, how its input and results
// are copied. The other half, the launch, is the backend's (kernels/cuda/backend_private.h). Slots, admission,
// deadlines, loss of a device and statistics are the same for all kinds (private.h).
//
// A new kind: an id in abi.h, a table in kinds/, a launcher in kernels/cuda/.
#pragma once

#include "kernels/gpu/abi.h"

#include <string.h>

// Results of one part, as the collector copies them out.
typedef struct kt_gpu_results {
    const char            *bytes;  // of the batch
    const kt_gpu_layout_t *layout;
    const kt_gpu_part_t   *part;
    uint32_t               wanted;  // by this request; the batch may hold more
} kt_gpu_results_t;

// `work` is what the request points to; a part is its items first .. first + items - 1.
typedef struct kt_gpu_kind {
    kt_gpu_kind_id_t id;
    const char      *name;
    // Fills config, shape and wanted (0: there is nothing to do). Requests share a batch if their configs are equal,
    // byte for byte; the shape follows from the config.
    void (*describe)(const void *work, kt_gpu_batch_t *out);
    void (*describe_part)(const void *work, size_t first, size_t items, void *args);
    // False: the batch is full for this part. NULL: the room alone decides.
    bool (*joins)(const kt_gpu_batch_t *batch, const void *args);
    // Samples that stay on the device; the share is zeroed. NULL: the host brings all input.
    void (*share)(const void *work, size_t first, size_t items, kt_gpu_share_t *out);
    // Results that are kept on the device; zeroed. NULL: none.
    void (*stay)(const void *work, size_t first, size_t items, kt_gpu_stay_t *out);
    // Where the whole input lies in pinned memory (pinned.c), which is not copied then; NULL: nowhere. No such
    // function: nowhere.
    const char *(*pinned)(const void *work, size_t first);
    // What the host brings (kt_gpu_host_bytes).
    void (*copy_in)(const void *work, size_t first, size_t items, void *to);
    kt_err_t (*copy_out)(const void *work, size_t first, const kt_gpu_results_t *from);
} kt_gpu_kind_t;

extern const kt_gpu_kind_t kt_gpu_frontend_kind, kt_gpu_chroma_kind, kt_gpu_image_kind, kt_gpu_cqt_kind,
    kt_gpu_columns_kind, kt_gpu_rises_kind, kt_gpu_bass_kind, kt_gpu_cents_kind, kt_gpu_source_kind,
    kt_gpu_derived_kind;

// Items of a whole request, from its first one on; the kind cuts nothing, the feeder does.
typedef struct kt_gpu_request {
    const kt_gpu_kind_t *kind;
    const void          *work;
    size_t               items;
} kt_gpu_request_t;

static inline void
kt_gpu_results_copy(const kt_gpu_results_t *self, uint32_t section, size_t item_bytes, void *to)
{
    memcpy(to, self->bytes + self->layout->at[section] + self->part->first * item_bytes,
           self->part->items * item_bytes);
}
