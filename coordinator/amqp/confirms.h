// kt_window -- published messages that are not confirmed yet: the broker numbers them from 1 in the order of
// their publishing and answers with single or multiple acknowledgements, in any order. Items are the caller's. One
// thread, no I/O.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_window_entry {
    void    *item;      // NULL: settled
    uint64_t key;       // the caller's number of the item
    bool     returned;  // the broker sent it back: no queue took it
} kt_window_entry_t;

typedef struct kt_window {
    uint64_t           first, next;  // numbers of the oldest entry and of the next one
    size_t             capacity;
    size_t             open;  // entries that are not settled
    uint64_t           looked;
    kt_window_entry_t *entries;
} kt_window_t;

typedef void kt_window_fn(void *context, void *item, bool acked, bool returned);

KT_MUST_USE kt_err_t kt_window_init(kt_window_t *self, size_t capacity);
void                 kt_window_fini(kt_window_t *self);
bool                 kt_window_has_room(const kt_window_t *self, size_t n);       // for n more
void                 kt_window_add(kt_window_t *self, void *item, uint64_t key);  // must not be full
// The broker sent the item of that key back; its acknowledgement still comes. False: not known.
bool kt_window_return(kt_window_t *self, uint64_t key);
// The broker's answer for `number`, with multiple for all up to it (0: all). What it settles goes to fn, the oldest
// first. KT_EMESSAGE: a number that was never published; one that is settled already does no harm.
KT_MUST_USE kt_err_t kt_window_settle(kt_window_t *self, uint64_t number, bool multiple, bool acked, kt_window_fn *fn,
                                      void *context);
// A new connection: open messages go to fn as neither acknowledged nor returned, numbers start again.
void kt_window_begin(kt_window_t *self, kt_window_fn *fn, void *context);
