#include "common/pool.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

enum { BLOCKS = 8, BYTES = 100, THREADS = 4, ROUNDS = 5000 };

static kt_pool_t *pool;

static void
open_pool(void)
{
    cr_assert_eq(kt_pool_new(&pool, BYTES, BLOCKS), KT_OK);
}

static void
close_pool(void)
{
    kt_pool_destroy(&pool);
    kt_pool_destroy(&pool);  // idempotent
}

TestSuite(pool, .init = open_pool, .fini = close_pool);

Test(pool, blocks_are_aligned_distinct_and_zeroed_each_time)
{
    void *blocks[BLOCKS];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            uint8_t *block = blocks[i] = kt_pool_get(pool);
            cr_assert_eq((uintptr_t)block % 64, 0);
            for (int at = 0; at < BYTES; at++)
                cr_assert_eq(block[at], 0);
        }
        for (int i = 0; i < BLOCKS; i++)
            memset(blocks[i], 0xA0 + i, BYTES);
        for (int i = 0; i < BLOCKS; i++) {
            cr_assert_eq(((uint8_t *)blocks[i])[BYTES - 1], 0xA0 + i);
            kt_pool_put(pool, &blocks[i]);
            cr_assert_null(blocks[i]);
        }
    }
}

Test(pool, an_empty_pool_gives_nothing_until_a_block_is_back)
{
    void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = kt_pool_get(pool);
    cr_assert_eq(kt_pool_free(pool), 0);
    cr_assert_null(kt_pool_get(pool));
    kt_pool_put(pool, &blocks[3]);
    cr_assert_eq(kt_pool_free(pool), 1);
    blocks[3] = kt_pool_get(pool);
    cr_assert_not_null(blocks[3]);
    for (int i = 0; i < BLOCKS; i++)
        kt_pool_put(pool, &blocks[i]);
}

Test(pool, putting_nothing_is_fine)
{
    void *nothing = NULL;
    kt_pool_put(pool, &nothing);
    cr_assert_eq(kt_pool_free(pool), BLOCKS);
}

Test(pool, a_block_that_comes_back_twice_is_caught, .signal = SIGABRT)
{
    void *block = kt_pool_get(pool);
    void *again = block;
    kt_pool_put(pool, &block);
    kt_pool_put(pool, &again);
}

Test(pool, a_strangers_block_is_caught, .signal = SIGABRT)
{
    char  stranger = 0;
    void *block    = &stranger;
    kt_pool_put(pool, &block);
}

Test(pool, destroying_with_a_block_out_is_caught, .signal = SIGABRT)
{
    cr_assert_not_null(kt_pool_get(pool));
    kt_pool_destroy(&pool);
}

Test(pool, impossible_sizes_are_refused_and_leave_the_pointer_alone)
{
    kt_pool_t *other = NULL;
    cr_assert_eq(kt_pool_new(&other, 0, 1), KT_EINVAL);
    cr_assert_eq(kt_pool_new(&other, 1, 0), KT_EINVAL);
    cr_assert_eq(kt_pool_new(&other, SIZE_MAX, 1), KT_ENOMEM);
    cr_assert_eq(kt_pool_new(&other, 1 << 20, SIZE_MAX >> 10), KT_ENOMEM);
    cr_assert_null(other);
}

static void *
get_and_put(void *failed)
{
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t *block = kt_pool_get(pool);
        if (!block)
            continue;
        *(int *)failed |= *block != 0;
        *block      = (uint64_t)i + 1;
        void *given = block;
        kt_pool_put(pool, &given);
    }
    return NULL;
}

Test(pool, threads_never_share_a_block)
{
    pthread_t threads[THREADS];
    int       failed[THREADS] = {0};
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, get_and_put, &failed[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(failed[i], 0);
    }
    cr_assert_eq(kt_pool_free(pool), BLOCKS);
}
