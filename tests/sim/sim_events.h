// What travels and what happens in the small world: messages, ledger requests, events, the outbox's rows; and the
// counts of what was done to it.
#pragma once

#include "tests/sim/sim_types.h"

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
} sim_msg_type_t;

typedef struct sim_msg {
    sim_msg_type_t   type;
    kt_node_handle_t handle;  // the connection that it travels on
    int              node, side;
    kt_run_id_t      id;
    uint32_t         attempt, free, n_held, n_kept;
    kt_err_t         err;
    bool             isolated, exclusive, of_failure, leaving, on;
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
    SIM_AWAY,     // a node notices that a coordinator's connection is gone
    SIM_PUBLISH,  // a coordinator's publisher takes its turn
    SIM_CONFIRM,  // the broker's confirm comes back
} sim_event_type_t;

typedef enum sim_request_type {
    SIM_OPEN,
    SIM_RENEW,
    SIM_CLAIM,
    SIM_STORE,
    SIM_FAIL,
    SIM_BLAME,
    SIM_RELEASE
} sim_request_type_t;

typedef struct sim_request {
    sim_request_type_t type;
    uint64_t           epoch, down_count;
    uint64_t           coordinator;
    int                side;
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
    int              node, side, reject;
} sim_event_t;

// An outcome's row in the outbox.
typedef struct sim_letter {
    kt_run_id_t id;
    uint64_t    epoch;     // of the coordinator that is to publish it
    uint32_t    received;  // by the broker
    bool        confirmed;
    int64_t     sent_ms;  // by its present publisher; 0: not yet
} sim_letter_t;

// What was done to the worlds, for the last lines.
typedef struct sim_counts {
    uint64_t coordinator_kills, coordinator_freezes, node_kills, node_crashes, cuts, reconnects, leaves, ledger_downs,
        unknown_commits, lost, repeated, leases_lost, take_overs, clock_jumps, cancels, retries, blames, lost_blames,
        no_memory, lost_confirms, lost_publishes, published, republished, two_sided, worlds;
} sim_counts_t;
