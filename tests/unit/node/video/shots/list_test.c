#include "node/video/shots/list.h"

#include <criterion/criterion.h>

static kt_shot_list_t list;

static void
add(uint64_t index)
{
    cr_assert_eq(kt_shot_list_add(&list, &(kt_shot_t){index, (double)index, (double)index, KT_CUT}), KT_OK);
}

static void
expect(size_t n, const uint64_t index[])
{
    cr_assert_eq(list.count, n, "%zu", list.count);
    for (size_t i = 0; i < n; i++)
        cr_expect_eq(list.shot[i].index, index[i], "at %zu: %llu", i, (unsigned long long)list.shot[i].index);
    kt_shot_list_fini(&list);
}

Test(shot_list, shots_are_in_order_once)
{
    add(0);
    add(30);
    add(10);
    add(20);
    add(10);
    expect(4, (uint64_t[]){0, 10, 20, 30});
}

Test(shot_list, what_lies_inside_is_removed_but_never_the_first)
{
    add(0);
    add(10);
    add(20);
    add(30);
    kt_shot_list_remove(&list, -5, 30);
    expect(2, (uint64_t[]){0, 30});
}

Test(shot_list, the_shot_of_a_time_is_the_last_that_begins_before)
{
    add(5);
    add(10);
    add(20);
    cr_expect_eq(kt_shot_list_find(&list, 0), 0);
    cr_expect_eq(kt_shot_list_find(&list, 10), 1);
    cr_expect_eq(kt_shot_list_find(&list, 19.9), 1);
    cr_expect_eq(kt_shot_list_find(&list, 1e9), 2);
    kt_shot_list_fini(&list);
}

Test(shot_list, there_is_a_bound)
{
    for (uint64_t i = 0; i < KT_SHOT_LIST_MAX + 10; i++)
        add(i);
    cr_expect_eq(list.count, KT_SHOT_LIST_MAX);
    kt_shot_list_fini(&list);
}
