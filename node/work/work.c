#include "node/work/work.h"

enum { EVENTS_PER_TASK = 2, MEAN_WINDOW = 16 };

kt_err_t
kt_work_init(kt_work_t *self)
{
    kt_err_t err = kt_queue_new(&self->queue, KT_TASKS_MAX);
    if (!err)
        err =
            kt_queue_new(&self->events, (size_t)2 * EVENTS_PER_TASK * KT_TASKS_MAX);  // detached tasks have events too
    return err;
}

void
kt_work_fini(kt_work_t *self)
{
    void  *popped;
    size_t n = 0;
    while (self->events && kt_queue_count(self->events))
        kt_work_events(self, 0, NULL, NULL);
    while (self->queue && !kt_queue_pop(self->queue, &popped, 1, &n, 0)) {
        kt_task_t *task = popped;
        if (task->detached)
            kt_task_destroy(&task);
    }
    kt_threads_destroy(&self->threads);
    kt_queue_destroy(&self->queue);
    kt_queue_destroy(&self->events);
    kt_tasks_fini(&self->tasks);
}

kt_err_t
kt_work_start(kt_work_t *self, const kt_settings_t *settings, kt_gpus_t *gpus)
{
    kt_threads_opts_t opts = {.settings = settings, .gpus = gpus, .queue = self->queue, .events = self->events};
    return self->threads ? KT_OK : kt_threads_new(&self->threads, &opts);
}

bool
kt_work_stop(kt_work_t *self, int64_t timeout_ms)
{
    for (kt_task_t *task = self->tasks.first, *next; task; task = next) {
        next = task->next;
        kt_work_cancel(self, task);
    }
    return !self->threads || kt_threads_join(self->threads, timeout_ms);
}

size_t
kt_work_in_flight(const kt_work_t *self)
{
    return self->tasks.n - self->tasks.n_unacked + self->n_detached;
}

static kt_err_t
work_push(kt_work_t *self, kt_task_t *task)
{
    kt_task_t *pushed = task;
    kt_err_t   err    = kt_queue_push(self->queue, &pushed);
    if (err)
        kt_tasks_remove(&self->tasks, &task);
    return err;
}

kt_err_t
kt_work_add(kt_work_t *self, const kt_wire_work_t *work, size_t coordinator, kt_model_set_t *models)
{
    kt_task_t *task = NULL;
    kt_err_t   err  = kt_tasks_add(&self->tasks, work, coordinator, models, &task);
    return err || task->parked ? err : work_push(self, task);
}

void
kt_work_cancel(kt_work_t *self, kt_task_t *task)
{
    task->cancelled = true;
    if (task->stage == KT_TASK_UNACKED || task->parked) {
        kt_tasks_remove(&self->tasks, &task);
        return;
    }
    kt_tasks_detach(&self->tasks, task);
    self->n_detached++;
}

void
kt_work_unpark(kt_work_t *self)
{
    kt_task_t *parked = NULL;
    size_t     others = self->n_detached;
    for (kt_task_t *task = self->tasks.first; task && self->tasks.n_exclusive; task = task->next) {
        parked = task->parked ? task : parked;
        others += !task->parked && task->stage != KT_TASK_UNACKED;
    }
    if (!parked || others)
        return;
    parked->parked = false;
    (void)!work_push(self, parked);  // removed when it fails: the coordinator sends it again
}

void
kt_work_events(kt_work_t *self, int64_t now_ms, kt_task_changed_fn *changed, void *context)
{
    void  *events[KT_WORK_EVENTS];
    size_t n = 0;
    if (kt_queue_pop(self->events, events, KT_WORK_EVENTS, &n, 0))
        return;
    for (size_t i = 0; i < n; i++) {
        const kt_task_event_t *event = events[i];
        kt_task_t             *task  = event->task;
        if (event->finished && task->detached) {
            self->n_detached--;
            kt_task_destroy(&task);
            continue;
        }
        if (!event->finished) {
            task->stage      = KT_TASK_STARTED;
            task->started_ms = now_ms;
        } else if (task->cancelled && !task->outcome.document) {
            kt_outcome_fail(&task->outcome, task->body, task->body_bytes, KT_ECANCELLED, "cancelled while it waited");
            kt_tasks_finish(&self->tasks, task);
        } else {
            double took_us = (double)task->outcome.processing_us + 1;
            self->mean_us += self->mean_us > 0 ? (took_us - self->mean_us) / MEAN_WINDOW : took_us;
            kt_tasks_finish(&self->tasks, task);
        }
        if (changed && !task->detached)
            changed(context, task);
    }
}

const kt_task_t *
kt_work_stuck(const kt_work_t *self, const kt_settings_t *settings, int64_t now_ms, int64_t grace_ms)
{
    for (const kt_task_t *task = self->tasks.first; task; task = task->next)
        if (task->stage == KT_TASK_STARTED && now_ms - task->started_ms >= kt_task_limit_ms(task, settings) + grace_ms)
            return task;
    return NULL;
}
