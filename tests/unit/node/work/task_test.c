#include "node/work/task.h"

#include <criterion/criterion.h>
#include <string.h>

static kt_items_t items;

static void
empty(void)
{
    kt_items_fini(&items);
}

TestSuite(items, .fini = empty);

static kt_item_t *
add(uint64_t job, uint64_t run)
{
    kt_item_t     *item = NULL;
    kt_wire_work_t work = {.job = job, .run = run, .attempt = 3, .body = {"{}", 2}, .deadline_ms = 9, .solo = true};
    cr_assert_eq(kt_items_add(&items, &work, 1, &item), KT_OK);
    return item;
}

Test(items, an_item_has_what_the_work_said)
{
    kt_item_t *item = add(7, 2);
    cr_assert_eq(kt_items_find(&items, 7, 2), item);
    cr_assert(item->attempt == 3 && item->coordinator == 1 && item->deadline_ms == 9 && item->solo);
    cr_assert_str_eq(item->body, "{}");
    cr_assert_eq(item->stage, KT_ITEM_WAITING);
    cr_assert_null(kt_items_find(&items, 7, 1));
    cr_assert_null(kt_items_find(&items, 8, 2));
}

Test(items, the_table_is_bounded)
{
    kt_item_t     *more = NULL;
    kt_wire_work_t work = {.job = 1, .run = 2, .body = {"{}", 2}};
    for (uint64_t i = 0; i < KT_ITEMS_MAX; i++)
        add(i, 1);
    cr_assert_eq(kt_items_add(&items, &work, 0, &more), KT_EFULL);
    cr_assert_null(more);
}

Test(items, kept_ones_are_counted_until_they_are_forgotten)
{
    kt_item_t *one = add(1, 1), *two = add(2, 1);
    kt_items_keep(&items, one);
    kt_items_keep(&items, two);
    cr_assert_eq(items.n_kept, 2);
    kt_items_forget(&items, &one);
    cr_assert_null(one);
    cr_assert(items.n == 1 && items.n_kept == 1);
    cr_assert_eq(items.first, two);
    cr_assert_eq(items.last, two);
}

Test(items, a_detached_item_lives_on_and_its_run_may_come_again)
{
    kt_item_t *old = add(1, 1);
    kt_items_detach(&items, old);
    cr_assert(old->detached);
    cr_assert_null(kt_items_find(&items, 1, 1));
    kt_item_t *new = add(1, 1);
    cr_assert_eq(kt_items_find(&items, 1, 1), new);
    kt_item_destroy(&old);
    kt_item_destroy(&old);  // idempotent
}
