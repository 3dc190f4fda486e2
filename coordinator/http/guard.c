#include "coordinator/http/guard.h"

#include "common/clock.h"
#include "common/cond.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { CHECK_MS = 250 };

typedef struct place {
    int     fd;  // -1: free
    bool    working, ended;
    int64_t since_ms;  // start of this wait: connected, or the handler finished
} place_t;

struct kt_http_guard {
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    pthread_t       thread;
    bool            started, closing;
    size_t          n_places, crowd, n;
    uint64_t        ended;
    place_t         places[];
};

static bool
is_crowded(const kt_http_guard_t *self)
{
    return self->n >= self->crowd;
}

static void
end_place(kt_http_guard_t *self, place_t *place)
{
    shutdown(place->fd, SHUT_RDWR);
    place->ended = true;
    self->ended++;
}

static void *
run_guard(void *context)
{
    kt_http_guard_t *self = context;
    pthread_mutex_lock(&self->lock);
    while (!self->closing) {
        if (self->n)
            (void)kt_cond_wait_until(&self->changed, &self->lock, kt_clock_ms() + CHECK_MS);
        else
            pthread_cond_wait(&self->changed, &self->lock);  // until the first connection, or close
        int64_t now_ms = kt_clock_ms(), most_ms = is_crowded(self) ? KT_HTTP_CROWD_MS : KT_HTTP_TURN_MS;
        for (size_t i = 0; i < self->n_places; i++) {
            place_t *place = &self->places[i];
            if (place->fd >= 0 && !place->working && !place->ended && now_ms - place->since_ms >= most_ms)
                end_place(self, place);
        }
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

kt_err_t
kt_http_guard_new(kt_http_guard_t **self_p, size_t places, size_t crowd)
{
    kt_http_guard_t *self = calloc(1, sizeof *self + places * sizeof *self->places);
    if (!self)
        return KT_ENOMEM;
    pthread_mutex_init(&self->lock, NULL);
    kt_cond_init(&self->changed);
    self->n_places = places;
    self->crowd    = crowd;
    for (size_t i = 0; i < places; i++)
        self->places[i].fd = -1;
    self->started = pthread_create(&self->thread, NULL, run_guard, self) == 0;
    if (!self->started) {
        kt_http_guard_destroy(&self);
        return KT_ESYSTEM;
    }
    *self_p = self;
    return KT_OK;
}

void
kt_http_guard_destroy(kt_http_guard_t **self_p)
{
    kt_http_guard_t *self = *self_p;
    if (!self)
        return;
    pthread_mutex_lock(&self->lock);
    self->closing = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    if (self->started)
        pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

size_t
kt_http_guard_enter(kt_http_guard_t *self, int fd)
{
    place_t *unused = NULL, *oldest = NULL;
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->n_places; i++) {
        place_t *place = &self->places[i];
        if (place->fd < 0)
            unused = unused ? unused : place;
        else if (!place->working && !place->ended && (!oldest || place->since_ms < oldest->since_ms))
            oldest = place;
    }
    if (unused) {
        if (is_crowded(self) && oldest)
            end_place(self, oldest);  // makes room: it has waited longest
        *unused = (place_t){.fd = fd, .since_ms = kt_clock_ms()};
        if (self->n++ == 0)
            pthread_cond_signal(&self->changed);
    }
    pthread_mutex_unlock(&self->lock);
    return unused ? (size_t)(unused - self->places) : self->n_places;
}

void
kt_http_guard_leave(kt_http_guard_t *self, size_t place)
{
    if (place >= self->n_places)
        return;
    pthread_mutex_lock(&self->lock);
    self->places[place].fd = -1;
    self->n--;
    pthread_mutex_unlock(&self->lock);
}

void
kt_http_guard_work(kt_http_guard_t *self, size_t place, bool on)
{
    if (place >= self->n_places)
        return;
    pthread_mutex_lock(&self->lock);
    self->places[place].working  = on;
    self->places[place].since_ms = kt_clock_ms();
    pthread_mutex_unlock(&self->lock);
}

size_t
kt_http_guard_count(kt_http_guard_t *self)
{
    pthread_mutex_lock(&self->lock);
    size_t n = self->n;
    pthread_mutex_unlock(&self->lock);
    return n;
}

uint64_t
kt_http_guard_ended(kt_http_guard_t *self)
{
    pthread_mutex_lock(&self->lock);
    uint64_t n = self->ended;
    pthread_mutex_unlock(&self->lock);
    return n;
}
