// kt_receiver -- frames from nodes become events of the scheduler. A peer that has not sent HELLO on its connection
// gets WHO, at most once per KT_WHO_MS and peer. Loop thread.
#pragma once

#include "coordinator/loop/admission.h"

// KT_REFUSED_MOST: wrong credentials of one peer per KT_REFUSED_MS, as many as a BEAT can hold: more than that, and
// what it sends in the rest of the time is dropped unread, so that checking them takes no time from other nodes.
// KT_HELLO_BYTES: more than HELLO and JOIN have; without HELLO a longer frame is not read.
enum { KT_WHO_MS = 200, KT_WHO_PEERS = 64, KT_REFUSED_MOST = 8192, KT_REFUSED_MS = 1000, KT_HELLO_BYTES = 4096 };

typedef struct kt_receiver {
    kt_dispatcher_t *dispatcher;  // borrowed, as are the three below
    kt_admission_t  *admission;
    kt_peers_t      *peers;
    kt_counters_t   *counters;
    kt_wire_arena_t  arena;
    kt_buf_t         held, kept;  // of a BEAT: kt_held_t, kt_run_id_t
    int64_t          ended_last_logged_ms, bad_last_logged_ms, credential_last_logged_ms;
    struct {
        kt_node_handle_t node;
        int64_t          at_ms;
    } asked[KT_WHO_PEERS];  // the last WHO, by handle modulo KT_WHO_PEERS
} kt_receiver_t;

// With the peers and counters of the dispatcher, which is initialised before.
void kt_receiver_init(kt_receiver_t *self, kt_dispatcher_t *dispatcher, kt_admission_t *admission);
void kt_receiver_fini(kt_receiver_t *self);
// One frame: the connection's handle, its proved public key, the bytes (borrowed).
void kt_receiver_frame(kt_receiver_t *self, kt_node_handle_t from, const char *key, const void *bytes, size_t length);
void kt_receiver_ended(kt_receiver_t *self, bool handshake);  // a connection ended; handshake: before it was one
