#include "common/cond.h"

#include <time.h>

void
kt_cond_init(pthread_cond_t *self)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(self, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool
kt_cond_wait_until(pthread_cond_t *self, pthread_mutex_t *lock, int64_t deadline_ms)
{
    struct timespec at = {.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};
    return pthread_cond_timedwait(self, lock, &at) == 0;
}
