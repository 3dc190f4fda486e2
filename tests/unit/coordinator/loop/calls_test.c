#include "coordinator/loop/calls.h"

#include <criterion/criterion.h>
#include <pthread.h>

enum { PATIENCE_MS = 10000 };

static kt_queue_t *queue;

static void
open_queue(void)
{
    cr_assert_eq(kt_queue_new(&queue, 4), KT_OK);
}

static void
close_queue(void)
{
    kt_queue_destroy(&queue);
}

TestSuite(calls, .init = open_queue, .fini = close_queue);

static void *
answer_one(void *context)
{
    void  *call;
    size_t n;
    if (kt_queue_pop(queue, &call, 1, &n, PATIENCE_MS))
        return NULL;
    ((kt_call_t *)call)->snapshot.nodes_all = 7;
    kt_call_finish(call, *(kt_err_t *)context);
    return NULL;
}

Test(calls, an_answer_is_returned_to_the_caller)
{
    pthread_t  thread;
    kt_err_t   said = KT_OK;
    kt_call_t *call = kt_call_new(1);
    cr_assert_eq(pthread_create(&thread, NULL, answer_one, &said), 0);
    cr_assert_eq(kt_call_ask(&call, queue, PATIENCE_MS), KT_OK);
    cr_assert_eq(call->snapshot.nodes_all, 7);
    kt_call_destroy(&call);
    pthread_join(thread, NULL);
}

Test(calls, an_error_takes_the_call_away)
{
    pthread_t  thread;
    kt_err_t   said = KT_ECLOSED;
    kt_call_t *call = kt_call_new(1);
    cr_assert_eq(pthread_create(&thread, NULL, answer_one, &said), 0);
    cr_assert_eq(kt_call_ask(&call, queue, PATIENCE_MS), KT_ECLOSED);
    cr_assert_null(call);
    pthread_join(thread, NULL);
}

Test(calls, an_answer_that_comes_too_late_frees_the_call)
{
    kt_call_t *call = kt_call_new(1);
    void      *late;
    size_t     n;
    cr_assert_eq(kt_call_ask(&call, queue, 10), KT_ETIME);
    cr_assert_null(call);
    cr_assert_eq(kt_queue_pop(queue, &late, 1, &n, 0), KT_OK);
    kt_call_finish(late, KT_OK);  // the sanitizer would report a leak or a second free
}

Test(calls, a_full_or_closed_queue_refuses_at_once)
{
    kt_queue_t *small;
    void       *left;
    size_t      n;
    kt_call_t  *first = kt_call_new(0), *second = kt_call_new(0), *third = kt_call_new(0);
    cr_assert_eq(kt_queue_new(&small, 1), KT_OK);
    cr_assert_eq(kt_call_ask(&first, small, 1), KT_ETIME);
    cr_assert_eq(kt_call_ask(&second, small, PATIENCE_MS), KT_EFULL);
    kt_queue_close(small);
    cr_assert_eq(kt_call_ask(&third, small, PATIENCE_MS), KT_ECLOSED);
    cr_assert_eq(kt_queue_pop(small, &left, 1, &n, 0), KT_OK);
    kt_call_finish(left, KT_ECLOSED);
    kt_queue_destroy(&small);
}
