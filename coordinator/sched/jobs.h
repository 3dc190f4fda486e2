// Jobs of the scheduler: memory, the map by id, the lists, and the transition table.
#pragma once

#include "coordinator/sched/state.h"

// Room for `more` jobs, so that taking them cannot fail within the step.
KT_MUST_USE kt_err_t kt_sched_jobs_reserve(kt_sched_t *self, size_t more);
void                 kt_sched_jobs_fini(kt_sched_t *self);

kt_sched_job_t *kt_sched_job_find(const kt_sched_t *self, kt_run_id_t id);  // NULL when unknown
// A new one, in no list yet: one of the moves below follows.
kt_sched_job_t *kt_sched_job_take(kt_sched_t *self, kt_run_id_t id, bool claimed);
void            kt_sched_job_remove(kt_sched_t *self, kt_sched_job_t *job);  // drops its tags, out of all lists
void            kt_sched_job_own(kt_sched_t *self, kt_sched_job_t *job, bool claimed);
bool kt_sched_job_is_done(const kt_sched_t *self, kt_run_id_t id);  // best effort: false does not prove the opposite
void kt_sched_job_set_done(kt_sched_t *self, kt_run_id_t id);

// Moves out of whatever list it is in; counts follow.
void kt_sched_job_to_ready(kt_sched_t *self, kt_sched_job_t *job, bool front);
void kt_sched_job_to_node(kt_sched_t *self, kt_sched_job_t *job, kt_sched_node_t *node, bool running, bool isolated);
void kt_sched_job_to_ledger(kt_sched_t *self, kt_sched_job_t *job, kt_sched_job_state_t state);

// It failed on that name in a way that may be of the node; NULL: no doubt any more. Not while it is READY.
void kt_sched_job_doubt(kt_sched_job_t *job, kt_node_name_t *name, kt_err_t err);
bool kt_sched_job_suspect(const kt_sched_job_t *job);  // runs alone in a process next time
bool kt_sched_job_waits_ack(const kt_sched_job_t *job, kt_node_handle_t node);

// What can happen to a job; the table [state][happening] is in sched_table.c.
typedef enum kt_sched_job_happening {
    KT_SCHED_JOB_ON_CLAIMED,   // claim
    KT_SCHED_JOB_ON_STARTED,   // node, attempt
    KT_SCHED_JOB_ON_SUCCESS,   // node, attempt, tag
    KT_SCHED_JOB_ON_FAILURE,   // node, attempt, err, tag
    KT_SCHED_JOB_ON_HELD,      // node, attempt, running: found in its beat
    KT_SCHED_JOB_ON_LOST,      // its node is lost; exonerated: another file is the more likely cause
    KT_SCHED_JOB_ON_RETURNED,  // its node does not have it (any more); no blame
    KT_SCHED_JOB_ON_EXPIRED,   // the attempt took too long; stalled: its node made no progress, or ended nothing
    KT_SCHED_JOB_ON_STORED,    // how: the success was answered
    KT_SCHED_JOB_ON_FAILED,    // how: the failure was answered
    KT_SCHED_JOB_ON_CANCEL,
    KT_SCHED_JOB_ON_UNOWNED,  // the lease is lost
    KT_SCHED_JOB_ON_AGAIN,    // post the open request again
    KT_SCHED_JOB_EVENTS
} kt_sched_job_event_t;

typedef struct kt_sched_job_what {
    const kt_sched_claim_t *claim;
    kt_sched_node_t        *node;    // NULL: unknown node
    kt_node_handle_t        handle;  // of it
    uint32_t                attempt;
    kt_err_t                err;
    void                   *tag;
    bool                    running, exonerated, stalled;
    kt_stored_t             how;
} kt_sched_job_args_t;

void kt_sched_job_apply(kt_sched_t *self, kt_sched_job_t *job, kt_sched_job_event_t event,
                        const kt_sched_job_args_t *args);
// The answer to its STORE or FAIL is lost: the same again.
void kt_sched_job_again(kt_sched_t *self, kt_sched_job_t *job, bool failure);
