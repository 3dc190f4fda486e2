// kt_queries -- the calls of HTTP threads: takes a snapshot at once, posts the call's ledger requests and answers the
// call when the last of them is answered. Callers stop waiting after a while but their requests stay with the ledger:
// at most KT_CALLS_PENDING calls wait for one, further ones get KT_EFULL. Parsing and rendering are the caller's.
// Loop thread.
#pragma once

#include "coordinator/loop/calls.h"
#include "coordinator/loop/dispatcher.h"
#include "coordinator/loop/roster.h"

enum { KT_CALLS_PENDING = 512 };

typedef struct kt_queries_opts {
    kt_dispatcher_t   *dispatcher;  // all pointers are borrowed
    kt_ledger_port_t  *port;
    kt_lease_keeper_t *lease;
    kt_peers_t        *peers;
    kt_counters_t     *counters;
    kt_roster_t       *roster;
    const char        *coordinator;  // name
    void              *context;
    void (*fill)(void *context, kt_snapshot_t *out);  // ledger_kind, keys_refused, amqp
    void (*on_ledger_call)(void *context);            // a CALL was answered: a backfill may have changed
} kt_queries_opts_t;

typedef struct kt_queries {
    kt_queries_opts_t opts;
    kt_queue_t       *calls;    // kt_call_t * from HTTP threads
    kt_call_t        *pending;  // wait for the ledger
    size_t            n_pending;
    kt_totals_t       totals;     // the last known ones
    int64_t           totals_ms;  // when they were last asked for by refresh
    bool              refreshing;
} kt_queries_t;

KT_MUST_USE kt_err_t kt_queries_init(kt_queries_t *self, const kt_queries_opts_t *opts);  // KT_ENOMEM, KT_ESYSTEM
void                 kt_queries_fini(kt_queries_t *self);                                 // after close; idempotent
void                 kt_queries_take(kt_queries_t *self);                                 // some of the queue
void                 kt_queries_begin(kt_queries_t *self, kt_call_t *call);               // one call
void                 kt_queries_refresh(kt_queries_t *self, int64_t every_ms, int64_t now_ms);  // the totals, when due
void                 kt_queries_close(kt_queries_t *self);  // ends all calls with KT_ECLOSED; idempotent
