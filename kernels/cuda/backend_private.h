// The inside of a context: backend.c (devices, life), backend_batch.c (a batch's way through a slot, whatever its kind)
// and one launcher per kind of work: backend_frames.c, backend_images.c, backend_cqt.c,
// backend_columns.c, backend_bass.c, backend_cents.c, backend_source.c, backend_derived.c.
#pragma once

#include "kernels/cuda/backend_nvml.h"
#include "kernels/cuda/kt_cuda.h"
#include "kernels/gpu/abi.h"

#include <stdatomic.h>

enum { KT_GPU_PLANS = 16, KT_GPU_TAPS = 16 };

// Tables of one configuration; the least recently used one that no slot uses makes room for a new one.
typedef struct kt_gpu_plan {
    kt_frontend_opts_t opts;
    kt_plan_t         *plan;      // NULL: this place is free
    kt_cuda_plan_t    *cuda;      // NULL: the device cannot have it, which is remembered so that it is not tried again
    uint64_t           used;      // when last: number of the batch
    uint32_t           refusals;  // launches that CUDA refused since the last one that it took
} kt_gpu_plan_t;

// A table of the resampler (kernels/audio/polyphase.h) on the device.
typedef struct kt_gpu_taps {
    uint32_t from_hz, to_hz;  // 0: this place is free
    uint32_t phases, step, reach;
    float   *taps;
} kt_gpu_taps_t;

typedef struct kt_gpu_lane {
    cudaStream_t    stream;
    cudaEvent_t     done;
    char           *in;    // pinned
    char           *out;   // pinned
    char           *side;  // pinned: tables of a batch that the host makes
    size_t          side_bytes;
    char           *slab;  // device: input, side, results, work
    size_t          slab_bytes;
    atomic_bool     busy;  // from submit to the end of wait
    kt_gpu_plan_t  *plan;  // of frames; NULL: none in use
    kt_gpu_shape_t  shape;
    kt_gpu_layout_t layout;
    uint32_t        wanted;
    char           *results;  // in the slab
} kt_gpu_lane_t;

struct kt_gpu_context {
    kt_gpu_context_opts_t opts;
    uint32_t              processors;
    kt_gpu_lane_t         lanes[KT_GPU_SLOTS_MAX];
    kt_gpu_plan_t         plans[KT_GPU_PLANS];
    kt_gpu_taps_t         taps[KT_GPU_TAPS];
    uint64_t              batches, pool_bytes, kept_bytes;
    cudaStream_t          keeper;  // memory of kept samples
    char                 *host;    // kt_gpu_buffers_t
    kt_gpu_nvml_t        *nvml;
    char                  why[KT_GPU_WHY];
};

// A batch on its way into a slot.
typedef struct kt_gpu_job {
    kt_gpu_context_t     *context;
    kt_gpu_lane_t        *lane;
    const kt_gpu_batch_t *batch;
    size_t                side_bytes, work_bytes;           // the launcher's need
    size_t                side_at, out_at, work_at, bytes;  // offsets into the slab; input is at 0
    uint32_t              run_frames, n_runs, n_banks;      // of frames
    size_t                rows_at;  // within work: mel rows of rises, spectra of the bass, tiles
                                    // of the true peak
    size_t banks_at;                // within side, behind the runs: tables
} kt_gpu_job_t;

// The backend's half of a kind of work.
typedef struct kt_gpu_launcher {
    kt_err_t (*prepare)(kt_gpu_job_t *job);                  // side_bytes and work_bytes; NULL: both are 0
    void (*fill_side)(const kt_gpu_job_t *job, char *side);  // NULL: the kind has no tables of a batch
    kt_err_t (*launch)(const kt_gpu_job_t *job);             // onto the lane's stream; KT_EIO: CUDA refused
} kt_gpu_launcher_t;
extern const kt_gpu_launcher_t kt_gpu_frontend_launcher, kt_gpu_chroma_launcher, kt_gpu_image_launcher,
    kt_gpu_cqt_launcher, kt_gpu_columns_launcher, kt_gpu_rises_launcher, kt_gpu_bass_launcher, kt_gpu_cents_launcher,
    kt_gpu_source_launcher, kt_gpu_derived_launcher;

// Results of a section on the device; NULL: not wanted.
static inline void *
kt_gpu_section(const kt_gpu_lane_t *lane, uint32_t section)
{
    return lane->wanted >> section & 1 ? lane->results + lane->layout.at[section] : NULL;
}

// What a failed call means, with the reason in why: KT_ENOMEM; KT_ESTATE if the device itself failed, as later calls
// fail too; else KT_EINVAL, which concerns this batch alone. Any thread.
KT_MUST_USE kt_err_t kt_gpu_judge(const kt_gpu_context_t *self, cudaError_t error, const char *what,
                                  char why[KT_GPU_WHY]);
// The same with the context's own `why`, for the thread that submits.
KT_MUST_USE kt_err_t kt_gpu_failed(kt_gpu_context_t *self, cudaError_t error, const char *what);

// Device memory of a lane, which grows as long as max_bytes allows; what is in use on the lane's stream stays until
// then.
KT_MUST_USE kt_err_t kt_gpu_slab(kt_gpu_context_t *self, kt_gpu_lane_t *lane, size_t bytes);
// backend_frames.c. The tables of a configuration, made when it is first used: KT_EINVAL (the device cannot have it, or
// refuses it), KT_ENOMEM, KT_ESTATE.
KT_MUST_USE kt_err_t kt_gpu_context_plan(kt_gpu_context_t *self, const kt_frontend_opts_t *opts, kt_gpu_plan_t **out);
// How long the batch's runs are: short where it has few frames, so that all processors have some. The results are the
// same.
uint32_t kt_gpu_run_frames(const kt_gpu_job_t *job);
// A batch of this plan was launched, or CUDA refused it; a plan that is refused repeatedly is given
// up.
void                 kt_gpu_plan_launched(kt_gpu_plan_t *plan, kt_err_t err);
KT_MUST_USE kt_err_t kt_gpu_submit(kt_gpu_context_t *self, uint32_t slot, const kt_gpu_batch_t *batch);
KT_MUST_USE kt_err_t kt_gpu_wait_slot(kt_gpu_context_t *self, uint32_t slot, char why[KT_GPU_WHY]);
