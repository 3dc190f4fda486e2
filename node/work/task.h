// kt_item -- one file that a coordinator has given to this node, from BATCH to ACK, and the table of them all. The
// table and every member is the link thread's, but for what is said otherwise: an item that is with a worker (WAITING
// or STARTED) comes back by its `finished` ticket, and nobody frees it before.
#pragma once

#include "common/digest.h"
#include "common/err.h"
#include "proto/wire.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_ITEMS_MAX = 8192, KT_ITEM_BUCKETS = 4096, KT_OUTCOME_STAGES = 8, KT_OUTCOME_DETAIL = 512 };

typedef enum kt_item_stage { KT_ITEM_WAITING, KT_ITEM_STARTED, KT_ITEM_KEPT } kt_item_stage_t;

// What became of an attempt; the worker's until its ticket.
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

typedef struct kt_item kt_item_t;

// What a worker says of an item, pushed by pointer; two a life, so that nothing is allocated for them.
typedef struct kt_ticket {
    kt_item_t *item;
    bool       finished;  // else: it begins
} kt_ticket_t;

struct kt_item {
    kt_item_t      *chain, *next, *previous;  // bucket; list of all in the table
    uint64_t        job;
    uint32_t        run, attempt;
    size_t          coordinator;  // who gave it last
    bool            orphan;       // that one was away meanwhile: all others are told of it, too
    char           *body;         // the input message; constant
    size_t          body_bytes;
    uint64_t        deadline_ms;  // longest time from its start
    bool            solo;
    bool            alone;   // nothing else may be in work meanwhile
    bool            parked;  // alone, and not with a worker yet
    kt_item_stage_t stage;
    bool            detached;   // out of the table: goes when its worker gives it back
    _Atomic bool    cancelled;  // link sets, worker reads
    int64_t         started_ms, sent_ms;
    kt_ticket_t     started, finished;
    kt_outcome_t    outcome;
};

typedef struct kt_items {
    kt_item_t *buckets[KT_ITEM_BUCKETS];
    kt_item_t *first, *last;        // in the order of arrival
    size_t     n, n_kept, n_alone;  // n_alone: of those that are not kept
} kt_items_t;

kt_item_t *kt_items_find(const kt_items_t *self, uint64_t job, uint64_t run);
// A new one, WAITING. KT_EFULL (KT_ITEMS_MAX), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_items_add(kt_items_t *self, const kt_wire_work_t *work, size_t coordinator, kt_item_t **out);
void                 kt_items_keep(kt_items_t *self, kt_item_t *item);       // its outcome is there
void                 kt_items_detach(kt_items_t *self, kt_item_t *item);     // out of the table; a worker has it
void                 kt_items_forget(kt_items_t *self, kt_item_t **item_p);  // out of the table, and freed
void                 kt_item_destroy(kt_item_t **self_p);                    // one that is in no table
void                 kt_items_fini(kt_items_t *self);                        // no worker has any
