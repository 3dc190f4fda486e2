// One GPU behind kt_gpus: its slots and the threads that serve it. The feeders (feeder.c) take requests from a queue,
// copy their input into slots and submit them, in the order of the queue; the collector (collector.c) waits for the
// batches in their order and copies their results out; the watcher (watch.c) asks for the device's health. Who posts a
// request (ticket.c) waits for nothing.
//
// States of a slot: FREE -> FILLING (a feeder copies input in, without the lock) -> SENDING (it submits, without the
// lock) -> FLYING -> COLLECTING (the collector copies results out, without the lock) -> FREE. The lock guards
// everything else.
//
// A batch is sent as soon as a slot is free and, if it is not full, fewer than KT_GPU_EAGER are in flight. So requests
// gather exactly while the device is busy, and no timer holds one back.
//
// The queue is in the order of the requests. With those that a thread waits for before those of files that rest,
// batches are smaller, and the model's H200 beside 64 cores makes 151 files per second where it makes 182 now
// (ops/bench gpu-node).
#pragma once

#include "kernels/gpu/choice.h"
#include "kernels/gpu/gpus.h"
#include "kernels/gpu/ticket.h"

#include <pthread.h>

// EAGER: one batch computes while the next one is copied. FEEDERS: one thread copies 8 GB/s, and an H200 beside 64
// cores is sent 6 on average (ops/bench gpu-node).
// PACES: configurations whose times are known; a node has seven.
// PINNED: the most blocks for pieces of streams; each holds one of stereo in float up to 96 kHz.
enum { KT_GPU_SLOTS = 4, KT_GPU_EAGER = 2, KT_GPU_FEEDERS = 3, KT_GPU_PACES = 16 };
enum { KT_GPU_PINNED = 192, KT_GPU_PINNED_BYTES = 9 << 17 };

typedef enum kt_gpu_slot_state {
    SLOT_FREE,
    SLOT_FILLING,
    SLOT_SENDING,
    SLOT_FLYING,
    SLOT_COLLECTING
} kt_gpu_slot_state_t;

typedef struct kt_gpu_slot {
    kt_gpu_slot_state_t state;
    kt_gpu_batch_t      batch;
    kt_gpu_part_t       parts[KT_GPU_PARTS];
    kt_gpu_ticket_t    *tickets[KT_GPU_PARTS];  // of the parts
    uint32_t            n_tickets;              // 0: they are over, whatever the device still does
    size_t              firsts[KT_GPU_PARTS];   // first item of the request
    uint64_t            order;                  // of its submission: the batches' number
    char               *input;                  // pinned
    const char         *results;                // pinned
    int64_t             sent_us;
} kt_gpu_slot_t;

// How fast the device computes one configuration of a kind.
typedef struct kt_gpu_pace {
    kt_gpu_kind_id_t kind;
    unsigned char    config[KT_GPU_CONFIG_BYTES];
    kt_gpu_rate_t    rate;
    uint64_t         used;  // when last: number of the request; 0: this place is free
} kt_gpu_pace_t;

typedef struct kt_gpu {
    const kt_gpu_backend_t *backend;
    kt_gpu_context_t       *context;
    kt_gpu_about_t          about;
    kt_gpu_opts_t           opts;
    size_t                  slot_in_bytes, slot_out_bytes;
    pthread_t               feeders[KT_GPU_FEEDERS], collector, watcher;
    pthread_mutex_t         lock;
    pthread_cond_t          work;     // for the feeders
    pthread_cond_t          turn;     // for a feeder whose batch is not the next one
    pthread_cond_t          flown;    // for the collector
    pthread_cond_t          rest;     // for the watcher
    pthread_cond_t          changed;  // for who waits for a ticket or for the end
    kt_gpu_slot_t           slots[KT_GPU_SLOTS];
    kt_gpu_ticket_t        *first, *last;       // all tickets that are not over, in order
    uint32_t                attached, running;  // devices; threads
    uint32_t                waiters;            // threads in kt_gpu_ticket_await
    bool                    closing, lost, hung;
    uint32_t                n_feeders;  // started
    bool                    has_collector, has_watcher;
    char                    why[KT_GPU_WHY], refused[KT_GPU_WHY];  // of the loss; of the last refusal that was logged
    int64_t                 progress_ms;                           // of the last batch's end or beginning
    kt_gpu_state_t          state;
    uint64_t                planned, sent;  // numbers of the last batch that was begun, and submitted or given up
    uint64_t                pool_bytes, batches, parts, frames, on_cpu, in_bytes, out_bytes;
    uint64_t                keep_most, keeps;  // bytes that may be kept, and that are, those of `dropped` included
    kt_gpu_kept_t          *dropped;           // to be freed by the next feeder that submits
    char                   *pinned;            // blocks; NULL: none
    uint8_t                 free_pinned[KT_GPU_PINNED];
    size_t                  n_pinned, n_free_pinned;
    kt_gpu_pace_t           paces[KT_GPU_PACES];
    kt_gpu_rate_t           cpu;       // of files that the processor computed by choice
    int64_t                 ended_us;  // when the last batch ended
    uint64_t                posted, files, cpu_files;
} kt_gpu_t;

