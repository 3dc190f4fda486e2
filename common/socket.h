// kt_socket -- ZeroMQ sockets with all their options: CURVE always, no routing id, bounded queues, heartbeats,
// handshake limit. One context per process (CZMQ's, without its signal handler). A socket belongs to the thread that
// made it.
#pragma once

#include "common/curve.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct _zsock_t zsock_t;

enum { KT_MAX_FRAME_BYTES = 4 << 20 };

void kt_socket_setup(void);  // once at the start of a program that uses ZeroMQ, before any thread

// ROUTER bound with CURVE as server and ROUTER_MANDATORY; *endpoint (256 bytes) gets the actual address. Only tcp://
// and ipc://: other transports have no CURVE. KT_EPORT, KT_EINVAL (invalid address); KT_EAUTH without a kt_zap, because
// libzmq would then accept every key.
KT_MUST_USE kt_err_t kt_socket_router(zsock_t **out, const char *bind, const kt_curve_t *key, char *endpoint);
// DEALER for one coordinator whose public key is known, not connected yet: a monitor attached between the two misses no
// event. While the connection is down nothing is queued: a send with DONTWAIT fails with EAGAIN. KT_EINVAL.
KT_MUST_USE kt_err_t kt_socket_dealer(zsock_t **out, const char *address, const char *server_public,
                                      const kt_curve_t *key);
// Connects (lazily, reconnecting) to the address that kt_socket_dealer got. KT_EINVAL.
KT_MUST_USE kt_err_t kt_socket_connect(zsock_t *dealer, const char *address);
