// Shared by the tests of a whole node or coordinator: a temporary folder, settings, and the other end of the wire,
// which the test plays by hand. One program per folder of tests links it, so the state is of one test.
#pragma once

#include "common/settings.h"
#include "proto/wire.h"

#include <czmq.h>

enum { PX_WAIT_MS = 10000 };

extern char          px_folder[];
extern kt_settings_t px_settings;

void px_open(void);  // makes the folder, loads the defaults, sets ANALYZER_STATE_DIR
void px_close(void);
void px_set(const char *name, const char *value);

// A ROUTER or DEALER that plays a coordinator or a node; a ROUTER replies to the peer of the last message.
typedef struct px_peer {
    zsock_t  *socket;
    bool      router;
    zmq_msg_t id, frame;
} px_peer_t;

void px_peer_init(px_peer_t *self, bool router);  // the test makes and replaces the socket
void px_peer_fini(px_peer_t *self);
void px_send(px_peer_t *self, const kt_msg_t *msg);
void px_send_bytes(px_peer_t *self, const void *bytes, size_t length);
// The next message; false: none arrives in time. It is valid until the next call, for any peer.
bool px_receive(px_peer_t *self, kt_msg_t *msg, int timeout_ms);
void px_receive_only(px_peer_t *self, kt_msg_t *msg, kt_msg_type_t type);  // the next message has this type
void px_receive_next(px_peer_t *self, kt_msg_t *msg, kt_msg_type_t type);  // skips messages of other types
