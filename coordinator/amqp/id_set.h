// id_set -- a set of outbox ids (never 0) of fixed size: the rows in flight. One thread.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_ids {
    uint64_t *slots;  // a power of two, at most half full; 0 free
    size_t    mask, n, most;
} kt_ids_t;

KT_MUST_USE kt_err_t kt_ids_init(kt_ids_t *self, size_t most);
void                 kt_ids_fini(kt_ids_t *self);
bool                 kt_ids_has(const kt_ids_t *self, uint64_t id);
bool                 kt_ids_add(kt_ids_t *self, uint64_t id);  // false: in already, 0, or no room
void                 kt_ids_remove(kt_ids_t *self, uint64_t id);
