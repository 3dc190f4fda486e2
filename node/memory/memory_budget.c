#include "node/memory/memory_budget.h"

#include "common/assert.h"
#include "common/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

// The queue of waiters, oldest first; each entry is on its waiter's stack.
typedef struct waiter {
    struct waiter *next;
} waiter_t;

struct kt_admission {
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    uint64_t        max_bytes, now_bytes, peak_bytes;
    waiter_t       *first, **last;
};

enum { TURN_MS = 100 };  // how often a waiter reads its cancel flag

kt_err_t
kt_admission_new(kt_admission_t **self_p, uint64_t max_bytes)
{
    kt_admission_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    int failed = pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (failed || pthread_mutex_init(&self->lock, NULL)) {
        free(self);
        return KT_ESYSTEM;
    }
    self->max_bytes = max_bytes;
    self->last      = &self->first;
    *self_p         = self;
    return KT_OK;
}

void
kt_admission_destroy(kt_admission_t **self_p)
{
    kt_admission_t *self = *self_p;
    if (!self)
        return;
    kt_assert(self->now_bytes == 0 && !self->first);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

static void
add_bytes(kt_admission_t *self, uint64_t bytes)
{
    self->now_bytes += bytes;
    if (self->now_bytes > self->peak_bytes)
        self->peak_bytes = self->now_bytes;
}

kt_err_t
kt_admission_take(kt_admission_t *self, uint64_t bytes, const kt_admission_wait_t *wait)
{
    if (bytes > self->max_bytes)
        return KT_EMEMLIMIT;
    waiter_t   me  = {.next = NULL};
    waiter_t **at  = &self->first;
    kt_err_t   err = KT_OK;
    pthread_mutex_lock(&self->lock);
    *self->last = &me;
    self->last  = &me.next;
    // Until this waiter is the first and there is room.
    while (self->first != &me || self->now_bytes + bytes > self->max_bytes) {
        int64_t now = kt_clock_ms();
        err         = wait->cancelled && atomic_load(wait->cancelled) ? KT_ECANCELLED
                      : now >= wait->deadline_ms                      ? KT_ETIME
                                                                      : KT_OK;
        if (err)
            break;
        int64_t         until_ms = wait->deadline_ms - now < TURN_MS ? wait->deadline_ms : now + TURN_MS;
        struct timespec until    = {until_ms / 1000, until_ms % 1000 * 1000000};
        pthread_cond_timedwait(&self->changed, &self->lock, &until);
        if (wait->progress)
            atomic_fetch_add(wait->progress, 1);
    }

    while (*at != &me)
        at = &(*at)->next;
    *at = me.next;
    if (!*at)
        self->last = at;
    if (!err)
        add_bytes(self, bytes);
    pthread_cond_broadcast(&self->changed);  // the next waiter may fit as well
    pthread_mutex_unlock(&self->lock);
    return err;
}

kt_err_t
kt_admission_grow(kt_admission_t *self, uint64_t held, uint64_t more)
{
    if (held + more > self->max_bytes)
        return KT_EMEMLIMIT;
    pthread_mutex_lock(&self->lock);
    add_bytes(self, more);
    pthread_mutex_unlock(&self->lock);
    return KT_OK;
}

void
kt_admission_give(kt_admission_t *self, uint64_t bytes)
{
    pthread_mutex_lock(&self->lock);
    kt_assert(bytes <= self->now_bytes);
    self->now_bytes -= bytes;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

void
kt_admission_levels(kt_admission_t *self, uint64_t *now_bytes, uint64_t *peak_bytes)
{
    pthread_mutex_lock(&self->lock);
    *now_bytes  = self->now_bytes;
    *peak_bytes = self->peak_bytes;
    pthread_mutex_unlock(&self->lock);
}
