#include "node/work/task.h"

#include <criterion/criterion.h>
#include <string.h>

static kt_tasks_t tasks;

static void
empty(void)
{
    kt_tasks_fini(&tasks);
}

TestSuite(tasks, .fini = empty);

static kt_task_t *
add(uint64_t job, uint64_t run)
{
    kt_task_t     *task = NULL;
    kt_wire_work_t work = {.job = job, .run = run, .attempt = 3, .body = {"{}", 2}, .deadline_ms = 9, .isolated = true};
    cr_assert_eq(kt_tasks_add(&tasks, &work, 1, &task), KT_OK);
    return task;
}

Test(tasks, an_item_has_what_the_work_said)
{
    kt_task_t *task = add(7, 2);
    cr_assert_eq(kt_tasks_find(&tasks, 7, 2), task);
    cr_assert(task->attempt == 3 && task->coordinator == 1 && task->deadline_ms == 9 && task->isolated);
    cr_assert_str_eq(task->body, "{}");
    cr_assert_eq(task->stage, KT_TASK_WAITING);
    cr_assert_null(kt_tasks_find(&tasks, 7, 1));
    cr_assert_null(kt_tasks_find(&tasks, 8, 2));
}

Test(tasks, the_table_is_bounded)
{
    kt_task_t     *more = NULL;
    kt_wire_work_t work = {.job = 1, .run = 2, .body = {"{}", 2}};
    for (uint64_t i = 0; i < KT_TASKS_MAX; i++)
        add(i, 1);
    cr_assert_eq(kt_tasks_add(&tasks, &work, 0, &more), KT_EFULL);
    cr_assert_null(more);
}

Test(tasks, kept_ones_are_counted_until_they_are_forgotten)
{
    kt_task_t *one = add(1, 1), *two = add(2, 1);
    kt_tasks_finish(&tasks, one);
    kt_tasks_finish(&tasks, two);
    cr_assert_eq(tasks.n_unacked, 2);
    kt_tasks_remove(&tasks, &one);
    cr_assert_null(one);
    cr_assert(tasks.n == 1 && tasks.n_unacked == 1);
    cr_assert_eq(tasks.first, two);
    cr_assert_eq(tasks.last, two);
}

Test(tasks, a_detached_item_lives_on_and_its_run_may_come_again)
{
    kt_task_t *old = add(1, 1);
    kt_tasks_detach(&tasks, old);
    cr_assert(old->detached);
    cr_assert_null(kt_tasks_find(&tasks, 1, 1));
    kt_task_t *new = add(1, 1);
    cr_assert_eq(kt_tasks_find(&tasks, 1, 1), new);
    kt_task_destroy(&old);
    kt_task_destroy(&old);  // idempotent
}
