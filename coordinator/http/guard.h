// kt_http_guard -- closes idle and slow connections: a thread with a table of descriptors. It shuts down a connection
// that takes longer than KT_HTTP_TURN_MS to send its request or to read its response. When at least `crowd` connections
// are open, it shuts down those without a running request for KT_HTTP_CROWD_MS, and the oldest of them for each new
// one. The connection's thread then wakes up and closes it. Any thread; a descriptor is in the table only while it is
// open.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_HTTP_TURN_MS = 30000, KT_HTTP_CROWD_MS = 1000 };

typedef struct kt_http_guard kt_http_guard_t;

// places: size of the table. KT_ENOMEM, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_http_guard_new(kt_http_guard_t **self_p, size_t places, size_t crowd);
void                 kt_http_guard_destroy(kt_http_guard_t **self_p);
// Enters a connection; returns its place, or `places` if the table is full (it is then not watched).
size_t kt_http_guard_enter(kt_http_guard_t *self, int fd);
void   kt_http_guard_leave(kt_http_guard_t *self, size_t place);
void   kt_http_guard_work(kt_http_guard_t *self, size_t place, bool on);  // on: a handler runs, so it is not shut down
size_t kt_http_guard_count(kt_http_guard_t *self);                        // open connections
uint64_t kt_http_guard_ended(kt_http_guard_t *self);                      // shut down since the start
