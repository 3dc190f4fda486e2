// What the small world of the simulator is made of: its bounds, its files, the rules that are broken on purpose.
#pragma once

#include "common/clock.h"
#include "coordinator/amqp/publisher.h"
#include "coordinator/loop/loop.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A world ends when everything is done. Measured over 10,000 seeds: the median is 100 s with six nodes and 206 s with
// one, the longest took 917 s. Long are the worlds of one node: each file that takes the machine with it costs ten
// lives of the only node, 3 to 8 s each with the silence before its loss is detected (70 to 90 s a file), a file that
// hangs holds one of its slots three times 15 s, and after some crashes it is drained until the operator looks, every
// 10 s. The bound is twice the longest.
enum {
    SIM_NODES        = 6,
    SIM_FILES        = 160,
    SIM_ITEMS        = 40,       // most that a node has, held and kept
    SIM_CALM_AT_MS   = 60000,    // faults end
    SIM_END_MS       = 1800000,  // by then everything is done
    SIM_MAX_ATTEMPTS = 3,        // the product's default
    SIM_HOSTS        = SIM_NODES,
    SIM_SIDES        = 2,  // coordinators of the one ledger
    SIM_LEASE_MS     = 4000,
    SIM_DEADLINE_MS  = 24000,  // more than the longest file on a slow node that stands still once
    SIM_STALL_MS     = 6000,
    SIM_PROOF_MS     = 10000,
    SIM_PATIENCE_MS  = 60000,   // the deadline of an attempt in a world with a node that hoards
    SIM_HOARD_MS     = 125000,  // until then it hoards: a file that has no other node has two attempts of the three
    SIM_FREEZE_MS    = 10000,
    SIM_OUTCOMES     = 4 * SIM_FILES,  // of all runs
    SIM_REQUESTS     = 4096,           // with a coordinator's ledger thread
    SIM_PUBLISHING   = 64,             // messages on their way to the broker
};

// A rule broken on purpose, outside of the code that is simulated (mutate.py breaks that): the simulator must notice.
typedef enum sim_mutation {
    SIM_MUTATION_NONE,
    SIM_ACK_BEFORE_COMMIT,  // a result is acknowledged when it is handed to the ledger
    SIM_FORGET_STORED,      // some of the ledger's answers get lost
    SIM_DOUBLE_STORE,       // the ledger has no primary key
    SIM_DROP_BEATS,         // inventories do not reach the coordinator
    SIM_NOT_ALONE,          // nodes run a suspect beside the others, in their own process
    SIM_FORGET_CRASHES,     // a claim does not contain the history of the file
    SIM_NO_FENCING,         // the ledger takes a failure under any lease
    SIM_NO_TAKE_OVER,       // leases do not run out
    SIM_ORPHANS_HIDDEN,     // a node reports to no other coordinator what it has from one that is away
    SIM_CONFIRM_EARLY,      // the broker confirms what it does not have
    SIM_OUTBOX_STAYS,       // what a crashed coordinator had to publish is taken over by none
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
    SIM_MISSING,  // on every node
    SIM_KINDS
} sim_kind_t;

// File n is job n of the ledger, whose row is the truth about it.
typedef struct sim_file {
    sim_kind_t kind;
    uint32_t run, results, flakes;  // run: the last one that an operator requested; results and what follows are of it
    int64_t  work_ms, arrive_ms;
    // what the witness saw
    uint64_t claimed_by, memory;       // epoch of the last claim; memory that the kills are of
    uint32_t kills, sendings, scares;  // scares: something happened to a node that had it
    bool     begun, analysed;          // on any node
    uint32_t not_found;                // bit n: on node n
    bool     given_up;                 // a node that finds no file was the only one
    bool     failure_acked;            // the acknowledgement on its way is of a failure
    int64_t  seen_ms;                  // last in some node's hand, sent to one, or claimed
} sim_file_t;

typedef struct sim_credential {
    uint8_t bytes[KT_CREDENTIAL_BYTES];
} sim_credential_t;

typedef enum sim_item_state { SIM_WAITING, SIM_WORKING, SIM_KEPT_OK, SIM_KEPT_FAILURE } sim_item_state_t;

typedef struct sim_item {
    kt_run_id_t      id;
    uint32_t         attempt;
    sim_credential_t credential;
    bool             isolated, exclusive, orphan;
    int              side;    // its sender
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
    int     index;
    bool    up, leaving;
    bool    unfit;            // its mount is missing: it finds no file
    bool    greedy;           // asks for more than it can do
    bool    hoards;           // says that it works on all that it has, and ends nothing
    bool    slow;             // its files take half as long again
    int64_t frozen_until_ms;  // its workers stand still until then
    int64_t crowd_ms[SIM_SIDES],
        few_ms[SIM_SIDES];             // it hoards: since when it has more than it may run; more than one file
    int64_t    advanced_ms, stood_ms;  // a file advanced last, and after a long rest
    uint64_t   incarnation, progress, beats;
    uint32_t   slots, room, limit, limit_before;
    int64_t    live_ms, beat_ms;
    sim_conn_t conns[SIM_SIDES];
    sim_item_t items[SIM_ITEMS];
    uint32_t   n_items;
} sim_node_t;
