// kt_call -- a call of an HTTP thread to the loop: ledger requests to post, and a snapshot to take. The caller
// waits with a deadline. Whichever finishes last, the timed-out caller or the loop, frees the call.
#pragma once

#include "common/queue.h"
#include "coordinator/access/keys.h"
#include "coordinator/ledger/actor.h"
#include "coordinator/link/peers.h"
#include "coordinator/loop/amqp_stats.h"
#include "coordinator/loop/counters.h"
#include "coordinator/sched/scheduler.h"

#include <pthread.h>
#include <stdbool.h>

enum { KT_CALLS_WAITING = 256, KT_CALL_TIMEOUT_MS = 5000 };

typedef struct kt_node_row {
    kt_node_view_t view;  // state: also "absent", for one that is expected
    bool           absent, drained;
    int64_t        seen_ms, drained_ms;  // wall times; 0: never, not known
    char           drained_by[KT_FLEET_NAME], drained_why[KT_FLEET_WHY];
    char           rival_host[64];  // of another process with its key, which is refused; "": none
    char           host[64], version[64], device[64];
    uint64_t       memory_mb, incarnation;
    kt_gpu_view_t  gpu;
    bool           has_models;
    kt_digest_t    models;
} kt_node_row_t;

// State of the loop when the call came in.
typedef struct kt_snapshot {
    char                     coordinator[64];
    const char              *ledger_kind;
    int64_t                  uptime_ms;
    bool                     draining;
    kt_sched_view_t          view;
    kt_totals_t              totals;      // fresh when the ledger is up, else the last known
    kt_err_t                 ledger_err;  // why it is not up; KT_OK: it is
    double                   rate_per_s;
    uint32_t                 nodes_all, nodes_absent;  // rows of nodes; of them, absent. When requested
    uint32_t                 gpu_nodes;
    kt_outcome_counts_t      outcomes;
    kt_taken_back_t          taken_back;
    uint64_t                 late_results, bad_frames, doubted_failures, keys_refused, lease_epoch;
    kt_refused_hellos_t      refused_hellos;
    kt_refused_credentials_t refused_credentials;
    uint64_t                 connections_ended, handshakes_failed;
    size_t                   ledger_waiting, overflow_waiting;  // requests for the ledger: with the actor, and not yet
    kt_amqp_stats_t          amqp;
    bool                     job_known;  // wants_job is in the window; see job
    kt_job_view_t            job;
    kt_node_row_t           *nodes;  // when requested
    size_t                   n_nodes;
    kt_key_t                *keys;  // what is allowed, when requested
    size_t                   n_keys;
    size_t                   n_stages;
    kt_stage_times_t         stages[KT_SNAPSHOT_STAGES];
    kt_histogram_t           queue, job_times, whole;
    kt_decoder_deaths_t      decoder_deaths;
    uint64_t                 node_cache_hits;
    int64_t                  oldest_ms;  // when the oldest claimed job that no node has got came in; 0: none
} kt_snapshot_t;

typedef struct kt_call {
    bool                  wants_totals, wants_nodes, wants_keys;
    kt_run_id_t           wants_job;  // 0: none
    kt_ledger_request_t **requests;   // NULL while the actor has it
    size_t                n_requests, n_answered;
    kt_snapshot_t         snapshot;
    void                 *owner;            // the loop's, for the callbacks of the requests
    kt_err_t              err;              // of the call as a whole: KT_EFULL, KT_ECLOSED, KT_ENOMEM
    struct kt_call       *next, *previous;  // the loop's list of pending calls
    pthread_mutex_t       lock;
    pthread_cond_t        changed;
    bool                  done, abandoned;
} kt_call_t;

kt_call_t *kt_call_new(size_t max_requests);  // NULL: out of memory. requests has room for max_requests
void       kt_call_destroy(kt_call_t **self_p);
// HTTP thread: puts the call into the queue and waits. KT_OK: answered. Else *call_p is NULL and the call belongs to
// the loop: KT_ETIME, KT_EFULL, KT_ECLOSED.
KT_MUST_USE kt_err_t kt_call_ask(kt_call_t **call_p, kt_queue_t *queue, int64_t timeout_ms);
void kt_call_finish(kt_call_t *self, kt_err_t err);  // loop: answers; the call belongs to its caller again
