// kt_tags -- the unacknowledged deliveries of one channel. The settled ones from the oldest on go out as one multiple
// acknowledgement, those settled before an older one go out singly. Tags count from 1 on each connection; the epoch
// names the connection. One thread, no I/O.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_tags {
    uint64_t  epoch;  // of the connection, from 1; 0 before the first
    uint64_t  first;  // the oldest tag that is not acknowledged
    uint64_t  next;   // the next that will be delivered
    size_t    window;
    uint8_t  *states;  // of the tags from first to next, by tag modulo window
    uint64_t *early;   // settled since the last flush
    size_t    n_early;
} kt_tags_t;

// window: how many deliveries may be open at a time. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_tags_init(kt_tags_t *self, size_t window);
void                 kt_tags_fini(kt_tags_t *self);
void                 kt_tags_begin(kt_tags_t *self);  // a new connection: all earlier tags are void
// KT_EMESSAGE: not the next one, or more than the window.
KT_MUST_USE kt_err_t kt_tags_deliver(kt_tags_t *self, uint64_t tag);
// False, and nothing happens: a tag of another connection, never delivered, or settled before.
bool kt_tags_settle(kt_tags_t *self, uint64_t epoch, uint64_t tag);

typedef kt_err_t kt_tags_ack_fn(void *context, uint64_t tag, bool multiple);
// Acknowledges all that is settled; stops at the first failure, after which only begin helps.
KT_MUST_USE kt_err_t kt_tags_flush(kt_tags_t *self, kt_tags_ack_fn *ack, void *context);
