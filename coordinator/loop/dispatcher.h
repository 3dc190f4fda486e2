// kt_dispatcher -- steps the scheduler with an event and carries out its actions: each becomes a frame for a node, a
// request to the ledger, or a change of the drain list. The answers of its requests become events again. It owns the
// scheduler, the table of claims and, by the scheduler's tags, every outcome on its way into the ledger. It implements
// kt_sink_t. Loop thread; nothing blocks, nothing here uses a socket.
#pragma once

#include "coordinator/access/credential.h"
#include "coordinator/link/peers.h"
#include "coordinator/loop/claims.h"
#include "coordinator/loop/counters.h"
#include "coordinator/loop/drains.h"
#include "coordinator/loop/lease.h"
#include "coordinator/sched/scheduler.h"

// One frame to one connection, bytes borrowed. KT_EUNREACHABLE: no such connection (any more); any other error: the
// frame is lost.
typedef struct kt_sender {
    void *context;
    kt_err_t (*send)(void *context, kt_node_handle_t to, const void *bytes, size_t length);
} kt_sender_t;

typedef struct kt_dispatcher_opts {
    kt_ledger_port_t       *port;  // the six are borrowed
    kt_lease_keeper_t      *lease;
    kt_drains_t            *drains;
    kt_peers_t             *peers;
    kt_counters_t          *counters;
    const kt_credentials_t *credentials;
    kt_sender_t             sender;
    int64_t                 job_deadline_ms;
    void                   *context;                                        // of the two below
    void (*on_outcome)(void *context, const kt_ledger_request_t *request);  // a STORE or FAIL was stored as new
    void (*on_fatal)(void *context);  // logged: end the loop, the next start reads the ledger
} kt_dispatcher_opts_t;

typedef struct kt_dispatcher {
    kt_dispatcher_opts_t opts;
    kt_sched_t          *sched;
    kt_actions_t         actions;
    kt_claims_t          claims;
    kt_buf_t             frame;     // a message being encoded
    kt_buf_t             works;     // kt_wire_work_t of a batch
    kt_buf_t             jobs;      // kt_sched_claim_t of a claim
    kt_buf_t             refused;   // kt_node_handle_t: connections that a send did not find
    bool                 claiming;  // a CLAIM is with the ledger
    bool                 draining;  // claims nothing more
    bool                 failed;
    bool                 work_pending;  // in this turn: the ledger has new jobs
} kt_dispatcher_t;

KT_MUST_USE kt_err_t kt_dispatcher_init(kt_dispatcher_t *self, const kt_dispatcher_opts_t *opts,
                                        const kt_sched_opts_t *sched);  // KT_ENOMEM
void                 kt_dispatcher_fini(kt_dispatcher_t *self);         // after the ledger port; idempotent
kt_sink_t            kt_dispatcher_sink(kt_dispatcher_t *self);

// One step of the scheduler and its actions. KT_ENOMEM: nothing happened.
KT_MUST_USE kt_err_t kt_dispatcher_step(kt_dispatcher_t *self, const kt_event_t *event);
void                 kt_dispatcher_step_or_fail(kt_dispatcher_t *self, const kt_event_t *event);
void                 kt_dispatcher_send(kt_dispatcher_t *self, kt_node_handle_t to, const kt_msg_t *msg);
void kt_dispatcher_send_drain(kt_dispatcher_t *self, const char *node_name, bool on, const char *reason);
// Whether this attempt of the run was given to this node, by any coordinator of the farm.
bool kt_dispatcher_knows(const kt_dispatcher_t *self, const kt_peer_t *peer, kt_run_id_t id, uint32_t attempt,
                         kt_bytes_t credential);
// The turn ends: gathered acknowledgements go out, connections that were not found are reported to the scheduler.
void kt_dispatcher_flush(kt_dispatcher_t *self);
// After the answers of a turn: one WORK event for all new jobs.
void kt_dispatcher_report_work(kt_dispatcher_t *self);

// What an operator's request, answered by the ledger, means here: cancels the run everywhere, drains the node.
void   kt_dispatcher_apply_ask(kt_dispatcher_t *self, const kt_ledger_request_t *request);
void   kt_dispatcher_drain_all(kt_dispatcher_t *self);  // claims nothing more and sends nothing more
bool   kt_dispatcher_is_idle(const kt_dispatcher_t *self);
size_t kt_dispatcher_release_all(kt_dispatcher_t *self);  // hands every claim back to the ledger; returns how many
