#include "tests/bench/gpu_node/virtual.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 512 };

typedef struct thread {
    pthread_t      handle;
    pthread_cond_t go;
    bool           used, ready, ended;
    const void    *waits_on;  // a condition, or a thread that is joined; NULL: nothing but time
    int64_t        until_us;
    uint64_t       turn;  // order among those that are ready, or that wait
    bool           late;
    int            locks;
    void *(*run)(void *);
    void *argument;
} thread_t;

static pthread_mutex_t         baton = PTHREAD_MUTEX_INITIALIZER;
static thread_t                threads[THREADS];
static size_t                  n_threads;
static thread_t               *running;
static int64_t                 now_us;
static uint64_t                turns;
static _Thread_local thread_t *me;

static void
must(bool right, const char *what)
{
    if (right)
        return;
    fprintf(stderr, "virtual clock: %s\n", what);
    abort();
}

// The one that is ready for longest; if none is, the clock moves to the earliest deadline.
static thread_t *
next_thread(void)
{
    for (;;) {
        thread_t *next = NULL, *first = NULL;
        for (size_t i = 0; i < n_threads; i++) {
            thread_t *t = &threads[i];
            if (!t->used || t->ended)
                continue;
            if (t->ready && (!next || t->turn < next->turn))
                next = t;
            if (!t->ready && t->until_us != INT64_MAX &&
                (!first || t->until_us < first->until_us || (t->until_us == first->until_us && t->turn < first->turn)))
                first = t;
        }
        if (next)
            return next;
        must(first, "every thread waits for another one");
        now_us       = first->until_us > now_us ? first->until_us : now_us;
        first->ready = first->late = true;
    }
}

// With the baton's lock: another thread runs until this one is ready and its turn comes.
static void
give_way(void)
{
    running = next_thread();
    if (running == me) {
        me->ready = false;
        return;
    }
    pthread_cond_signal(&running->go);
    while (running != me)
        pthread_cond_wait(&me->go, &baton);
    me->ready = false;
}

static bool
block(const void *on, int64_t until_us)
{
    must(me->locks == 0, "a thread waits with a lock");
    pthread_mutex_lock(&baton);
    me->waits_on = on;
    me->until_us = until_us;
    me->late     = false;
    me->turn     = ++turns;
    give_way();
    me->waits_on    = NULL;
    const bool late = me->late;
    pthread_mutex_unlock(&baton);
    return !late;
}

static void
make_ready(const void *on, bool all)
{
    for (;;) {
        thread_t *first = NULL;
        for (size_t i = 0; i < n_threads && on; i++) {
            thread_t *t = &threads[i];
            if (t->used && !t->ended && !t->ready && t->waits_on == on && (!first || t->turn < first->turn))
                first = t;
        }
        if (!first)
            return;
        first->ready = true;
        first->turn  = ++turns;
        if (!all)
            return;
    }
}

int64_t
vt_now_us(void)
{
    return now_us;
}

int64_t vt_now_ms(void);

int64_t
vt_now_ms(void)
{
    return now_us / 1000;
}

void
vt_sleep_until(int64_t at_us)
{
    if (at_us > now_us)
        (void)block(NULL, at_us);
}

void
vt_begin(void)
{
    n_threads  = 1;
    threads[0] = (thread_t){.used = true, .go = PTHREAD_COND_INITIALIZER, .until_us = INT64_MAX};
    me = running = &threads[0];
    now_us       = 1000000;
}

void
vt_end(void)
{
    for (size_t i = 1; i < n_threads; i++)
        must(threads[i].ended, "a thread was not joined");
}

static void *
thread_main(void *argument)
{
    me = argument;
    pthread_mutex_lock(&baton);
    while (running != me)
        pthread_cond_wait(&me->go, &baton);
    me->ready = false;
    pthread_mutex_unlock(&baton);
    me->run(me->argument);
    pthread_mutex_lock(&baton);
    me->ended = true;
    make_ready(me, true);
    running = next_thread();
    pthread_cond_signal(&running->go);
    pthread_mutex_unlock(&baton);
    return NULL;
}

int
vt_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *argument)
{
    (void)attr;
    must(n_threads < THREADS, "too many threads");
    thread_t *made = &threads[n_threads++];
    *made =
        (thread_t){.used = true, .ready = true, .go = PTHREAD_COND_INITIALIZER, .until_us = INT64_MAX, .turn = ++turns};
    made->run      = run;
    made->argument = argument;
    must(pthread_create(&made->handle, NULL, thread_main, made) == 0, "no thread");
    *thread = made->handle;
    return 0;
}

int
vt_join(pthread_t thread, void **result)
{
    for (size_t i = 1; i < n_threads; i++)
        if (threads[i].used && pthread_equal(threads[i].handle, thread)) {
            while (!threads[i].ended)
                (void)block(&threads[i], INT64_MAX);
            threads[i].used = false;
        }
    return pthread_join(thread, result);
}

int
vt_lock(pthread_mutex_t *lock)
{
    (void)lock;
    me->locks++;
    return 0;
}

int
vt_unlock(pthread_mutex_t *lock)
{
    (void)lock;
    me->locks--;
    return 0;
}

int
vt_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
    (void)vt_unlock(lock);
    (void)block(cond, INT64_MAX);
    return vt_lock(lock);
}

int
vt_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, clockid_t clock, const struct timespec *until)
{
    (void)clock;
    (void)vt_unlock(lock);
    const bool woken = block(cond, (int64_t)until->tv_sec * 1000000 + until->tv_nsec / 1000);
    (void)vt_lock(lock);
    return woken ? 0 : ETIMEDOUT;
}

int
vt_wake(pthread_cond_t *cond)
{
    make_ready(cond, false);
    return 0;
}

int
vt_wake_all(pthread_cond_t *cond)
{
    make_ready(cond, true);
    return 0;
}

int
vt_none(void *object)
{
    (void)object;
    return 0;
}
