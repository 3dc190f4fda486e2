// Private to node/link: the state of kt_uplink_t, shared by uplink.c, receive.c, send.c and credit.c.
#pragma once

#include "common/buf.h"
#include "common/digest.h"
#include "node/link/uplink.h"
#include "proto/wire.h"

enum { KT_ADDRESS_BYTES = 256, KT_COORDINATOR_NAME = 65, KT_IDLE_BEATS = 3 };

typedef struct kt_coordinator_view {
    char     address[KT_ADDRESS_BYTES];
    char     name[KT_COORDINATOR_NAME];  // of its last WELCOME, as are the two below
    uint64_t epoch, instance;
    bool     welcomed;
    bool     joining;        // the connection has the key of the join token
    bool     logged_join;    // once until it is joined
    int64_t  join_after_ms;  // no join before
    bool     twin;           // another address of the coordinator at twin_of, which alone is used
    size_t   twin_of;
    bool     drained;                        // its last DRAIN was `on`
    bool     logged_silent, logged_refused;  // once until its next WELCOME
    bool     logged_twin;                    // once until it is another coordinator
    bool     used;                           // it has sent a BATCH since the last BEAT
    uint32_t idle_beats;                     // BEATs in a row without one
    size_t   share;                          // of the credit, for the next BEAT
    uint64_t seen_batch;                     // number of its last BATCH
    int64_t  since_ms;                       // without a welcome
    int64_t  refused_until_ms;               // no HELLO before
    int64_t  reconnect_ms;                   // when it is connected anew unless it comes up; 0: it is up
    kt_buf_t models;                         // its last MODELS as a frame; empty: it has no catalogue
} kt_coordinator_view_t;

struct kt_uplink {
    kt_uplink_opts_t      opts;
    kt_work_t            *work;
    kt_coordinator_view_t coordinators[KT_COORDINATORS_MAX];
    size_t                n_coordinators;
    bool                  draining, stopping;
    int64_t               live_ms, beat_ms;  // when each is due
    uint64_t              beats;
    size_t                limit, limit_before;  // files that the last two BEATs allowed in all
    kt_wire_arena_t       arena;                // of a received message
    kt_buf_t              frame;                // a message being encoded
    kt_buf_t              started;              // kt_task_t *: STARTED is due at the end of the turn
    kt_buf_t              finished;             // kt_task_t *: RESULT is due at the end of the turn
    kt_buf_t              outcomes, stages;     // elements of a RESULT
    kt_buf_t              held, unacked;        // elements of a BEAT
    struct {
        size_t          from;           // the coordinator whose set is used
        bool            expected;       // a WELCOME has announced MODELS
        int64_t         asked_ms;       // the last FETCH
        int64_t         wait_until_ms;  // no file is asked for before the first set, or this; 0: not waiting
        kt_wire_arena_t arena;
    } models;
};

// Every coordinator is sent the state of the tasks that this one gave: it may not return, and any other may store them.
void kt_uplink_orphan(kt_uplink_t *self, size_t coordinator);
// Of the next connection, which begins at once: with the key of the join token, or with the node's own.
void kt_uplink_join(kt_uplink_t *self, size_t coordinator, bool joining);
