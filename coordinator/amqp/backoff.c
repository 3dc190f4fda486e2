#include "coordinator/amqp/backoff.h"

void
kt_backoff_init(kt_backoff_t *self, uint64_t seed)
{
    self->next_ms = KT_BACKOFF_FIRST_MS;
    self->random  = seed;
}

void
kt_backoff_reset(kt_backoff_t *self)
{
    self->next_ms = KT_BACKOFF_FIRST_MS;
}

// SplitMix64 (Steele, Lea, Flood 2014).
static uint64_t
backoff_draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z          = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z          = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int64_t
kt_backoff_next(kt_backoff_t *self)
{
    int64_t half  = self->next_ms / 2;
    int64_t pause = half + (int64_t)(backoff_draw(&self->random) % (uint64_t)(self->next_ms - half + 1));
    self->next_ms = self->next_ms > KT_BACKOFF_MOST_MS / 2 ? KT_BACKOFF_MOST_MS : self->next_ms * 2;
    return pause;
}
