#include "common/clock.h"
#include "common/queue.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum { ROOM = 4, PRODUCERS = 4, CONSUMERS = 4, ITEMS_EACH = 5000, PATIENCE_MS = 30000 };

static kt_queue_t *queue;
static int         values[ROOM + 1] = {0, 1, 2, 3, 4};

static void
open_queue(void)
{
    cr_assert_eq(kt_queue_new(&queue, ROOM), KT_OK);
}

static void
close_queue(void)
{
    kt_queue_destroy(&queue);
    kt_queue_destroy(&queue);  // idempotent
}

TestSuite(queue, .init = open_queue, .fini = close_queue);

static kt_err_t
push(int i)
{
    int     *item = &values[i];
    kt_err_t err  = kt_queue_push(queue, &item);
    cr_assert_eq(item, err ? &values[i] : NULL);
    return err;
}

static bool
is_readable(void)
{
    struct pollfd fd = {.fd = kt_queue_fd(queue), .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

Test(queue, items_leave_in_the_order_they_came)
{
    void  *items[ROOM];
    size_t n = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++)
            cr_assert_eq(push(i), KT_OK);
        cr_assert_eq(kt_queue_pop(queue, items, ROOM, &n, 0), KT_OK);
        cr_assert_eq(n, 3);
        for (int i = 0; i < 3; i++)
            cr_assert_eq(items[i], &values[i]);
    }
}

Test(queue, a_full_queue_refuses_and_leaves_the_item_to_its_owner)
{
    int *late = &values[4];
    for (int i = 0; i < ROOM; i++)
        cr_assert_eq(push(i), KT_OK);
    cr_assert_eq(push(4), KT_EFULL);
    cr_assert_eq(kt_queue_push_wait(queue, &late, 20), KT_ETIME);
    cr_assert_eq(late, &values[4]);
    cr_assert_eq(kt_queue_count(queue), ROOM);
}

Test(queue, pop_takes_at_most_its_maximum)
{
    void  *items[2];
    size_t n = 0;
    for (int i = 0; i < 3; i++)
        cr_assert_eq(push(i), KT_OK);
    cr_assert_eq(kt_queue_pop(queue, items, 2, &n, 0), KT_OK);
    cr_assert_eq(n, 2);
    cr_assert_eq(kt_queue_count(queue), 1);
}

Test(queue, a_pop_from_an_empty_queue_ends_at_the_deadline)
{
    void   *item     = &values[0];
    size_t  n        = 99;
    int64_t start_ms = kt_clock_ms();
    cr_assert_eq(kt_queue_pop(queue, &item, 1, &n, 0), KT_ETIME);
    cr_assert_eq(kt_queue_pop(queue, &item, 1, &n, 30), KT_ETIME);
    cr_assert_geq(kt_clock_ms() - start_ms, 29);
    cr_assert_eq(n, 99);
    cr_assert_eq(item, &values[0]);
}

Test(queue, the_descriptor_is_readable_exactly_while_items_are_in)
{
    void  *item;
    size_t n;
    cr_assert_not(is_readable());
    cr_assert_eq(push(0), KT_OK);
    cr_assert_eq(push(1), KT_OK);
    cr_assert(is_readable());
    cr_assert_eq(kt_queue_pop(queue, &item, 1, &n, 0), KT_OK);
    cr_assert(is_readable());
    cr_assert_eq(kt_queue_pop(queue, &item, 1, &n, 0), KT_OK);
    cr_assert_not(is_readable());
}

Test(queue, a_closed_queue_refuses_but_gives_what_is_in)
{
    void  *item;
    size_t n;
    int   *late = &values[1];
    cr_assert_eq(push(0), KT_OK);
    kt_queue_close(queue);
    cr_assert_eq(push(1), KT_ECLOSED);
    cr_assert_eq(kt_queue_push_wait(queue, &late, 1000), KT_ECLOSED);
    cr_assert_eq(kt_queue_pop(queue, &item, 1, &n, 0), KT_OK);
    cr_assert_eq(item, &values[0]);
    cr_assert_eq(kt_queue_pop(queue, &item, 1, &n, 1000), KT_ECLOSED);
}

