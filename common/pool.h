// kt_pool -- equal-sized blocks taken from the system once, at start. get and put are O(1), any thread.
#pragma once

#include "common/err.h"

#include <stddef.h>

typedef struct kt_pool kt_pool_t;

KT_MUST_USE kt_err_t kt_pool_new(kt_pool_t **self_p, size_t block_bytes, size_t blocks);  // 64-byte aligned blocks
void                 kt_pool_destroy(kt_pool_t **self_p);                                 // every block must be back

void  *kt_pool_get(kt_pool_t *self);                  // zeroed; NULL when all are out
void   kt_pool_put(kt_pool_t *self, void **block_p);  // NULL-safe, nulls
size_t kt_pool_free(const kt_pool_t *self);           // blocks left, a moment's number
