// Input and output of the scheduler: events, actions and their types. A job here is always a job and its run. Pointers
// in an event are borrowed for the step.
//
// Tags are opaque pointers of the loop. Each tag that comes with CLAIMED, RESULT or FAILED goes back by
// exactly one DROP (or by kt_sched_drain_tags). The tag of a STORE or FAIL is not dropped before that request was
// answered by STORED, so that the ledger may work on what it points to.
#pragma once

#include "common/err.h"
#include "proto/run.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_sched_claim {
    kt_run_id_t id;
    uint32_t    attempts;  // blames so far, from the ledger
    uint32_t    crashes;   // blames so far in which the node was lost while it worked on the file: > 0 runs isolated
    uint32_t    cost_ms;   // predicted
    void       *tag;       // the loop's; given back by DROP
} kt_sched_claim_t;

typedef struct kt_held {
    kt_run_id_t id;
    uint32_t    attempt;
    bool        started;
} kt_held_t;

typedef enum kt_event_type {
    KT_EV_CLAIMED,         // jobs (n may be 0): answer to CLAIM
    KT_EV_WORK,            // the ledger has new jobs
    KT_EV_HELLO,           // node, hello
    KT_EV_LIVE,            // node, progress: sum of the workers' counters
    KT_EV_BEAT,            // node, beat
    KT_EV_STARTED,         // node, id, attempt
    KT_EV_RESULT,          // node, id, attempt, tag of the payload: a success came in
    KT_EV_FAILED,          // node, id, attempt, err, tag: the node reports a failure
    KT_EV_STORED,          // id, stored: answer to STORE or FAIL
    KT_EV_LEDGER_DOWN,     // no claim, no dispatch; open requests are void and will be posted again
    KT_EV_LEDGER_UP,       // every unanswered STORE, FAIL and CLAIM is requested again
    KT_EV_COMMIT_UNKNOWN,  // id, stored.failure: the answer to STORE or FAIL is lost (a CLAIM's: open a new lease)
    KT_EV_LEASE_LOST,      // claims are dropped, except jobs that a node has; a CLAIM is void
    KT_EV_LEASE_OPEN,      // a new lease
    KT_EV_SEND_REFUSED,    // node: the socket has no (or no longer a) connection to it
    KT_EV_GONE,            // node: BYE received
    KT_EV_DRAIN,           // name, on
    KT_EV_CANCEL,          // id: the ledger has it as cancelled
    KT_EV_TICK,            // time passes
    KT_EVENTS
} kt_event_type_t;

typedef struct kt_event {
    kt_event_type_t  type;
    kt_node_handle_t node;
    kt_run_id_t      id;
    uint32_t         attempt;
    kt_err_t         err;
    uint32_t         took_ms;  // RESULT: time that the file took; 0: unknown
    void            *tag;
    union {
        struct {
            const kt_sched_claim_t *at;
            size_t                  n;
        } jobs;  // CLAIMED
        struct {
            const char *name;
            uint64_t    incarnation;
            uint32_t    slots;
            bool        drained;
        } hello;  // HELLO
        struct {
            uint64_t progress;
        } live;  // LIVE
        struct {
            uint64_t           seen_batch;
            uint32_t           free;
            bool               leaving;
            const kt_held_t   *held;
            size_t             n_held;
            const kt_run_id_t *kept;
            size_t             n_kept;
        } beat;  // BEAT
        struct {
            kt_stored_t how;
            bool        failure;
        } stored;  // STORED
        struct {
            const char *name;
            bool        on;
        } drain;  // DRAIN
    };
} kt_event_t;

typedef enum kt_action_type {
    KT_ACT_CLAIM,      // count: request so many jobs of the ledger
    KT_ACT_SEND,       // node, batch number, jobs (isolated: one job, alone in a process)
    KT_ACT_CANCEL,     // node, id: stop it there
    KT_ACT_STORE,      // id, tag: commit this success; answered by STORED
    KT_ACT_FAIL,       // id, attempt, err, tag (NULL: no node's document, the loop writes one); answered by STORED
    KT_ACT_ACK,        // node, id
    KT_ACT_NACK,       // node, id, err
    KT_ACT_BLAME,      // id, attempt (1, 2, ... of the run), node name, err (ENODELOST: crash); durable, not answered
    KT_ACT_DOUBT,      // id, attempt of the wire, node name, err: may be of the node; another name is asked
    KT_ACT_TAKE_BACK,  // node, node name, count, for_ms: files went back to the queue; on: for want of progress or,
                       // with err KT_ETIME, of ended files
    KT_ACT_RELEASE,    // id: back to the ledger unrun
    KT_ACT_DRAIN,  // node name, on: notify the node and the ledger; err: count such failures were its own; OK: crashes
    KT_ACT_WHO,    // node: request HELLO (unknown, or its unacked outcomes did not arrive)
    KT_ACT_CHECK_LEASE,  // there was a gap between steps
    KT_ACT_DROP,  // tag: the job left the window (with tag of CLAIMED) or a payload is no longer needed (tag of RESULT)
    KT_ACTIONS
} kt_action_type_t;

typedef struct kt_action {
    kt_action_type_t type;
    kt_node_handle_t node;
    kt_run_id_t      id;
    uint32_t         attempt;
    uint32_t         count;
    kt_err_t         err;
    bool             isolated, exclusive, on;  // exclusive: the node accepts no other work meanwhile
    bool             bare;    // FAIL: a document without the ids of the message, which is not its row's
    uint64_t         batch;   // SEND: its number
    int64_t          for_ms;  // TAKE_BACK: how long they waited, or the node was without progress
    void            *tag;
    const char      *node_name;  // borrowed until the next step
    size_t           first_job;  // SEND: jobs[first_job .. first_job + count) of the list
} kt_action_t;

typedef struct kt_sent {
    kt_run_id_t id;
    uint32_t    attempt;
    uint32_t    cost_ms;
    void       *tag;
} kt_sent_t;
