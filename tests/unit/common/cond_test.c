#include "common/clock.h"
#include "common/cond.h"

#include <criterion/criterion.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  changed;
static bool            done;

static void
init_changed(void)
{
    kt_cond_init(&changed);
}

TestSuite(cond, .init = init_changed, .timeout = 60);

Test(cond, a_wait_without_a_signal_ends_at_its_deadline_and_not_before)
{
    int64_t deadline_ms = kt_clock_ms() + 30;
    pthread_mutex_lock(&lock);
    while (kt_cond_wait_until(&changed, &lock, deadline_ms))
        ;  // a spurious wakeup
    pthread_mutex_unlock(&lock);
    cr_assert_geq(kt_clock_ms(), deadline_ms);
}

Test(cond, a_deadline_that_has_passed_does_not_wait)
{
    pthread_mutex_lock(&lock);
    cr_assert_not(kt_cond_wait_until(&changed, &lock, kt_clock_ms() - 1000));
    pthread_mutex_unlock(&lock);
}

static void *
set_done(void *context)
{
    (void)context;
    pthread_mutex_lock(&lock);
    done = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    return NULL;
}

Test(cond, a_signal_ends_the_wait_before_its_deadline)
{
    pthread_t thread;
    int64_t   deadline_ms = kt_clock_ms() + 50000;
    pthread_mutex_lock(&lock);
    cr_assert_eq(pthread_create(&thread, NULL, set_done, NULL), 0);
    while (!done)
        cr_assert(kt_cond_wait_until(&changed, &lock, deadline_ms));
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    cr_assert_lt(kt_clock_ms(), deadline_ms);
}
