// The scheduler's constants: bounds of its tables, pauses, and when a file or a node is taken for at fault.
#pragma once

enum {
    SCHED_WAITING_ACK  = 4,  // nodes that wait for the acknowledgement of one job; a fifth one offers again
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
    SCHED_EXCUSED      = 2,      // excused losses; then the suspect gets an exclusive node
    SCHED_LOSSES_ALONE = 3,      // losses after which it gets a node to itself
    SCHED_FREE_MAX     = 65536,  // upper bound of a reported credit
    SCHED_SPEED        = 1000,   // node speed: thousandths of the predicted one
    SCHED_SPEED_MAX    = 100 * SCHED_SPEED,
    SCHED_CREDIT       = 4,   // files per slot that a node is believed to take, beside what it has just finished
    SCHED_IDLE_SCAN    = 64,  // nodes looked at for idle slots
    SCHED_STALLS       = 2,   // stalled nodes that a file is excused from; then an attempt of it
    SCHED_PACES        = 4,   // mean times of the node's files that it may be without progress
    SCHED_PLACES       = 2,   // files per slot that a node is believed to have begun: with a GPU half of them may rest
    SCHED_PROOFS       = 2,   // times the limit without an ended file: then a node loses what it has begun, too
    SCHED_OUTCOMES     = 64,  // of a name: then refuted failures and successes are halved
    SCHED_SENDINGS     = 1000,  // attempts of the wire are numbered in thousands: 2001 is the first after two blames
};
