// Scheduler internals shared by sched/*.c. Every job is in exactly one list: the ready list, the list of its node, or
// the list of jobs waiting for the ledger.
#pragma once

#include "common/assert.h"
#include "common/heap.h"
#include "coordinator/sched/limits.h"
#include "coordinator/sched/scheduler.h"

typedef enum kt_sched_job_state {
    KT_SCHED_JOB_READY,    // claimed, not assigned
    KT_SCHED_JOB_SENT,     // sent to a node, not started
    KT_SCHED_JOB_RUNNING,  // started on the node
    KT_SCHED_JOB_STORING,  // a success is being stored
    KT_SCHED_JOB_FAILING,  // a final failure is being stored
    KT_SCHED_JOB_NEW,      // allocated, in no list yet; never between two steps
    KT_SCHED_JOB_STATES
} kt_sched_job_state_t;

typedef struct kt_sched_job  kt_sched_job_t;
typedef struct kt_sched_node kt_sched_node_t;
typedef struct kt_node_name  kt_node_name_t;

typedef struct kt_sched_job_list {
    kt_sched_job_t *first, *last;
    size_t          count;
} kt_sched_job_list_t;

struct kt_sched_job {
    kt_run_id_t          id;
    kt_sched_job_state_t state;
    bool                 claimed;   // covered by our lease; else known from a node, or its success waits for the ledger
    bool                 isolated;  // READY: among the suspects; SENT, RUNNING: sent to run alone in a process
    bool                 store_pending;  // a STORE is not yet answered
    bool                 fail_pending;   // a FAIL is not yet answered
    bool                 bad_data;       // RUNNING: done there, but its document cannot be stored; NACK was sent
    bool                 bare;           // FAILING: a document with the ids of the message cannot be stored either
    kt_sched_job_t      *hash_next, *prev, *next;
    kt_sched_node_t     *node;          // SENT, RUNNING
    uint64_t             batch;         // SENT, RUNNING: its number; 0 when it was found in a beat
    uint64_t             seen_beat;     // last beat of the node that had it
    int64_t              missing_ms;    // first beat of the node that did not have it; 0: none
    int64_t              since_ms;      // sent or started
    uint32_t             attempt;       // of the wire: a number for each sending, so that old answers are known as old
    uint32_t             last_attempt;  // greatest one used
    uint32_t             over_attempt;  // an attempt known to be over, 0: none
    uint32_t             blames;        // failed attempts, durable ones of earlier coordinators included
    uint32_t             crashes;       // of them: lost with its node
    uint32_t             excused;       // lost with a node that had other suspects
    uint32_t             lost_unstarted;  // lost with a node before STARTED arrived
    uint32_t             stalls;          // taken back from stalled nodes although it had started
    char                 taken_from[64];  // name of the last node that it was taken back from for want of results; ""
    uint32_t             cost_ms;
    // On which it failed in a way that may be of the node, and another that agrees, if a third is asked; NULL: none.
    kt_node_name_t  *doubt, *agrees;
    const char      *avoid;  // name of a node that should not have it next (compared, never read)
    int64_t          avoid_until_ms, doubt_until_ms;
    kt_err_t         err, doubt_err;  // FAILING; of the doubt
    void            *tag, *payload, *document;
    kt_node_handle_t waiting_ack[SCHED_WAITING_ACK];  // nodes that keep the outcome until they get an ACK
    uint32_t         n_waiting_ack, outcome_attempt;
};

struct kt_node_name {
    char            text[64];
    bool            drained, many_refuters;
    uint32_t        proven;   // slots that it is believed to have, after it ended nothing for long; 0: all
    uint32_t        crashes;  // in a row, of files that were not suspect
    kt_run_id_t     last_crash;
    size_t          nodes, doubts;  // doubts: files with a doubt about it
    uint32_t        refuted, good;  // of its last outcomes: failures that others refuted, successes
    const char     *refuter;        // name of the last one (compared, never read)
    kt_node_name_t *next;
};

