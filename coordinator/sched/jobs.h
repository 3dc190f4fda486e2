// Jobs of the scheduler: memory, the map by id, the lists, and the transition table.
#pragma once

#include "coordinator/sched/state.h"

// Room for `more` jobs, so that taking them cannot fail within the step.
KT_MUST_USE kt_err_t kt_sjobs_reserve(kt_sched_t *self, size_t more);
void                 kt_sjobs_fini(kt_sched_t *self);

kt_sjob_t *kt_sjob_find(const kt_sched_t *self, kt_run_id_t id);  // NULL when unknown
// A new one, in no list yet: one of the moves below follows.
kt_sjob_t *kt_sjob_take(kt_sched_t *self, kt_run_id_t id, bool claimed);
void       kt_sjob_forget(kt_sched_t *self, kt_sjob_t *job);  // drops its tags, out of all lists
void       kt_sjob_own(kt_sched_t *self, kt_sjob_t *job, bool claimed);
bool       kt_sjob_is_done(const kt_sched_t *self, kt_run_id_t id);  // best effort: false does not prove the opposite
void       kt_sjob_set_done(kt_sched_t *self, kt_run_id_t id);

// Moves out of whatever list it is in; counts follow.
void kt_sjob_to_ready(kt_sched_t *self, kt_sjob_t *job, bool front);
void kt_sjob_to_node(kt_sched_t *self, kt_sjob_t *job, kt_snode_t *node, bool running, bool solo);
void kt_sjob_to_ledger(kt_sched_t *self, kt_sjob_t *job, kt_sjob_state_t state);

bool kt_sjob_suspect(const kt_sjob_t *job);  // runs alone in a process next time
bool kt_sjob_offered(const kt_sjob_t *job, kt_node_handle_t node);

// What can happen to a job; the table [state][happening] is in sched_table.c.
typedef enum kt_sjob_happening {
    SJOB_ON_CLAIMED,   // claim
    SJOB_ON_STARTED,   // node, attempt
    SJOB_ON_SUCCESS,   // node, attempt, tag
    SJOB_ON_FAILURE,   // node, attempt, err, tag
    SJOB_ON_HELD,      // node, attempt, running: found in its beat
    SJOB_ON_LOST,      // its node is lost; exonerated: another file is the more likely cause
    SJOB_ON_RETURNED,  // its node does not have it (any more); no blame
    SJOB_ON_EXPIRED,   // the attempt took too long
    SJOB_ON_STORED,    // how: the success was answered
    SJOB_ON_FAILED,    // how: the failure was answered
    SJOB_ON_CANCEL,
    SJOB_ON_UNOWNED,  // the lease is gone
    SJOB_ON_AGAIN,    // ask the ledger again for what is unanswered
    SJOB_HAPPENINGS
} kt_sjob_happening_t;

typedef struct kt_sjob_what {
    const kt_sched_job_t *claim;
    kt_snode_t           *node;    // NULL: unknown node
    kt_node_handle_t      handle;  // of it
    uint32_t              attempt;
    kt_err_t              err;
    void                 *tag;
    bool                  running, exonerated;
    kt_stored_t           how;
} kt_sjob_what_t;

void kt_sjob_happens(kt_sched_t *self, kt_sjob_t *job, kt_sjob_happening_t happening, const kt_sjob_what_t *what);
// The answer to its STORE or FAIL is lost: the same again.
void kt_sjob_again(kt_sched_t *self, kt_sjob_t *job, bool failure);
