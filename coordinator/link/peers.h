// kt_peers -- the connections that have sent HELLO: their identity, and the references to send to each at the end of
// the turn, so that the acknowledgements of a turn are one frame. Loop thread.
#pragma once

#include "common/buf.h"
#include "common/digest.h"
#include "common/socket.h"
#include "proto/run.h"
#include "proto/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_PEER_TEXT = 64 };

// GPU state from a node's BEAT; -1: unknown.
typedef struct kt_gpu_view {
    uint64_t gpus, lost, memory_mb, memory_total_mb;
    int64_t  percent, celsius;
    uint64_t files, cpu_files;  // that a GPU took; that it left to the CPU
} kt_gpu_view_t;

typedef struct kt_peer {
    kt_node_handle_t handle;
    char             key[KT_CURVE_TEXT];
    uint8_t          key_bytes[KT_CURVE_BYTES];  // the same key
    char             name[KT_PEER_TEXT], host[KT_PEER_TEXT], version[KT_PEER_TEXT], device[KT_PEER_TEXT];
    uint64_t         incarnation;
    uint32_t         slots;
    uint64_t         memory_mb;
    kt_gpu_view_t    gpu;
    bool             has_models;
    kt_digest_t      models;  // the set that its next BATCH gets
    int64_t          heard_ms;
    char             rival_host[KT_PEER_TEXT];       // of another process with this key and name
    int64_t          rival_since_ms, rival_last_ms;  // its HELLOs; 0: none
    int64_t          rival_logged_ms;
    int64_t          refused_since_ms;  // the second in which it sent `refused` wrong credentials
    uint32_t         refused;
    bool             dirty;  // in the list of those with something to send
    bool             logged_lost;
    kt_buf_t         acks, cancels;  // kt_wire_ref_t
    kt_buf_t         nacks;          // kt_wire_refusal_t
} kt_peer_t;

typedef struct kt_peers {
    kt_peer_t **at;  // sorted by handle
    size_t      n, capacity;
    kt_buf_t    dirty;  // kt_node_handle_t
} kt_peers_t;

enum { KT_PEERS_MAX = 16384 };

void kt_peers_init(kt_peers_t *self);
void kt_peers_fini(kt_peers_t *self);
// A new one, or the one that is there. KT_ENOMEM, KT_EFULL (KT_PEERS_MAX).
KT_MUST_USE kt_err_t kt_peers_add(kt_peers_t *self, kt_node_handle_t handle, kt_peer_t **out);
kt_peer_t           *kt_peers_find(const kt_peers_t *self, kt_node_handle_t handle);
// The connection of that name with the latest message; NULL: none.
kt_peer_t *kt_peers_named(const kt_peers_t *self, const char *name);
void       kt_peers_remove(kt_peers_t *self, kt_node_handle_t handle);

// Collected for the end of the turn. Out of memory drops the reference: the node's next BEAT repeats it.
void kt_peer_ack(kt_peers_t *self, kt_peer_t *peer, kt_run_id_t id);
void kt_peer_cancel(kt_peers_t *self, kt_peer_t *peer, kt_run_id_t id);
void kt_peer_nack(kt_peers_t *self, kt_peer_t *peer, kt_run_id_t id, kt_err_t err);
// Calls `send` with the collected references as messages within the bounds of messages.def, and clears them.
typedef void kt_peer_send_fn(void *context, kt_peer_t *peer, const kt_msg_t *msg);
void         kt_peers_flush(kt_peers_t *self, kt_peer_send_fn *send, void *context);
