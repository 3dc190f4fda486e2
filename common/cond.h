// kt_cond -- condition variables on the clock of kt_clock_ms, so that a wait has a deadline that no change of the wall
// clock moves. Any thread that holds the lock.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void kt_cond_init(pthread_cond_t *self);  // cannot fail on Linux: glibc allocates nothing
// Waits for a signal until deadline_ms, a time of kt_clock_ms. False: the deadline has passed. A wakeup may be
// spurious, so the caller tests its condition in a loop.
bool kt_cond_wait_until(pthread_cond_t *self, pthread_mutex_t *lock, int64_t deadline_ms);
