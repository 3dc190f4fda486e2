// What the small world of the simulator is made of: its bounds, its files, the rules that are broken on purpose.
#pragma once

#include "coordinator/sched/scheduler.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A world ends when everything is done. Measured over 10,000 seeds: the median is 100 s with six nodes and 206 s with
// one, the longest took 917 s. Long are the worlds of one node: each file that takes the machine with it costs ten
// lives of the only node, 3 to 8 s each with the silence before its loss is known (70 to 90 s a file), a file that
// hangs holds one of its slots three times 15 s, and after some crashes it is drained until the operator looks, every
// 10 s. The bound is twice the longest.
enum {
    SIM_NODES        = 6,
    SIM_FILES        = 160,
    SIM_ITEMS        = 40,       // most that a node has in hand, held and kept
    SIM_CALM_AT_MS   = 60000,    // faults end
    SIM_END_MS       = 1800000,  // by then everything is done
    SIM_MAX_ATTEMPTS = 3,        // the product's default
    SIM_HOSTS        = 5,
    SIM_SIDES        = 2,  // coordinators of the one ledger
    SIM_LEASE_MS     = 4000,
    SIM_LETTERS      = 4 * SIM_FILES,  // outcomes of all runs
};

// A rule broken on purpose: the simulator must notice.
typedef enum sim_mutation {
    SIM_MUTATION_NONE,
    SIM_ACK_BEFORE_COMMIT,  // the loop acknowledges a result when it hands it to the ledger
    SIM_FORGET_STORED,      // the ledger's answers do not reach the scheduler
    SIM_LEAK_TAG,           // a DROP is overlooked
    SIM_DOUBLE_STORE,       // the ledger has no primary key
    SIM_DEAF_TO_BEATS,      // inventories do not reach the scheduler
    SIM_NOT_ALONE,          // nodes run a suspect beside the others, in their own process
    SIM_FORGET_CRASHES,     // a claim does not tell what is known of the file
    SIM_NO_FENCING,         // the ledger takes a failure from whoever tells it
    SIM_NO_TAKE_OVER,       // what a dead coordinator had claimed stays claimed
    SIM_ORPHANS_UNTOLD,     // a node tells nobody of what it has from a coordinator that is away, and waits for it
    SIM_ZOMBIE,             // a coordinator goes on with a lease that has run out
    SIM_CONFIRM_EARLY,      // a message counts as published when it is sent
    SIM_LETTERS_STAY,       // what a dead coordinator had to publish is taken over by nobody
    SIM_MUTATIONS
} sim_mutation_t;

typedef enum sim_kind {
    SIM_GOOD,
    SIM_SLOW,
    SIM_FLAKY,    // fails for a reason that passes, a few times
    SIM_REJECT,   // not a media file
    SIM_POISON,   // crashes the node, or the process it runs alone in
    SIM_KILLER,   // crashes the node in any case
    SIM_HANG,     // never ends
    SIM_BADDATA,  // its document cannot be stored
    SIM_KINDS
} sim_kind_t;

typedef enum sim_row_state { SIM_QUEUED, SIM_CLAIMED, SIM_DONE, SIM_FAILED, SIM_CANCELLED } sim_row_state_t;

typedef struct sim_file {
    sim_kind_t      kind;
    sim_row_state_t state;
    uint64_t        epoch;
    uint32_t        run, results, flakes;  // results and what follows are of this run
    uint32_t        blames, crashes;       // rows
    uint64_t        ordinals;              // of them, a bit each
    int64_t         work_ms, wall_ms;      // when it comes in
    kt_err_t        err;
    // what the witness saw
    uint64_t claimed_by, memory;       // epoch of the claim; memory that the kills are of
    uint32_t kills, sendings, scares;  // scares: something happened to a node that had it in hand
    bool     begun;                    // on any node
    int64_t  seen_ms;                  // last in some node's hand, sent to one, or claimed
} sim_file_t;

typedef struct sim_tag sim_tag_t;
struct sim_tag {
    uint32_t   in_ledger;  // requests that work on it
    bool       payload;
    sim_tag_t *prev, *next;
};

typedef enum sim_item_state { SIM_WAITING, SIM_WORKING, SIM_KEPT_OK, SIM_KEPT_FAILURE } sim_item_state_t;

typedef struct sim_item {
    kt_run_id_t      id;
    uint32_t         attempt;
    bool             isolated, exclusive, orphan;
    int              side;    // who gave it
    uint64_t         memory;  // of the coordinator, when it sent this
    sim_item_state_t state;
    kt_err_t         err;
    int64_t          until_ms;
} sim_item_t;

// A node's connection to one coordinator.
typedef struct sim_conn {
    bool             welcomed;
    kt_node_handle_t handle;
    uint64_t         coordinator, seen_batch;
    int64_t          hello_ms, cut_until_ms, last_to_ms, last_from_ms;
} sim_conn_t;

typedef struct sim_node {
    int        index;
    bool       up, leaving;
    uint64_t   incarnation, progress, beats;
    uint32_t   slots, room, limit, limit_before;
    int64_t    live_ms, beat_ms;
    sim_conn_t conns[SIM_SIDES];
    sim_item_t items[SIM_ITEMS];
    uint32_t   n_items;
} sim_node_t;
