// The test plays the worker threads: it takes tasks from the queue and pushes their events.
#include "node/work/work.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>

static kt_work_t work;
static size_t    n_started, n_finished;

static void
setup(void)
{
    cr_assert_eq(kt_work_init(&work), KT_OK);
}

static void
teardown(void)
{
    cr_assert(kt_work_stop(&work, 0));
    kt_work_fini(&work);
}

TestSuite(work, .init = setup, .fini = teardown);

static kt_task_t *
add(uint64_t job, bool exclusive)
{
    kt_wire_work_t item = {.job = job, .run = 1, .attempt = 1, .body = kt_bytes_of("{\"file_path\":\"/a\"}")};
    item.exclusive      = exclusive;
    cr_assert_eq(kt_work_add(&work, &item, 0, NULL), KT_OK);
    return kt_tasks_find(&work.tasks, job, 1);
}

static kt_task_t *
take(void)
{
    void  *task = NULL;
    size_t n    = 0;
    return kt_queue_pop(work.queue, &task, 1, &n, 0) ? NULL : task;
}

static void
count_changed(void *context, kt_task_t *task)
{
    (void)context;
    n_started += task->stage == KT_TASK_STARTED;
    n_finished += task->stage == KT_TASK_UNACKED;
}

static void
push(kt_task_event_t *event)
{
    cr_assert_eq(kt_queue_push(work.events, &event), KT_OK);
}

static void
finish(kt_task_t *task, int64_t took_us)
{
    task->outcome.document      = strdup("{}");
    task->outcome.processing_us = took_us;
    push(&task->finished);
    kt_work_events(&work, 5, count_changed, NULL);
}

Test(work, a_task_goes_to_a_thread_and_is_returned)
{
    kt_task_t *task = add(1, false);
    cr_assert_eq(take(), task);
    cr_assert_eq(kt_work_in_flight(&work), 1);
    push(&task->started);
    kt_work_events(&work, 77, count_changed, NULL);
    cr_assert(task->stage == KT_TASK_STARTED && task->started_ms == 77 && n_started == 1);
    finish(task, 1000);
    cr_assert(task->stage == KT_TASK_UNACKED && n_finished == 1);
    cr_assert_eq(kt_work_in_flight(&work), 0);
    cr_assert_eq(work.tasks.n_unacked, 1);
    kt_work_cancel(&work, task);
    cr_assert_eq(work.tasks.n, 0);
}

Test(work, a_cancelled_task_is_freed_when_its_thread_returns_it)
{
    kt_task_t *task = add(1, false);
    kt_work_cancel(&work, task);
    cr_assert(task->cancelled && task->detached);
    cr_assert_null(kt_tasks_find(&work.tasks, 1, 1));
    cr_assert_eq(kt_work_in_flight(&work), 1);
    cr_assert_eq(take(), task);
    finish(task, 1);
    cr_assert_eq(kt_work_in_flight(&work), 0);
    cr_assert_eq(n_finished, 0);
}

Test(work, a_task_that_is_cancelled_in_the_table_ends_with_that_error)
{
    kt_task_t *task = add(1, false);
    task->cancelled = true;
    cr_assert_eq(take(), task);
    push(&task->finished);  // without a document: the thread has not begun it
    kt_work_events(&work, 5, count_changed, NULL);
    cr_assert_eq(task->outcome.err, KT_ECANCELLED);
    cr_assert_not_null(task->outcome.document);
    cr_assert_eq(work.mean_us, 0);
}

Test(work, an_exclusive_task_starts_when_nothing_else_is_in_flight)
{
    kt_task_t *first = add(1, false), *second = add(2, false), *alone = add(3, true);
    cr_assert_eq(take(), first);
    cr_assert_eq(take(), second);
    kt_work_unpark(&work);
    cr_assert_null(take());
    finish(first, 1);
    kt_work_unpark(&work);
    cr_assert_null(take());
    kt_work_cancel(&work, second);  // still with its thread
    kt_work_unpark(&work);
    cr_assert_null(take());
    finish(second, 1);
    kt_work_unpark(&work);
    cr_assert_eq(take(), alone);
    cr_assert_not(alone->parked);
    finish(alone, 1);
    cr_assert_eq(work.tasks.n_exclusive, 0);
}

Test(work, a_parked_task_is_cancelled_at_once)
{
    kt_work_cancel(&work, add(1, true));
    cr_assert(work.tasks.n == 0 && work.tasks.n_exclusive == 0 && work.n_detached == 0);
}

Test(work, the_mean_time_follows_the_files)
{
    for (uint64_t job = 1; job <= 200; job++) {
        add(job, false);
        finish(take(), 999);
    }
    cr_assert_float_eq(work.mean_us, 1000, 1e-6);
    add(201, false);
    finish(take(), 16999);
    cr_assert_float_eq(work.mean_us, 2000, 1e-6);
}

Test(work, a_task_far_beyond_its_limit_is_found)
{
    char           why[KT_SETTINGS_WHY];
    char          *environment[] = {NULL};
    kt_settings_t  settings;
    kt_wire_work_t item = {.job = 1, .run = 1, .body = kt_bytes_of("{}"), .deadline_ms = 1000};
    cr_assert_eq(kt_settings_load(&settings, NULL, environment, why), KT_OK);
    add(2, false);
    cr_assert_eq(kt_work_add(&work, &item, 0, NULL), KT_OK);
    kt_task_t *task = kt_tasks_find(&work.tasks, 1, 1);
    cr_assert_null(kt_work_stuck(&work, &settings, 1 << 30, 500));  // nothing has started
    push(&task->started);
    kt_work_events(&work, 100, count_changed, NULL);
    cr_assert_null(kt_work_stuck(&work, &settings, 1599, 500));
    cr_assert_eq(kt_work_stuck(&work, &settings, 1600, 500), task);
    kt_settings_fini(&settings);
}

Test(work, the_end_frees_tasks_wherever_they_are)
{
    add(1, false);
    add(2, true);
    add(3, false);
    kt_task_t *returned = take();
    finish(take(), 1);  // job 3
    push(&returned->started);
    push(&returned->finished);
    kt_work_cancel(&work, returned);
    add(4, false);
}

Test(work, threads_start_once_and_run_what_is_queued)
{
    char          why[KT_SETTINGS_WHY];
    char         *environment[] = {NULL};
    kt_settings_t settings;
    cr_assert_eq(kt_settings_load(&settings, NULL, environment, why), KT_OK);
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_TEST_FAULT", "noop", why), KT_OK);
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_WORKERS", "3", why), KT_OK);
    cr_assert_eq(kt_work_start(&work, &settings, NULL), KT_OK);
    kt_threads_t *threads = work.threads;
    cr_assert_eq(kt_work_start(&work, &settings, NULL), KT_OK);
    cr_assert_eq(work.threads, threads);
    uint64_t progress[KT_THREADS_MAX];
    cr_assert_eq(kt_threads_progress(threads, progress), 3);
    for (uint64_t job = 1; job <= 50; job++)
        add(job, false);
    while (n_finished < 50) {
        struct pollfd fd = {.fd = kt_queue_fd(work.events), .events = POLLIN};
        cr_assert_eq(poll(&fd, 1, 10000), 1);
        kt_work_events(&work, 5, count_changed, NULL);
    }
    cr_assert(kt_work_stop(&work, 10000));
    cr_assert_eq(kt_threads_progress(threads, progress), 0);
    kt_settings_fini(&settings);
}