KT_MUST_USE kt_err_t kt_gpu_open(kt_gpu_t **self_p, const kt_gpu_opts_t *opts, int device, char why[KT_GPU_WHY]);
// Requests that are on their way end first, new ones are refused. False: the device does not answer, and a thread or
// its memory is left behind.
bool kt_gpu_close(kt_gpu_t **self_p);

// Threads, of a kt_gpu_t.
void *kt_gpu_feed(void *gpu);
void *kt_gpu_collect(void *gpu);
void *kt_gpu_watch(void *gpu);

// All of the following with the lock held.
bool kt_gpu_wait_on(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_us);  // monotonic; false: too late
bool kt_gpu_wait(kt_gpu_t *self, int64_t until_us);                                  // on `changed`
// Marks the device as lost; tickets end with KT_ESTATE, those that a thread copies for when it has copied.
void kt_gpu_lose(kt_gpu_t *self, const char *why);
// Loses a device on which no batch began or ended within the deadline.
void kt_gpu_expire(kt_gpu_t *self);
// A batch failed and the device did not: its requests are computed on the CPU. Logged once per reason.
void kt_gpu_log_refusal(kt_gpu_t *self, kt_gpu_kind_id_t kind, kt_err_t err, const char *why);
// The batch of the slot is over: its tickets get the error, if there is one, and the slot is free.
void   kt_gpu_slot_end(kt_gpu_t *self, kt_gpu_slot_t *slot, kt_err_t err);
size_t kt_gpu_slots_in(const kt_gpu_t *self, kt_gpu_slot_state_t first, kt_gpu_slot_state_t last);
// Ends the ticket if nothing of it is in a slot, and either nothing is left to send or it failed.
void kt_gpu_ticket_settle(kt_gpu_t *self, kt_gpu_ticket_t *ticket);

// pace.c. The place of a request's configuration in `paces`, and the time of a batch that ended just now.
uint32_t kt_gpu_pace_of(kt_gpu_t *self, const kt_gpu_batch_t *like);
void     kt_gpu_pace_note(kt_gpu_t *self, const kt_gpu_slot_t *slot);

// keep.c. Room for samples that stay on the device; NULL: there is none, and the requests bring theirs. The memory
// comes with the first request that fills it. drop: no request is on its way that names them. Both take the lock and
// call no driver, so a hung device does not hold the caller.
kt_gpu_kept_t *kt_gpu_keep(kt_gpu_t *self, size_t bytes);
void           kt_gpu_drop(kt_gpu_t *self, kt_gpu_kept_t **kept_p);
// Without the lock, by the thread that submits, or at the end.
void kt_gpu_free_kept(kt_gpu_t *self, kt_gpu_kept_t *list);

// pinned.c. A block of memory from which requests can be read where they are (kt_gpu_kind_t.pinned); NULL: none is free
// or large enough. give: no request is on its way that reads it. Both take the lock.
char *kt_gpu_take_pinned(kt_gpu_t *self, size_t bytes);
void  kt_gpu_give_pinned(kt_gpu_t *self, const void *memory);
bool  kt_gpu_is_pinned(const kt_gpu_t *self, const void *memory);

// warm_up.c. KT_ENOMEM; what a device refuses is logged.
KT_MUST_USE kt_err_t kt_gpu_warm_up(kt_gpu_t *const *gpus, size_t n, const kt_plan_t *plan);

// gpus.c: the GPU with the fewest workers among those that are not lost; any if all are.
kt_gpu_t *kt_gpus_attach(kt_gpus_t *self);
void      kt_gpus_detach(kt_gpu_t *gpu);
// Whose block it is; NULL: no GPU's.
kt_gpu_t *kt_gpus_pinned(kt_gpus_t *self, const void *memory);
