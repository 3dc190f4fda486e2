// kt_http_guard -- ends connections that keep a place without using it: a thread with a table of descriptors. One that
// takes longer than KT_HTTP_TURN_MS to send its request or to take its answer is shut down; in a crowd, those that have
// had no request in work for KT_HTTP_CROWD_MS, and the oldest of them for each that comes. Shutting down wakes the
// connection's own thread, which closes it. Any thread; a descriptor is in the table only while it is open.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_HTTP_TURN_MS = 30000, KT_HTTP_CROWD_MS = 1000 };

typedef struct kt_http_guard kt_http_guard_t;

// crowd: so many connections are one. KT_ENOMEM, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_http_guard_new(kt_http_guard_t **self_p, size_t places, size_t crowd);
void                 kt_http_guard_destroy(kt_http_guard_t **self_p);
// The place that the connection has now; places when there is none (then it is not watched).
size_t   kt_http_guard_enter(kt_http_guard_t *self, int fd);
void     kt_http_guard_leave(kt_http_guard_t *self, size_t place);
void     kt_http_guard_work(kt_http_guard_t *self, size_t place, bool on);  // a handler has it: it is left alone
size_t   kt_http_guard_count(kt_http_guard_t *self);                        // connections now
uint64_t kt_http_guard_ended(kt_http_guard_t *self);                        // shut down so far
