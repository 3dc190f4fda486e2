#include "common/queue.h"

#include "common/assert.h"
#include "common/clock.h"
#include "common/cond.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

// The longest wait, so that a deadline never overflows: a day.
static const int64_t MAX_WAIT_MS = 24 * 3600 * 1000;

// A ring under one lock. The event descriptor's counter is 1 while the ring has items, else 0. It changes under the
// lock, only when the ring becomes empty or stops being empty.
struct kt_queue {
    pthread_mutex_t lock;
    pthread_cond_t  filled;  // an item was added, or closed
    pthread_cond_t  room;    // an item was removed, or closed
    bool            closed;
    int             event_fd;
    size_t          max_items;
    size_t          first;
    atomic_size_t   count;
    void          **items;
};

kt_err_t
kt_queue_new(kt_queue_t **self_p, size_t max_items)
{
    if (!max_items)
        return KT_EINVAL;
    if (max_items > SIZE_MAX / sizeof(void *))
        return KT_ENOMEM;
    kt_err_t    err  = KT_ENOMEM;
    kt_queue_t *self = calloc(1, sizeof *self);
    if (!self)
        return err;
    pthread_mutex_init(&self->lock, NULL);
    kt_cond_init(&self->filled);
    kt_cond_init(&self->room);
    self->max_items = max_items;
    self->event_fd  = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    self->items     = calloc(max_items, sizeof *self->items);
    if (!self->items)
        goto fail;
    err = KT_ESYSTEM;
    if (self->event_fd < 0)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_queue_destroy(&self);
    return err;
}

void
kt_queue_destroy(kt_queue_t **self_p)
{
    kt_queue_t *self = *self_p;
    if (!self)
        return;
    pthread_cond_destroy(&self->room);
    pthread_cond_destroy(&self->filled);
    pthread_mutex_destroy(&self->lock);
    if (self->event_fd >= 0)
        close(self->event_fd);
    free(self->items);
    free(self);
    *self_p = NULL;
}

static int64_t
deadline_in(int64_t timeout_ms)
{
    return kt_clock_ms() + (timeout_ms > MAX_WAIT_MS ? MAX_WAIT_MS : timeout_ms);
}

// With the lock held. item_p is a pointer to any kind of pointer, hence the memcpy.
static kt_err_t
queue_put(kt_queue_t *self, void *item_p)
{
    if (self->closed)
        return KT_ECLOSED;
    if (self->count == self->max_items)
        return KT_EFULL;
    void    *nothing = NULL;
    uint64_t one     = 1;
    memcpy(&self->items[(self->first + self->count) % self->max_items], item_p, sizeof(void *));
    memcpy(item_p, &nothing, sizeof nothing);
    if (self->count++ == 0)
        kt_assert(write(self->event_fd, &one, sizeof one) == sizeof one);
    pthread_cond_signal(&self->filled);
    return KT_OK;
}

kt_err_t
kt_queue_push(kt_queue_t *self, void *item_p)
{
    pthread_mutex_lock(&self->lock);
    kt_err_t err = queue_put(self, item_p);
    pthread_mutex_unlock(&self->lock);
    return err;
}

kt_err_t
kt_queue_push_wait(kt_queue_t *self, void *item_p, int64_t timeout_ms)
{
    int64_t deadline_ms = deadline_in(timeout_ms);
    bool    in_time     = timeout_ms > 0;
    pthread_mutex_lock(&self->lock);
    kt_err_t err = queue_put(self, item_p);
    while (err == KT_EFULL && in_time) {
        in_time = kt_cond_wait_until(&self->room, &self->lock, deadline_ms);
        err     = queue_put(self, item_p);
    }
    pthread_mutex_unlock(&self->lock);
    return err == KT_EFULL ? KT_ETIME : err;
}

kt_err_t
kt_queue_pop(kt_queue_t *self, void **items, size_t max, size_t *n, int64_t timeout_ms)
{
    kt_err_t err = KT_OK;
    uint64_t counter;
    pthread_mutex_lock(&self->lock);
    if (!self->count && !self->closed && timeout_ms > 0) {
        int64_t deadline_ms = deadline_in(timeout_ms);
        bool    in_time     = true;
        while (!self->count && !self->closed && in_time)
            in_time = kt_cond_wait_until(&self->filled, &self->lock, deadline_ms);
    }
    size_t taken = self->count < max ? self->count : max;
    if (!self->count)
        err = self->closed ? KT_ECLOSED : KT_ETIME;
    else
        *n = taken;
    for (size_t i = 0; i < taken; i++) {
        items[i]    = self->items[self->first];
        self->first = (self->first + 1) % self->max_items;
    }
    self->count -= taken;
    if (taken && !self->count)
        kt_assert(read(self->event_fd, &counter, sizeof counter) == sizeof counter);
    if (taken == 1)
        pthread_cond_signal(&self->room);
    else if (taken)
        pthread_cond_broadcast(&self->room);
    pthread_mutex_unlock(&self->lock);
    return err;
}

void
kt_queue_close(kt_queue_t *self)
{
    pthread_mutex_lock(&self->lock);
    self->closed = true;
    pthread_cond_broadcast(&self->filled);
    pthread_cond_broadcast(&self->room);
    pthread_mutex_unlock(&self->lock);
}

size_t
kt_queue_count(const kt_queue_t *self)
{
    return self->count;
}

int
kt_queue_fd(kt_queue_t *self)
{
    return self->event_fd;
}
