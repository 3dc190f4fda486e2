// ledger_fleet -- the nodes of the farm as all coordinators of a ledger know them: which keys are allowed, which join
// tokens are valid, where each node was last seen, why one is drained. Each call is one transaction, blocking, on the
// ledger's thread. Wall times are Unix milliseconds.
#pragma once

#include "common/curve.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_ledger kt_ledger_t;

enum { KT_FLEET_ROWS = 8192, KT_FLEET_NAME = 64, KT_FLEET_WHY = 128 };

typedef enum kt_key_kind { KT_KEY_NODE, KT_KEY_JOIN } kt_key_kind_t;

// A public key. JOIN: of a join token, whose holder may enter another key under a name until expires_ms.
typedef struct kt_fleet_key {
    char          key[KT_CURVE_TEXT];
    char          name[KT_FLEET_NAME];  // of the node; "": any
    kt_key_kind_t kind;
    bool          revoked;
    int64_t       changed_ms, expires_ms;  // expires_ms 0: never
} kt_fleet_key_t;

typedef struct kt_fleet_node {
    char    name[KT_FLEET_NAME], host[KT_FLEET_NAME];
    int64_t seen_ms;       // 0: never
    int64_t forgotten_ms;  // 0, or when an operator removed it from the list; one that is seen later is in it again
    bool    drained;
    int64_t drained_ms;
    char    drained_by[KT_FLEET_NAME], drained_why[KT_FLEET_WHY];
} kt_fleet_node_t;

typedef struct kt_fleet {
    kt_fleet_key_t  *keys;   // by key
    kt_fleet_node_t *nodes;  // by name
    size_t           n_keys, n_nodes;
} kt_fleet_t;
void kt_fleet_fini(kt_fleet_t *self);  // idempotent

typedef struct kt_fleet_ops {
    // At most KT_FLEET_ROWS of each; the caller calls kt_fleet_fini. Untouched on failure.
    kt_err_t (*read)(kt_ledger_t *self, kt_fleet_t *out);
    // Enters the key, or replaces its row.
    kt_err_t (*put_key)(kt_ledger_t *self, const kt_fleet_key_t *key);
    // Enters the key of a node whose holder has the join token of that public key. KT_EAUTH: the token is not known or
    // has expired. KT_ECLASH: the name has another key that is allowed.
    kt_err_t (*join)(kt_ledger_t *self, const char *token, const kt_fleet_key_t *key);
    // Of each name: host and seen_ms, if it is later.
    kt_err_t (*seen)(kt_ledger_t *self, const kt_fleet_node_t *nodes, size_t n);
    kt_err_t (*forget)(kt_ledger_t *self, const char *name, int64_t wall_ms);  // undrains it, too
} kt_fleet_ops_t;
