// kt_threads -- the worker threads of a node: each takes one task at a time from a queue, analyses it (in a process of
// its own if the task is isolated) and returns an event when it starts and one when it is finished. Made, read and
// joined by the link thread.
//
// With GPUs a file rests while a device computes its rows, and its worker thread takes the next task. As many further
// threads, the finishers, take the files whose rows are there. So twice as many files may be in work as there are
// workers.
#pragma once

#include "common/queue.h"
#include "common/settings.h"
#include "kernels/gpu/gpus.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_threads kt_threads_t;

enum { KT_THREADS_MAX = 256 };

typedef struct kt_threads_opts {
    const kt_settings_t *settings;  // borrowed, constant from here on; ANALYZER_WORKERS threads are started
    kt_gpus_t           *gpus;      // borrowed; NULL: the CPU
    kt_queue_t          *queue;     // kt_task_t *, to the threads; borrowed
    kt_queue_t          *events;    // kt_task_event_t *, from them, with room for two per task; borrowed
} kt_threads_opts_t;

KT_MUST_USE kt_err_t kt_threads_new(kt_threads_t **self_p, const kt_threads_opts_t *opts);  // KT_ENOMEM, KT_ESYSTEM
// Closes the queue, which ends each thread after what is in it. False: one does not end within timeout_ms in all.
KT_MUST_USE bool kt_threads_join(kt_threads_t *self, int64_t timeout_ms);
void             kt_threads_destroy(kt_threads_t **self_p);  // all threads are joined

// A counter per thread that grows while its file advances; returns their number, at most KT_THREADS_MAX.
size_t kt_threads_progress(const kt_threads_t *self, uint64_t out[KT_THREADS_MAX]);
