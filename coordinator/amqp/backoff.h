// kt_backoff -- pauses between attempts: doubled from a quarter of a second to 30 s, each drawn from its upper half, so
// that clients of one broker do not reconnect together. Pure, with the seed as state.
#pragma once

#include <stdint.h>

enum { KT_BACKOFF_FIRST_MS = 250, KT_BACKOFF_MOST_MS = 30000 };

typedef struct kt_backoff {
    int64_t  next_ms;
    uint64_t random;
} kt_backoff_t;

void    kt_backoff_init(kt_backoff_t *self, uint64_t seed);
int64_t kt_backoff_next(kt_backoff_t *self);   // the pause before the next attempt
void    kt_backoff_reset(kt_backoff_t *self);  // it went well
