#include "coordinator/watch/events.h"

#include "common/clock.h"
#include "common/cond.h"
#include "common/text.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDS_PER_MS = 1000, ID_BYTES = 32 };

static const char COMMENT[] = ":\n\n";

typedef struct event {
    size_t length;
    char   text[KT_EVENT_BYTES - ID_BYTES];  // without the line of its identifier
} event_t;

struct kt_events {
    pthread_mutex_t lock;
    pthread_cond_t  published, ending;
    bool            closed;
    size_t          listeners, waiting;
    uint64_t        first, next;  // identifiers: of the oldest in the ring, of the one to come
    event_t         ring[KT_EVENTS_KEPT];
};

struct kt_listener {
    kt_events_t *events;
    uint64_t     next;  // to be read
    int64_t      read_ms;
};

kt_err_t
kt_events_new(kt_events_t **self_p, int64_t wall_ms)
{
    kt_events_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    pthread_mutex_init(&self->lock, NULL);
    kt_cond_init(&self->published);
    kt_cond_init(&self->ending);
    self->first = self->next = (uint64_t)wall_ms * IDS_PER_MS;
    *self_p                  = self;
    return KT_OK;
}

void
kt_events_destroy(kt_events_t **self_p)
{
    kt_events_t *self = *self_p;
    if (!self)
        return;
    pthread_cond_destroy(&self->published);
    pthread_cond_destroy(&self->ending);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

void
kt_events_close(kt_events_t *self)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->lock);
    self->closed = true;
    pthread_cond_broadcast(&self->published);
    pthread_cond_broadcast(&self->ending);
    pthread_mutex_unlock(&self->lock);
}

// False: it is too long. Copied piece by piece, as there is one for each job.
static bool
write_event(event_t *event, const char *name, const char *json)
{
    const char *const pieces[] = {"event: ", name, "\ndata: ", json, "\n\n"};
    size_t            lengths[sizeof pieces / sizeof *pieces], length = 0;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        length += lengths[i] = strlen(pieces[i]);
    if (length > sizeof event->text)
        return false;
    event->length = 0;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        memcpy(event->text + event->length, pieces[i], lengths[i]);
        event->length += lengths[i];
    }
    return true;
}

void
kt_events_publish(kt_events_t *self, const char *name, const char *json)
{
    pthread_mutex_lock(&self->lock);
    event_t *event = &self->ring[self->next % KT_EVENTS_KEPT];
    if (write_event(event, name, json)) {
        self->next++;
        if (self->next - self->first > KT_EVENTS_KEPT)
            self->first = self->next - KT_EVENTS_KEPT;
        if (self->waiting)
            pthread_cond_broadcast(&self->published);
    }
    pthread_mutex_unlock(&self->lock);
}

size_t
kt_events_listeners(kt_events_t *self)
{
    pthread_mutex_lock(&self->lock);
    size_t n = self->listeners;
    pthread_mutex_unlock(&self->lock);
    return n;
}

kt_err_t
kt_listener_new(kt_listener_t **self_p, kt_events_t *events, const char *last)
{
    kt_listener_t *self  = calloc(1, sizeof *self);
    int64_t        known = -1;
    if (!self)
        return KT_ENOMEM;
    if (last && kt_text_to_i64(last, 0, INT64_MAX - 1, &known))
        known = -1;
    pthread_mutex_lock(&events->lock);
    kt_err_t err = events->closed ? KT_ECLOSED : events->listeners < KT_EVENTS_LISTENERS ? KT_OK : KT_EFULL;
    if (!err)
        events->listeners++;
    self->events = events;
    self->next   = events->next;
    if (known >= 0 && (uint64_t)known < events->next)
        self->next = (uint64_t)known + 1;
    pthread_mutex_unlock(&events->lock);
    if (err)
        free(self);
    else
        *self_p = self;
    return err;
}

void
kt_listener_destroy(kt_listener_t **self_p)
{
    kt_listener_t *self = *self_p;
    if (!self)
        return;
    pthread_mutex_lock(&self->events->lock);
    self->events->listeners--;
    pthread_mutex_unlock(&self->events->lock);
    free(self);
    *self_p = NULL;
}

// Holds the lock.
static size_t
write_events(kt_listener_t *self, char *out, size_t capacity)
{
    kt_events_t *events = self->events;
    size_t       n      = 0;
    if (self->next < events->first) {
        n = (size_t)snprintf(out, capacity, "event: lost\ndata: {\"since\":%llu}\n\n", (unsigned long long)self->next);
        self->next = events->first;
    }
    for (; self->next < events->next; self->next++) {
        const event_t *event = &events->ring[self->next % KT_EVENTS_KEPT];
        if (n + ID_BYTES + event->length > capacity)
            break;
        n += (size_t)snprintf(out + n, ID_BYTES, "id: %llu\n", (unsigned long long)self->next);
        memcpy(out + n, event->text, event->length);
        n += event->length;
    }
    return n;
}

size_t
kt_listener_read(kt_listener_t *self, char *out, size_t capacity, int64_t wait_ms)
{
    kt_events_t  *events   = self->events;
    const int64_t until_ms = kt_clock_ms() + wait_ms, pause_ms = self->read_ms + KT_EVENTS_PAUSE_MS;
    size_t        n = 0;
    pthread_mutex_lock(&events->lock);
    while (!events->closed && kt_clock_ms() < pause_ms && kt_cond_wait_until(&events->ending, &events->lock, pause_ms))
        ;
    events->waiting++;
    while (!events->closed && self->next == events->next &&
           kt_cond_wait_until(&events->published, &events->lock, until_ms))
        ;
    events->waiting--;
    if (!events->closed) {
        n = write_events(self, out, capacity);
        if (n) {
            self->read_ms = kt_clock_ms();
        } else {
            memcpy(out, COMMENT, sizeof COMMENT - 1);
            n = sizeof COMMENT - 1;
        }
    }
    pthread_mutex_unlock(&events->lock);
    return n;
}
