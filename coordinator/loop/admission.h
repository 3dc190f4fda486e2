// kt_admission -- which nodes may work here: answers HELLO with WELCOME or REFUSE, and expels nodes whose key was
// revoked. Refused are a wire version that this coordinator does not support, a key that is not allowed, a name that
// belongs to another key, nodes beyond KT_PEERS_MAX, and a second process with the key and name of one that works: a
// copied state folder, or a node started twice. Loop thread.
#pragma once

#include "common/settings.h"
#include "coordinator/access/keys.h"
#include "coordinator/loop/dispatcher.h"
#include "coordinator/loop/model_link.h"
#include "coordinator/loop/roster.h"

typedef struct kt_admission_opts {
    kt_dispatcher_t     *dispatcher;  // all pointers are borrowed
    kt_lease_keeper_t   *lease;
    kt_drains_t         *drains;
    kt_peers_t          *peers;
    kt_counters_t       *counters;
    kt_model_link_t     *models;
    kt_roster_t         *roster;
    kt_ledger_port_t    *port;
    const kt_settings_t *settings;  // those that all nodes share go out with WELCOME
    kt_keys_t           *keys;
    const char          *coordinator;  // name
    uint64_t             instance;     // of this process
    void                *context;
    kt_err_t (*allow)(void *context);  // keys has changed: new connections are checked against it from now on
} kt_admission_opts_t;

typedef struct kt_admission {
    kt_admission_opts_t opts;
    size_t              joining;         // JOINs that are with the ledger
    int64_t             join_logged_ms;  // the last refused one
    int64_t             version_logged_ms;
} kt_admission_t;

void kt_admission_hello(kt_admission_t *self, kt_node_handle_t from, const char *key, const kt_msg_hello_t *hello);
// JOIN: the holder of a join token asks to allow a key. The ledger judges; then JOINED or REFUSE.
void kt_admission_join(kt_admission_t *self, kt_node_handle_t from, const char *key, const kt_msg_join_t *join);
// Reads the key file if it changed (force: always); if other keys are allowed then: kt_admission_apply_keys.
void kt_admission_check_keys(kt_admission_t *self, bool force);
void kt_admission_apply_keys(kt_admission_t *self);                 // expels peers whose key is no longer allowed
void kt_admission_prune(kt_admission_t *self, int64_t now_ms);      // removes peers that were silent for long
void kt_admission_log_nodes(kt_admission_t *self, int64_t now_ms);  // logs each lost node once, and its return
