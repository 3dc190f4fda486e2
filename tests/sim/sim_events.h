// Messages, events and outcomes of the world, and the counts of its faults.
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
    sim_credential_t credentials[SIM_ITEMS];  // of held; the first one: of id
} sim_msg_t;

typedef enum sim_event_type {
    SIM_TO_COORDINATOR,
    SIM_TO_NODE,
    SIM_NODE_STEP,
    SIM_TICK,
    SIM_ARRIVAL,  // a file comes into the ledger
    SIM_LEDGER,   // a coordinator's ledger thread carries out its first request
    SIM_ANSWER,   // the loop takes the first answer
    SIM_FAULT,
    SIM_RESTART,
    SIM_AWAY,       // a node detects that a coordinator's connection is lost
    SIM_PUBLISHED,  // the broker returns a message
} sim_event_type_t;

typedef struct sim_event {
    int64_t          at_ms;
    uint64_t         order;
    sim_event_type_t type;
    uint64_t         generation;
    sim_msg_t       *msg;
    int              node, side, place;  // place: in the side's list of messages
} sim_event_t;

// A stored outcome, which has to be published.
typedef struct sim_outcome {
    kt_run_id_t id;
    uint64_t    writer;    // coordinator that stored it
    uint32_t    received;  // by the broker
} sim_outcome_t;

// Faults of all worlds, for the summary.
typedef struct sim_counts {
    uint64_t coordinator_kills, coordinator_freezes, coordinator_ends, node_kills, node_crashes, cuts, reconnects,
        leaves, freezes, taken_waiting, taken_stalled, ledger_downs, unknown_commits, disk_errors, overflows, lost,
        repeated, leases_lost, take_overs, clock_jumps, cancels, retries, blames, lost_requests, no_memory,
        lost_confirms, lost_publishes, returned, published, republished, two_sided, lies, worlds;
} sim_counts_t;
