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
    cr_assert_eq(kt_tasks_add(&tasks, &work, 1, NULL, &task), KT_OK);
    return task;
}

Test(tasks, a_task_has_the_fields_of_the_work)
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
    cr_assert_eq(kt_tasks_add(&tasks, &work, 0, NULL, &more), KT_EFULL);
    cr_assert_null(more);
}

Test(tasks, finished_ones_are_counted_until_they_are_removed)
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

Test(tasks, a_detached_task_stays_in_memory_and_its_run_may_come_again)
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

Test(tasks, many_are_found_and_removed_in_any_order)
{
    for (uint64_t i = 0; i < 3000; i++)
        add(i, i % 7);
    for (uint64_t i = 0; i < 3000; i += 3) {
        kt_task_t *task = kt_tasks_find(&tasks, i, i % 7);
        kt_tasks_remove(&tasks, &task);
    }
    size_t listed = 0;
    for (const kt_task_t *task = tasks.first; task; task = task->next)
        listed++;
    cr_assert_eq(listed, 2000);
    cr_assert_eq(tasks.n, 2000);
    for (uint64_t i = 0; i < 3000; i++)
        cr_assert_eq(kt_tasks_find(&tasks, i, i % 7) != NULL, i % 3 != 0);
}

Test(tasks, the_shorter_limit_holds)
{
    kt_settings_t settings = {.file_deadline_s = 60};
    kt_task_t    *task     = add(1, 1);
    cr_assert_eq(kt_task_limit_ms(task, &settings), 9);
    task->deadline_ms = UINT64_MAX;
    cr_assert_eq(kt_task_limit_ms(task, &settings), 60000);
    task->deadline_ms = 0;
    cr_assert_eq(kt_task_limit_ms(task, &settings), 60000);
}

Test(tasks, the_credential_comes_back_as_it_came_whatever_its_length)
{
    kt_wire_outcome_t    wire;
    kt_wire_stage_time_t stages[KT_OUTCOME_STAGES];
    kt_wire_work_t       work = {.job = 7, .run = 2, .attempt = 4, .credential = kt_bytes_of("0123456789abcdef")};
    kt_task_t           *task = add(7, 2);
    kt_task_to_wire(task, &wire, stages);
    cr_assert_eq(wire.credential.n, 0, "a coordinator of version 1 sends none");
    kt_task_renew(task, &work);
    kt_task_to_wire(task, &wire, stages);
    cr_assert_eq(wire.attempt, 4);
    cr_assert_eq(wire.credential.n, 16);
    cr_assert_eq(memcmp(wire.credential.at, "0123456789abcdef", 16), 0);
}

Test(tasks, an_outcome_goes_into_a_message_with_its_stages)
{
    kt_wire_outcome_t    wire;
    kt_wire_stage_time_t stages[KT_OUTCOME_STAGES];
    kt_task_t           *task    = add(7, 2);
    task->outcome                = (kt_outcome_t){.err = KT_ETIME, .detail = "late", .processing_us = 5, .n_stages = 2};
    task->outcome.stages[1].us   = 11;
    task->outcome.document       = strdup("{}");
    task->outcome.document_bytes = 2;
    strcpy(task->outcome.stages[1].name, "decode");
    kt_task_to_wire(task, &wire, stages);
    cr_assert(wire.job == 7 && wire.run == 2 && wire.attempt == 3 && wire.err == KT_ETIME && wire.processing_us == 5);
    cr_assert(wire.detail.n == 4 && wire.document.n == 2 && wire.stages.n == 2);
    cr_assert(wire.stages.at[1].us == 11 && wire.stages.at[1].name.n == 6);
    cr_assert_eq(wire.content_digest.n, 0, "the file was not read");
    task->outcome.content_digest.bytes[3] = 1;
    kt_task_to_wire(task, &wire, stages);
    cr_assert_eq(wire.content_digest.n, KT_DIGEST_BYTES);
}
