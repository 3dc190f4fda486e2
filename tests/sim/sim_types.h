// What the small world of the simulator is made of: files, messages, requests, nodes, events.
#pragma once

#include "coordinator/scheduler.h"

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

typedef enum sim_msg_type {
    SIM_MSG_HELLO,
    SIM_MSG_LIVE,
    SIM_MSG_BEAT,
    SIM_MSG_STARTED,
    SIM_MSG_RESULT,
    SIM_MSG_FAILED,
    SIM_MSG_BYE,
    SIM_MSG_WHO,
    SIM_MSG_WELCOME,
    SIM_MSG_BATCH,
    SIM_MSG_ACK,
    SIM_MSG_NACK,
    SIM_MSG_CANCEL,
    SIM_MSG_DRAIN,
} sim_msg_type_t;

typedef struct sim_msg {
    sim_msg_type_t   type;
    kt_node_handle_t handle;  // the connection that it travels on
    int              node;
    kt_run_id_t      id;
    uint32_t         attempt, free, n_held, n_kept;
    kt_err_t         err;
    bool             solo, of_failure, leaving, on;
    uint64_t         number;  // batch, seen batch, progress, incarnation, coordinator
    uint64_t         memory;  // of the coordinator, when it sent a batch
    kt_held_t        held[SIM_ITEMS];
    kt_run_id_t      kept[SIM_ITEMS];
} sim_msg_t;

typedef enum sim_event_type {
    SIM_TO_COORDINATOR,
    SIM_TO_NODE,
    SIM_NODE_STEP,
    SIM_TICK,
    SIM_REQUEST,  // a ledger request is carried out
    SIM_ANSWER,   // and answered
    SIM_FAULT,
    SIM_RESTART,
} sim_event_type_t;

typedef enum sim_request_type { SIM_OPEN, SIM_CLAIM, SIM_STORE, SIM_FAIL, SIM_BLAME, SIM_RELEASE } sim_request_type_t;

typedef struct sim_request {
    sim_request_type_t type;
    uint64_t           epoch, down_count;
    uint64_t           coordinator;
    kt_run_id_t        id;
    uint32_t           want, n;  // want: of a BLAME its ordinal
    kt_err_t           err;
    sim_tag_t         *tag;
    kt_stored_t        how;
    bool               unknown;
    kt_run_id_t        claimed[SIM_FILES];
} sim_request_t;

typedef struct sim_event {
    int64_t          at_ms;
    uint64_t         order;
    sim_event_type_t type;
    uint64_t         generation;
    sim_msg_t       *msg;
    sim_request_t   *request;
    int              node;
} sim_event_t;
