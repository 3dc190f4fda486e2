// kt_task -- one file that a coordinator has given to this node, from BATCH to ACK, and the table of them all. The
// table and every member is the link thread's, but for what is said otherwise: a task that is with a worker (WAITING
// or STARTED) comes back by its `finished` event, and nobody frees it before.
#pragma once

#include "common/digest.h"
#include "common/err.h"
#include "proto/wire.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_ITEMS_MAX = 8192, KT_TASK_BUCKETS = 4096, KT_OUTCOME_STAGES = 8, KT_OUTCOME_DETAIL = 512 };

typedef enum kt_task_stage { KT_TASK_WAITING, KT_TASK_STARTED, KT_TASK_KEPT } kt_task_stage_t;

// What became of an attempt; the worker's until its event.
typedef struct kt_outcome {
    kt_err_t    err;
    char        detail[KT_OUTCOME_DETAIL];
    kt_digest_t content_digest;  // zero when the file was not read
    int64_t     processing_us;
    size_t      n_stages;
    struct {
        char    name[32];
        int64_t us;
    } stages[KT_OUTCOME_STAGES];
    char  *document;  // malloc'ed
    size_t document_bytes;
} kt_outcome_t;

typedef struct kt_task kt_task_t;

// What a worker says of a task, pushed by pointer; two a life, so that nothing is allocated for them.
typedef struct kt_task_event {
    kt_task_t *task;
    bool       finished;  // else: it begins
} kt_task_event_t;

struct kt_task {
    kt_task_t      *chain, *next, *previous;  // bucket; list of all in the table
    uint64_t        job;
    uint32_t        run, attempt;
    size_t          coordinator;  // who gave it last
    bool            orphan;       // that one was away meanwhile: all others are told of it, too
    char           *body;         // the input message; constant
    size_t          body_bytes;
    uint64_t        deadline_ms;  // longest time from its start
    bool            isolated;
    bool            exclusive;  // nothing else may be in work meanwhile
    bool            parked;     // alone, and not with a worker yet
    kt_task_stage_t stage;
    bool            detached;   // out of the table: goes when its worker gives it back
    _Atomic bool    cancelled;  // link sets, worker reads
    int64_t         started_ms, sent_ms;
    kt_task_event_t started, finished;
    kt_outcome_t    outcome;
};

typedef struct kt_tasks {
    kt_task_t *buckets[KT_TASK_BUCKETS];
    kt_task_t *first, *last;            // in the order of arrival
    size_t     n, n_kept, n_exclusive;  // n_exclusive: of those that are not kept
} kt_tasks_t;

kt_task_t *kt_tasks_find(const kt_tasks_t *self, uint64_t job, uint64_t run);
// A new one, WAITING. KT_EFULL (KT_ITEMS_MAX), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_tasks_add(kt_tasks_t *self, const kt_wire_work_t *work, size_t coordinator, kt_task_t **out);
void                 kt_tasks_keep(kt_tasks_t *self, kt_task_t *task);       // its outcome is there
void                 kt_tasks_detach(kt_tasks_t *self, kt_task_t *task);     // out of the table; a worker has it
void                 kt_tasks_forget(kt_tasks_t *self, kt_task_t **item_p);  // out of the table, and freed
void                 kt_task_destroy(kt_task_t **self_p);                    // one that is in no table
void                 kt_tasks_fini(kt_tasks_t *self);                        // no worker has any
