// kt_events -- what happens in the coordinator, for listeners that follow it as server-sent events (WHATWG HTML, 9.2).
// One ring of KT_EVENTS_KEPT events is shared: a listener has a position in it and no buffer, so one that does not read
// costs nothing and loses the oldest events, which it is told by an event "lost". Any thread.
//
// Identifiers rise by one and go on beyond those of the process before, as they begin with the time of the start: a
// listener that comes again with the last one gets what it missed, or "lost".
#pragma once

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

enum { KT_EVENTS_KEPT = 1024, KT_EVENTS_LISTENERS = 64, KT_EVENT_BYTES = 1280, KT_EVENTS_PAUSE_MS = 100 };

typedef struct kt_events   kt_events_t;
typedef struct kt_listener kt_listener_t;

KT_MUST_USE kt_err_t kt_events_new(kt_events_t **self_p, int64_t wall_ms);  // of the start. KT_ENOMEM
void                 kt_events_destroy(kt_events_t **self_p);               // without listeners
void                 kt_events_close(kt_events_t *self);                    // ends all listeners; idempotent
// name: letters. json: one line, its object; longer than fits in KT_EVENT_BYTES, it is dropped.
void   kt_events_publish(kt_events_t *self, const char *name, const char *json);
size_t kt_events_listeners(kt_events_t *self);

// A listener of what comes after the event `last`; NULL or no identifier: of what comes from now on. KT_EFULL: there
// are KT_EVENTS_LISTENERS; KT_ECLOSED, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_listener_new(kt_listener_t **self_p, kt_events_t *events, const char *last);
void                 kt_listener_destroy(kt_listener_t **self_p);
// Waits for events, at most wait_ms, and writes them as a stream's text; a comment if there was none. At least
// KT_EVENTS_PAUSE_MS lie between two calls that return events, so that many events are one write. capacity: at least
// 2 * KT_EVENT_BYTES. Returns the bytes written; 0: closed.
size_t kt_listener_read(kt_listener_t *self, char *out, size_t capacity, int64_t wait_ms);
