// kt_task -- one file that a coordinator has given to this node, from BATCH to ACK, and the table of all tasks. The
// table and every member belong to the link thread, except where a comment says otherwise. A task that a worker thread
// has (WAITING or STARTED) is returned by its `finished` event and is not freed before.
#pragma once

#include "common/err.h"
#include "common/settings.h"
#include "models/catalogue/model_set.h"
#include "node/work/outcome.h"
#include "proto/wire.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_TASKS_MAX = 8192, KT_TASK_BUCKETS = 4096, KT_TASK_CREDENTIAL = 32 };

// UNACKED: finished, its outcome waits for an acknowledgement (`kept` on the wire).
typedef enum kt_task_stage { KT_TASK_WAITING, KT_TASK_STARTED, KT_TASK_UNACKED } kt_task_stage_t;

typedef struct kt_task kt_task_t;

// Pushed by pointer from a worker thread; each task holds both of its events, so that nothing is allocated for them.
typedef struct kt_task_event {
    kt_task_t *task;
    bool       finished;  // false: started
} kt_task_event_t;

struct kt_task {
    kt_task_t      *chain, *next, *previous;  // bucket; list of all tasks in the table
    uint64_t        job;
    uint32_t        run, attempt;
    char            credential[KT_TASK_CREDENTIAL];  // of the attempt; goes back with all that is said about it
    size_t          credential_bytes;
    size_t          coordinator;  // index of the one that sent it last
    bool            orphan;       // that one was disconnected since: every coordinator is sent its state
    char           *body;         // the input message; constant
    size_t          body_bytes;
    uint64_t        deadline_ms;  // limit of the attempt from its start; 0: none
    bool            isolated;     // runs in a process of its own
    bool            exclusive;    // runs while no other task does
    bool            parked;       // exclusive, and not with a worker thread yet
    kt_model_set_t *models;       // held until the outcome exists: what the file is analysed with; NULL: none
    kt_task_stage_t stage;
    bool            detached;   // removed from the table; freed when its worker thread returns it
    _Atomic bool    cancelled;  // set by the link thread, read by the worker thread
    int64_t         started_ms, sent_ms;
    kt_task_event_t started, finished;
    kt_outcome_t    outcome;  // the worker thread's until `finished`
};

typedef struct kt_tasks {
    kt_task_t *buckets[KT_TASK_BUCKETS];
    kt_task_t *first, *last;               // in order of arrival
    size_t     n, n_unacked, n_exclusive;  // n_exclusive: of those that are not UNACKED
} kt_tasks_t;

kt_task_t *kt_tasks_find(const kt_tasks_t *self, uint64_t job, uint64_t run);
// A new one, WAITING, which holds models (NULL: none). KT_EFULL (KT_TASKS_MAX), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_tasks_add(kt_tasks_t *self, const kt_wire_work_t *work, size_t coordinator,
                                  kt_model_set_t *models, kt_task_t **out);
// The attempt continues under this one's number and credential.
void       kt_task_renew(kt_task_t *task, const kt_wire_work_t *work);
kt_bytes_t kt_task_credential(const kt_task_t *task);              // borrowed
void       kt_tasks_finish(kt_tasks_t *self, kt_task_t *task);     // to UNACKED: its outcome is complete
void       kt_tasks_detach(kt_tasks_t *self, kt_task_t *task);     // out of the table; a worker thread has it
void       kt_tasks_remove(kt_tasks_t *self, kt_task_t **task_p);  // out of the table, and freed
void       kt_tasks_fini(kt_tasks_t *self);                        // no worker thread has any
void       kt_task_destroy(kt_task_t **self_p);                    // a task that is in no table

// The time limit of a task from its start: its own, at most ANALYZER_FILE_DEADLINE.
int64_t kt_task_limit_ms(const kt_task_t *self, const kt_settings_t *settings);
// Its outcome as a message element, which borrows from the task and from stages.
void kt_task_to_wire(const kt_task_t *self, kt_wire_outcome_t *out, kt_wire_stage_time_t stages[KT_OUTCOME_STAGES]);
