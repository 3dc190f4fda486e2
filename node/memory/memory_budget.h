// kt_admission -- a budget of memory for all files in work. A file reserves what it will need before it starts and
// waits while others hold too much, first come first served, so that small files cannot starve a large one. Any thread.
#pragma once

#include "common/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct kt_admission kt_admission_t;

KT_MUST_USE kt_err_t kt_admission_new(kt_admission_t **self_p, uint64_t max_bytes);  // KT_ENOMEM, KT_ESYSTEM
void                 kt_admission_destroy(kt_admission_t **self_p);  // everything must have been given back

typedef struct kt_admission_wait {
    int64_t       deadline_ms;  // monotonic
    _Atomic bool *cancelled;    // NULL: never
    _Atomic uint64_t
        *progress;  // counts the wait's turns, so that a waiting worker is not taken for a stuck one; or NULL
} kt_admission_wait_t;

// Blocks until bytes fit. KT_EMEMLIMIT (more than the limit alone), KT_ETIME, KT_ECANCELLED: nothing is held then.
KT_MUST_USE kt_err_t kt_admission_take(kt_admission_t *self, uint64_t bytes, const kt_admission_wait_t *wait);
// More for one that already holds `held`, because its file is longer than declared. Never waits (two could wait for
// each other); others wait longer. KT_EMEMLIMIT: held + more is more than the limit; nothing changes.
KT_MUST_USE kt_err_t kt_admission_grow(kt_admission_t *self, uint64_t held, uint64_t more);
void                 kt_admission_give(kt_admission_t *self, uint64_t bytes);
void                 kt_admission_levels(kt_admission_t *self, uint64_t *now_bytes, uint64_t *peak_bytes);
