// kt_queue -- a bounded queue of pointers between threads, with an event descriptor for poll loops. Any number of
// producers and consumers. A full queue rejects items; waits have a deadline.
#pragma once

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct kt_queue kt_queue_t;

KT_MUST_USE kt_err_t kt_queue_new(kt_queue_t **self_p, size_t max_items);  // KT_EINVAL, KT_ENOMEM, KT_ESYSTEM
void                 kt_queue_destroy(kt_queue_t **self_p);                // items left in it are not freed

// Takes *item and nulls it (ownership moves); on failure *item is untouched. KT_EFULL, KT_ECLOSED.
KT_MUST_USE kt_err_t kt_queue_push(kt_queue_t *self, void *item_p);
// As push, but waits for room at most timeout_ms. KT_ETIME, KT_ECLOSED.
KT_MUST_USE kt_err_t kt_queue_push_wait(kt_queue_t *self, void *item_p, int64_t timeout_ms);

// Up to max items in order into items, their number into *n; waits at most timeout_ms for the first (0: does not wait).
// KT_OK with *n > 0; KT_ETIME with none; KT_ECLOSED when closed and empty.
KT_MUST_USE kt_err_t kt_queue_pop(kt_queue_t *self, void **items, size_t max, size_t *n, int64_t timeout_ms);

void   kt_queue_close(kt_queue_t *self);        // rejects pushes, wakes every waiter; queued items can still be popped
size_t kt_queue_count(const kt_queue_t *self);  // a snapshot
// Readable (POLLIN) while the queue has items: for poll loops, which pop with timeout 0 until KT_ETIME. Owned by the
// queue.
int kt_queue_fd(kt_queue_t *self);
