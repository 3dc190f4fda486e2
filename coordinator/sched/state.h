// Scheduler internals shared by sched/*.c. Every job is in exactly one list: the ready list, the list of its node, or
// the list of jobs waiting for the ledger.
#pragma once

#include "common/assert.h"
#include "common/heap.h"
#include "coordinator/sched/scheduler.h"

typedef enum kt_sjob_state {
    SJOB_READY,    // claimed, not assigned
    SJOB_SENT,     // sent to a node, not started
    SJOB_RUNNING,  // started on the node
    SJOB_STORING,  // a success is being stored
    SJOB_FAILING,  // a final failure is being stored
    SJOB_NEW,      // allocated, in no list yet; never between two steps
    SJOB_STATES
} kt_sjob_state_t;

typedef struct kt_sjob  kt_sjob_t;
typedef struct kt_snode kt_snode_t;
typedef struct kt_sname kt_sname_t;

enum {
    SCHED_OFFERS       = 4,  // nodes that wait for the acknowledgement of one job; a fifth one offers again
    SCHED_DONE         = 1 << 14,
    SCHED_NODES        = 8192,  // nodes known at once
    SCHED_NAMES        = 8192,  // names remembered without need
    SCHED_NODE_BUCKETS = 1024,
    SCHED_ASKED        = 64,
    SCHED_TICK_MS      = 250,
    SCHED_BEAT_MS      = 1000,
    SCHED_WHO_MS       = 500,    // minimum interval between WHO to unknown peers
    SCHED_LOST_MS      = 60000,  // how long a lost node stays in the views
    SCHED_STUCK_MS     = 10000,  // without progress although something runs: "stuck" in the view
    SCHED_SPARED       = 2,      // excused losses; then the suspect gets an exclusive node
    SCHED_LOSSES_ALONE = 3,      // and after so many losses: others there may be of another coordinator
    SCHED_FREE_MAX     = 65536,  // upper bound of a reported credit
    SCHED_SPEED        = 1000,   // a node's speed is in thousandths of what was predicted
    SCHED_SPEED_MAX    = 100 * SCHED_SPEED,
    SCHED_SENDINGS     = 1000,  // attempts of the wire are numbered in thousands: 2001 is the first after two blames
};

typedef struct kt_sjob_list {
    kt_sjob_t *first, *last;
    size_t     count;
} kt_sjob_list_t;

struct kt_sjob {
    kt_run_id_t      id;
    kt_sjob_state_t  state;
    bool             claimed;  // covered by our lease; else known from a node, or its success waits for the ledger
    bool             solo;     // READY: among the suspects; SENT, RUNNING: sent to run alone in a process
    bool             store_pending;  // a STORE is not yet answered
    bool             fail_pending;   // a FAIL is not yet answered
    bool             bad_data;       // RUNNING: done there, but its document cannot be stored; NACK was sent
    kt_sjob_t       *hash_next, *prev, *next;
    kt_snode_t      *node;            // SENT, RUNNING
    uint64_t         batch;           // SENT, RUNNING: its number; 0 when it was found in a beat
    uint64_t         seen_beat;       // last beat of the node that had it
    int64_t          missing_ms;      // first beat of the node that did not have it; 0: none
    int64_t          since_ms;        // sent or started
    uint32_t         attempt;         // of the wire: a number for each sending, so that old answers are known as old
    uint32_t         last_attempt;    // greatest one used
    uint32_t         over_attempt;    // an attempt known to be over, 0: none
    uint32_t         blames;          // failed attempts, durable ones of earlier coordinators included
    uint32_t         crashes;         // of them: lost with its node
    uint32_t         spared;          // lost with a node that had other suspects
    uint32_t         lost_unstarted;  // lost with a node before STARTED arrived
    uint32_t         cost_ms;
    const char      *avoid;  // name of a node that should not have it next (compared, never read)
    int64_t          avoid_until_ms;
    kt_err_t         err;  // FAILING
    void            *tag, *payload, *document;
    kt_node_handle_t offers[SCHED_OFFERS];  // nodes that keep the outcome until they get an ACK
    uint32_t         n_offers, offer_attempt;
};

struct kt_sname {
    char        text[64];
    bool        drained;
    uint32_t    crashes;  // in a row, of files that were not suspect
    kt_run_id_t last_crash;
    size_t      nodes;
    kt_sname_t *next;
};

struct kt_snode {
    kt_heap_entry_t  timer;  // first: the heap's entry is the node
    kt_node_handle_t handle;
    uint64_t         incarnation;
    kt_sname_t      *name;
    bool             lost, leaving, refused, in_hungry, counted;
    uint32_t         slots, free, credit, capacity, counted_capacity, kept, loose_beats;
    uint32_t         speed;             // measured, in thousandths: predicted cost over time taken
    double           cost_ms, took_ms;  // moving sums behind it
    uint64_t         counted_weight;    // its part of sched.weight
    size_t           n_running, n_solo;
    kt_sjob_list_t   items;
    uint64_t         last_batch, seen_batch, beat, progress, done, failed;
    int64_t          heard_ms, progress_ms;
    kt_snode_t      *hash_next, *prev, *next, *hungry_prev, *hungry_next;
};

typedef struct kt_sjob_chunk kt_sjob_chunk_t;

struct kt_sched {
    kt_sched_opts_t opts;
    kt_actions_t   *out;  // of this step
    int64_t         now_ms;
    int64_t         last_ms;  // of the step before; 0: none
    // jobs
    kt_sjob_t      **buckets;
    size_t           n_buckets, n_jobs, n_spare, n_open, counts[SJOB_STATES];
    kt_sjob_t       *spare;
    kt_sjob_chunk_t *chunks;
    kt_sjob_list_t   ready, suspects, ledger;  // suspects are ready too, to be sent alone
    uint64_t         ready_cost_ms;
    kt_run_id_t      done[SCHED_DONE];  // runs with an outcome, the latest of each slot
    // nodes
    kt_snode_t *node_buckets[SCHED_NODE_BUCKETS];
    kt_snode_t *nodes, *hungry_first, *hungry_last;
    kt_snode_t *quiet;  // reserved for a suspect that needs an exclusive node
    size_t      n_nodes, n_hungry, n_usable;
    uint64_t    capacity, weight;  // of the usable: files in hand; slots times speed
    kt_sname_t *names;
    size_t      n_names;
    kt_heap_t  *timers;
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
// sched_beat.c
void kt_sched_beat(kt_sched_t *self, kt_snode_t *node, const kt_event_t *event);
