// kt_work -- the files that a node holds: the table of tasks, the queues to and from the worker threads, and the rule
// that an exclusive task runs alone. It has no connections and sends nothing. Link thread.
#pragma once

#include "common/queue.h"
#include "common/settings.h"
#include "node/work/task.h"
#include "node/work/threads.h"

typedef struct kt_work {
    kt_tasks_t    tasks;
    size_t        n_detached;  // cancelled, still with a worker thread
    double        mean_us;     // moving mean of the processing time per file; 0: none finished yet
    kt_queue_t   *queue;       // kt_task_t *, to the worker threads
    kt_queue_t   *events;      // kt_task_event_t *, from them; its descriptor is readable when kt_work_events has work
    kt_threads_t *threads;     // NULL until kt_work_start
} kt_work_t;

KT_MUST_USE kt_err_t kt_work_init(kt_work_t *self);  // zeroed memory; KT_ENOMEM, KT_ESYSTEM
void                 kt_work_fini(kt_work_t *self);  // the threads are joined
// Starts the threads; settings and gpus are borrowed. KT_OK when they run already. kt_threads_new's errors.
KT_MUST_USE kt_err_t kt_work_start(kt_work_t *self, const kt_settings_t *settings, kt_gpus_t *gpus);
// Cancels every task and joins the threads. False: one does not end in time, so nothing may be freed.
KT_MUST_USE bool kt_work_stop(kt_work_t *self, int64_t timeout_ms);

size_t kt_work_in_flight(const kt_work_t *self);  // waiting, started or detached
// Adds a task and passes it to the threads; an exclusive one is parked. It holds models (NULL: none). KT_EFULL,
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_work_add(kt_work_t *self, const kt_wire_work_t *work, size_t coordinator,
                                 kt_model_set_t *models);
// Removes a task: now, or when its worker thread returns it.
void kt_work_cancel(kt_work_t *self, kt_task_t *task);
void kt_work_unpark(kt_work_t *self);  // starts the parked task once nothing else is in flight

// Applies the pending events, at most KT_WORK_EVENTS, and calls `changed` (NULL: not) after each for a task that is in
// the table: its stage is STARTED or UNACKED now.
enum { KT_WORK_EVENTS = 1024 };
typedef void kt_task_changed_fn(void *context, kt_task_t *task);
void         kt_work_events(kt_work_t *self, int64_t now_ms, kt_task_changed_fn *changed, void *context);

// A started task that is more than grace_ms past its limit: its thread does not stop. NULL: none.
const kt_task_t *kt_work_stuck(const kt_work_t *self, const kt_settings_t *settings, int64_t now_ms, int64_t grace_ms);