struct kt_sched_node {
    kt_heap_entry_t     timer;  // first: the heap's entry is the node
    kt_node_handle_t    handle;
    uint64_t            incarnation;
    kt_node_name_t     *name;
    bool                lost, leaving, refused, is_ready, counted;
    uint32_t            slots, free, credit, capacity, counted_capacity, kept, loose_beats;
    uint32_t            speed;             // measured, in thousandths: predicted cost over time taken
    double              cost_ms, took_ms;  // moving sums behind it
    uint64_t            counted_weight;    // its part of sched.weight
    size_t              n_running, n_isolated;
    kt_sched_job_list_t items;
    uint64_t            last_batch, seen_batch, beat, progress, done, failed;
    uint64_t            ended, ended_before;  // files given by this coordinator that it ended; at the last BEAT
    uint32_t            recent;               // of them in the last BEATs: halved with each
    uint32_t            claimed;              // files that it says that it can hold, of its last BEAT
    uint64_t            believed;             // files that it may have: of the last BEAT, and those that it ended since
    bool                stalled;              // loses its files and gets none before there is progress
    bool                hoards;               // lost files and has ended nothing since: a file per slot
    uint32_t            longest_ms;           // attempt that it ended; decays by a sixteenth with each file
    int64_t             heard_ms, progress_ms;
    int64_t             ended_ms;  // a file ended there, or it got its first one
    kt_sched_node_t    *hash_next, *prev, *next, *ready_nodes_prev, *ready_nodes_next;
};

typedef struct kt_sched_job_chunk kt_sched_job_chunk_t;

struct kt_sched {
    kt_sched_opts_t opts;
    kt_actions_t   *out;  // of this step
    int64_t         now_ms;
    int64_t         last_ms;  // of the step before; 0: none
    // jobs
    kt_sched_job_t      **buckets;
    size_t                n_buckets, n_jobs, n_spare, n_open, counts[KT_SCHED_JOB_STATES];
    kt_sched_job_t       *spare;
    kt_sched_job_chunk_t *chunks;
    kt_sched_job_list_t   ready, suspects, doubted, ledger;  // suspects go alone, doubted ones to another name
    uint64_t              ready_cost_ms;
    kt_run_id_t           done[SCHED_DONE];  // runs with an outcome, the latest of each slot
    // nodes
    kt_sched_node_t *node_buckets[SCHED_NODE_BUCKETS];
    kt_sched_node_t *nodes, *ready_nodes_first, *ready_nodes_last;
    kt_sched_node_t *reserved;  // reserved for a suspect that needs an exclusive node
    size_t           n_nodes, n_ready_nodes, n_usable;
    uint64_t         capacity, weight;  // of the usable: files at a time; slots times speed
    kt_node_name_t  *names;
    size_t           n_names;
    kt_heap_t       *timers;
    struct {
        kt_node_handle_t node;
        int64_t          at_ms;
    } asked[SCHED_ASKED];
    // ledger
    bool     ledger_up, lease_held, claiming, work_came;
    uint32_t claim_asked;
    int64_t  claim_after_ms;
};

// sched_actions.c: room for `actions` more and `jobs` to send was reserved at the start of the step
KT_MUST_USE kt_err_t kt_actions_reserve(kt_actions_t *self, size_t actions, size_t jobs);
kt_action_t         *kt_sched_emit(kt_sched_t *self, kt_action_type_t type);
void                 kt_sched_emit_node(kt_sched_t *self, kt_action_type_t type, kt_node_handle_t node, kt_run_id_t id);
void                 kt_sched_emit_drop(kt_sched_t *self, void **tag_p);  // nothing for NULL; nulls
void                 kt_sched_ask_who(kt_sched_t *self, kt_node_handle_t node);
// sched_dispatch.c: what can be claimed and sent now
void kt_sched_dispatch(kt_sched_t *self);
void kt_sched_beat(kt_sched_t *self, kt_sched_node_t *node, const kt_event_t *event);
