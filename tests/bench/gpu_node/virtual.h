// A virtual clock for threads. Sources that are compiled with this header in front (-include) run unchanged on threads
// of which exactly one runs at a time: it goes on until it waits, and when all wait, the clock moves to the earliest
// deadline. So a node of 64 cores is the same numbers on any machine under any load, and takes no time but that of its
// own code.
//
// A thread never waits while it holds a lock but by a condition on that lock (it is checked), so locks need no queue.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

int64_t vt_now_us(void);
void    vt_sleep_until(int64_t at_us);
// The first thread joins the clock; the others are made by vt_create. begin again after end: a new clock.
void vt_begin(void);
void vt_end(void);  // all other threads are joined

int vt_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *argument);
int vt_join(pthread_t thread, void **result);
int vt_lock(pthread_mutex_t *lock);
int vt_unlock(pthread_mutex_t *lock);
int vt_wait(pthread_cond_t *cond, pthread_mutex_t *lock);
int vt_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, clockid_t clock, const struct timespec *until);
int vt_wake(pthread_cond_t *cond);
int vt_wake_all(pthread_cond_t *cond);
int vt_none(void *object);

#ifdef KT_VIRTUAL
#define pthread_create(thread, attr, run, argument) vt_create(thread, attr, run, argument)
#define pthread_join(thread, result) vt_join(thread, result)
#define pthread_mutex_lock(lock) vt_lock(lock)
#define pthread_mutex_unlock(lock) vt_unlock(lock)
#define pthread_mutex_init(lock, attr) vt_none(lock)
#define pthread_mutex_destroy(lock) vt_none(lock)
#define pthread_cond_init(cond, attr) vt_none(cond)
#define pthread_cond_destroy(cond) vt_none(cond)
#define pthread_cond_wait(cond, lock) vt_wait(cond, lock)
#define pthread_cond_clockwait(cond, lock, clock, until) vt_wait_until(cond, lock, clock, until)
#define pthread_cond_signal(cond) vt_wake(cond)
#define pthread_cond_broadcast(cond) vt_wake_all(cond)
#define kt_clock_us vt_now_us
#define kt_clock_ms vt_now_ms
#endif
