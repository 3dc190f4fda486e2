// kt_conns -- the TCP connections of the ROUTER, by descriptor: one key has only so many, and a silent one is closed,
// so that no node takes the descriptors and the memory of the others. Loop thread.
#pragma once

#include "common/err.h"
#include "common/socket.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_CONNS_OF_KEY = 64, KT_CONNS_SILENT_MS = 10000 };

typedef struct kt_conns kt_conns_t;

// endpoint: of the ROUTER; only connections accepted there are closed. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_conns_new(kt_conns_t **self_p, const char *endpoint);
void                 kt_conns_destroy(kt_conns_t **self_p);
void                 kt_conns_opened(kt_conns_t *self, int fd, int64_t now_ms);  // its handshake has succeeded
void                 kt_conns_ended(kt_conns_t *self, int fd);
// A message of this key came on it. False: the key has KT_CONNS_OF_KEY other connections, so that this one is closed.
bool kt_conns_heard(kt_conns_t *self, int fd, const char *key, int64_t now_ms);
// Closes those without a message for KT_CONNS_SILENT_MS since their handshake; how many.
size_t kt_conns_close_silent(kt_conns_t *self, int64_t now_ms);
