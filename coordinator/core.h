// The inside of kt_coordinator, shared by the files that make up its loop: coordinator.c (life), receiver.c (frames to
// events), dispatcher.c (actions to frames and requests), outcomes.c (results into the ledger), queries.c (questions
// from HTTP). Everything here belongs to the loop thread.
#pragma once

#include "common/socket.h"
#include "common/zap.h"
#include "coordinator/access/keys.h"
#include "coordinator/amqp/consumer.h"
#include "coordinator/amqp/publisher.h"
#include "coordinator/api/api.h"
#include "coordinator/backfill/backfiller.h"
#include "coordinator/coordinator.h"
#include "coordinator/http/server.h"
#include "coordinator/link/peers.h"
#include "coordinator/link/router.h"
#include "coordinator/loop/calls.h"
#include "coordinator/loop/claims.h"
#include "coordinator/loop/drains.h"
#include "coordinator/loop/lease.h"
#include "coordinator/loop/retention.h"
#include "coordinator/result_cache/cache.h"
#include "proto/wire.h"

enum { KT_TICK_MS = 20 };

struct kt_coordinator {
    const kt_settings_t *settings;
    char                 name[64], state_dir[KT_KEYS_PATH], http_address[128];
    kt_curve_t           key;
    kt_keys_t            keys;
    kt_zap_t            *zap;
    kt_link_t           *link;
    const char          *ledger_kind;
    kt_queue_t          *calls;
    kt_http_t           *http;
    kt_sched_t          *sched;
    kt_actions_t         actions;
    kt_claims_t          claims;
    kt_peers_t           peers;
    kt_wire_arena_t      arena;
    kt_buf_t             frame;       // a message being encoded
    kt_buf_t             works;       // kt_wire_work_t of a batch
    kt_buf_t             held, kept;  // of a beat: kt_held_t, kt_run_id_t
    kt_buf_t             jobs;        // kt_sched_claim_t of a claim
    kt_buf_t             refused;     // kt_node_handle_t: the socket did not know them
    kt_sink_t            sink;
    kt_ledger_port_t     port;
    kt_lease_keeper_t    lease;
    kt_drains_t          drains;
    kt_counters_t        counters;
    kt_call_t           *owed;  // calls that wait for ledger answers
    size_t               n_owed;
    kt_totals_t          totals;
    kt_retention_t       retention;
    kt_result_cache_t   *cache;  // NULL: no REDIS_URL
    kt_api_server_t     *api;
    kt_backfiller_t     *backfiller;
    kt_consumer_t       *intake;  // NULL, both: no AMQP_CONNECTION_STRING
    kt_publisher_t      *outlet;
    int                  signal_fd;
    bool                 draining, failed;
    bool                 claiming;   // a CLAIM is with the actor
    bool                 work_came;  // in this turn: the ledger has new jobs
    int64_t              drain_until_ms;
    int64_t              ended_last_logged_ms;
    int64_t              bad_last_logged_ms;
};

// A state that cannot be repaired in place (out of memory between two facts): log, end, and let the next start read the
// ledger.
void kt_core_fail(kt_coordinator_t *self, const char *id, kt_err_t err);

// dispatcher.c
// One step of the scheduler and its actions. KT_ENOMEM: nothing happened.
KT_MUST_USE kt_err_t kt_core_step(kt_coordinator_t *self, const kt_event_t *event);
void                 kt_core_step_or_fail(kt_coordinator_t *self, const kt_event_t *event);
void                 kt_core_send(kt_coordinator_t *self, kt_node_handle_t to, const kt_msg_t *msg);
void                 kt_core_flush(void *context);
void                 kt_core_tell_drain(kt_coordinator_t *self, const char *node_name, bool on, const char *reason);
// Hands the run back to the ledger. False: out of memory.
KT_MUST_USE bool kt_core_release(kt_coordinator_t *self, kt_run_id_t id);

// receiver.c
void kt_core_ended(void *context, bool handshake);
void kt_core_frame(void *context, kt_node_handle_t from, const char *key, const void *bytes, size_t length);
// admission.c
void kt_core_hello(kt_coordinator_t *self, kt_node_handle_t from, const char *key, const kt_msg_hello_t *hello);
// Connections whose key is no longer allowed, and those that were silent too long, are forgotten.
void                 kt_core_check_keys(kt_coordinator_t *self, bool force);
KT_MUST_USE kt_err_t kt_core_allow_keys(kt_coordinator_t *self);  // what keys says, to the ZAP handler
void                 kt_core_prune_peers(kt_coordinator_t *self, int64_t now_ms);
void kt_core_watch_nodes(kt_coordinator_t *self, int64_t now_ms);  // says once in the log who is lost and who is back

// outcomes.c
void kt_core_act_store(kt_coordinator_t *self, const kt_action_t *action);
void kt_core_act_fail(kt_coordinator_t *self, const kt_action_t *action);

// amqp.c: intake and outlet together. KT_ESETTING: the address of the broker is wrong.
KT_MUST_USE kt_err_t kt_core_amqp_open(kt_coordinator_t *self, char why[KT_LEDGER_WHY]);
void                 kt_core_amqp_tick(kt_coordinator_t *self, int64_t now_ms);
void                 kt_core_amqp_drain(kt_coordinator_t *self, int64_t now_ms);  // takes nothing new
bool                 kt_core_amqp_is_drained(kt_coordinator_t *self, int64_t now_ms);
void                 kt_core_amqp_stats(kt_coordinator_t *self, kt_amqp_stats_t *out);
void                 kt_core_amqp_close(kt_coordinator_t *self);

// queries.c
void kt_core_calls(void *context);
void kt_core_ask_answered(void *context, kt_ledger_request_t **request_p);  // kt_ledger_answered_fn of an own ASK
void kt_core_calls_close(kt_coordinator_t *self);                           // ends all calls with KT_ECLOSED
