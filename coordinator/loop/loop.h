// kt_loop -- the parts of the loop put together: ledger port, lease, drain list, counters, peers, dispatcher,
// admission, receiver, queries, retention; and the order in which they run. The owner (coordinator.c, or a simulation)
// brings the frames, the ledger's answers and the ticks. One thread; nothing blocks; no socket and no thread is made
// here.
#pragma once

#include "coordinator/loop/model_link.h"
#include "coordinator/loop/queries.h"
#include "coordinator/loop/receiver.h"
#include "coordinator/loop/retention.h"
#include "coordinator/loop/roster.h"
#include "coordinator/loop/sampler.h"

typedef struct kt_loop_opts {
    const kt_settings_t    *settings;  // all pointers are borrowed
    kt_sched_opts_t         sched;
    const char             *name;      // of the coordinator
    uint64_t                instance;  // of this process, sent with WELCOME; 0: not stated
    kt_keys_t              *keys;
    const kt_credentials_t *credentials;
    bool                    keeps_nodes;  // the ledger keeps nodes and keys
    bool                    exclusive;    // no other process can work on the ledger
    kt_model_store_t       *models;       // NULL: none
    kt_history_t           *history;      // NULL, with events: nobody follows
    kt_events_t            *events;
    kt_sender_t             sender;
    void                   *context;                                        // of the functions
    void (*on_outcome)(void *context, const kt_ledger_request_t *request);  // kt_dispatcher_opts_t
    void (*on_fatal)(void *context);                                        // kt_dispatcher_opts_t
    kt_err_t (*allow_keys)(void *context);                                  // kt_admission_opts_t
    void (*fill_snapshot)(void *context, kt_snapshot_t *out);               // kt_queries_opts_t
    void (*on_ledger_call)(void *context);                                  // kt_queries_opts_t
} kt_loop_opts_t;

typedef struct kt_loop {
    kt_loop_opts_t    opts;
    kt_ledger_port_t  port;
    kt_lease_keeper_t lease;
    kt_drains_t       drains;
    kt_counters_t     counters;
    kt_peers_t        peers;
    kt_dispatcher_t   dispatcher;
    kt_admission_t    admission;
    kt_receiver_t     receiver;
    kt_model_link_t   models;
    kt_queries_t      queries;
    kt_retention_t    retention;
    kt_roster_t       roster;
    kt_sampler_t      sampler;
} kt_loop_t;

// The port still has to be opened or attached. On an error call fini. KT_ENOMEM, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_loop_init(kt_loop_t *self, const kt_loop_opts_t *opts);
void                 kt_loop_fini(kt_loop_t *self);  // after kt_ledger_port_stop; idempotent
// Requests the drain list and then a lease, in this order: the scheduler has to have the drained nodes before the first
// claim. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_loop_start(kt_loop_t *self);
void                 kt_loop_answered(kt_loop_t *self);              // after the ledger's answers of a turn
void                 kt_loop_tick(kt_loop_t *self, int64_t now_ms);  // at least each 100 ms