static void *
wait_for_item(void *err)
{
    void  *item;
    size_t n;
    *(kt_err_t *)err = kt_queue_pop(queue, &item, 1, &n, PATIENCE_MS);
    return NULL;
}

static void *
wait_for_room(void *err)
{
    int *item        = &values[4];
    *(kt_err_t *)err = kt_queue_push_wait(queue, &item, PATIENCE_MS);
    return NULL;
}

Test(queue, close_wakes_the_waiting_consumers)
{
    pthread_t thread;
    kt_err_t  err = KT_OK;
    cr_assert_eq(pthread_create(&thread, NULL, wait_for_item, &err), 0);
    kt_queue_close(queue);
    pthread_join(thread, NULL);
    cr_assert_eq(err, KT_ECLOSED);
}

Test(queue, room_wakes_a_producer_that_waits)
{
    pthread_t thread;
    kt_err_t  err = KT_ETIME;
    void     *item;
    size_t    n;
    for (int i = 0; i < ROOM; i++)
        cr_assert_eq(push(i), KT_OK);
    cr_assert_eq(pthread_create(&thread, NULL, wait_for_room, &err), 0);
    cr_assert_eq(kt_queue_pop(queue, &item, 1, &n, 0), KT_OK);
    pthread_join(thread, NULL);
    cr_assert_eq(err, KT_OK);
    cr_assert_eq(kt_queue_count(queue), ROOM);
}

Test(queue, no_size_and_an_endless_size_are_refused)
{
    kt_queue_t *other = NULL;
    cr_assert_eq(kt_queue_new(&other, 0), KT_EINVAL);
    cr_assert_eq(kt_queue_new(&other, SIZE_MAX), KT_ENOMEM);
    cr_assert_null(other);
}

static int        numbers[PRODUCERS * ITEMS_EACH];
static atomic_int seen[PRODUCERS * ITEMS_EACH];
static atomic_int errors;

static void *
produce(void *first)
{
    for (int i = 0; i < ITEMS_EACH; i++) {
        int *item = (int *)first + i;
        errors += kt_queue_push_wait(queue, &item, PATIENCE_MS) != KT_OK || item != NULL;
    }
    return NULL;
}

// Each consumer must see the items of one producer in order.
static void *
consume(void *unused)
{
    int    last[PRODUCERS];
    void  *items[3];
    size_t n;
    for (int i = 0; i < PRODUCERS; i++)
        last[i] = -1;
    while (kt_queue_pop(queue, items, 3, &n, PATIENCE_MS) == KT_OK) {
        for (size_t i = 0; i < n; i++) {
            int number = (int)((int *)items[i] - numbers);
            seen[number]++;
            errors += number <= last[number / ITEMS_EACH];
            last[number / ITEMS_EACH] = number;
        }
    }
    return unused;
}

Test(queue, every_item_of_many_producers_reaches_one_consumer_once_and_in_order)
{
    pthread_t producers[PRODUCERS], consumers[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++)
        cr_assert_eq(pthread_create(&consumers[i], NULL, consume, NULL), 0);
    for (int i = 0; i < PRODUCERS; i++)
        cr_assert_eq(pthread_create(&producers[i], NULL, produce, &numbers[i * ITEMS_EACH]), 0);
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i], NULL);
    kt_queue_close(queue);
    for (int i = 0; i < CONSUMERS; i++)
        pthread_join(consumers[i], NULL);
    cr_assert_eq(errors, 0);
    for (int i = 0; i < PRODUCERS * ITEMS_EACH; i++)
        cr_assert_eq(seen[i], 1);
    cr_assert_not(is_readable());
}
