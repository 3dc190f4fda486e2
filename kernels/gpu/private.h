// One GPU behind kt_gpus: its slots and its actor (actor.c), its health (watch.c), and a worker's side of a request
// (request.c).
//
// States of a slot: FREE -> FILLING (workers copy their input in, each into its own part) -> SENDING (the actor
// submits, without the lock) -> FLYING -> DONE (workers copy their results out) -> FREE when the last one has left. The
// lock guards everything in a slot except the parts' input and results, which belong to the workers that hold the part.
#pragma once

#include "kernels/gpu/gpus.h"
#include "kernels/gpu/kind.h"

#include <pthread.h>

enum { KT_GPU_SLOTS = 4 };

typedef enum kt_gpu_slot_state { SLOT_FREE, SLOT_FILLING, SLOT_SENDING, SLOT_FLYING, SLOT_DONE } kt_gpu_slot_state_t;

typedef struct kt_gpu_slot {
    kt_gpu_slot_state_t state;
    kt_gpu_batch_t      batch;
    kt_gpu_part_t       parts[KT_GPU_PARTS];
    bool                full;     // a request found no room: it is sent as soon as possible
    uint32_t            writers;  // workers that copy their input in
    uint32_t            users;    // workers that hold a part
    int64_t             opened_us;
    kt_err_t            err;
    char               *input;    // pinned
    const char         *results;  // pinned
} kt_gpu_slot_t;

typedef struct kt_gpu {
    const kt_gpu_backend_t *backend;
    kt_gpu_context_t       *context;
    kt_gpu_about_t          about;
    kt_gpu_opts_t           opts;
    size_t                  slot_in_bytes, slot_out_bytes;
    pthread_t               thread, watcher;
    pthread_mutex_t         lock;
    pthread_cond_t          work;     // for the actor
    pthread_cond_t          rest;     // for the watcher
    pthread_cond_t          changed;  // for the workers
    kt_gpu_slot_t           slots[KT_GPU_SLOTS];
    uint32_t                attached, waiting, inside;  // devices; threads that wait; threads inside kt_gpu_run
    bool                    closing, lost, hung, ended, started, watched, watch_ended;
    char                    why[KT_GPU_WHY], refused[KT_GPU_WHY];  // of the loss; of the last refusal that was logged
    int64_t                 progress_ms;                           // of the last batch's end or beginning
    kt_gpu_state_t          state;
    uint64_t                pool_bytes, batches, parts, frames, on_cpu;
} kt_gpu_t;

KT_MUST_USE kt_err_t kt_gpu_open(kt_gpu_t **self_p, const kt_gpu_opts_t *opts, int device, char why[KT_GPU_WHY]);
// False: the device does not answer, and a thread or its memory is left behind.
bool kt_gpu_close(kt_gpu_t **self_p);
// watch.c: the watcher's thread, of a kt_gpu_t.
void *kt_gpu_watch(void *gpu);
bool  kt_gpu_wait_on(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_us);
// With the lock held: waits on `changed`, at most until then (monotonic). False: too late.
bool kt_gpu_wait(kt_gpu_t *self, int64_t until_us);
// With the lock held: marks the device as lost; all waiting requests get KT_ESTATE.
void kt_gpu_lose(kt_gpu_t *self, const char *why);

// Blocks until the results are there. On any error they are not valid: KT_ESTATE (lost), KT_ECLOSED, KT_ENOMEM,
// KT_EINVAL (an item that fits no slot, a configuration that the backend does not have).
KT_MUST_USE kt_err_t kt_gpu_run(kt_gpu_t *self, const kt_gpu_request_t *request);

// gpus.c: the GPU with the fewest workers among those that are not lost; any if all are.
kt_gpu_t *kt_gpus_attach(kt_gpus_t *self);
void      kt_gpus_detach(kt_gpu_t *gpu);
