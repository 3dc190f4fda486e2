#include "node/work/task.h"

#include "common/assert.h"

#include <stdlib.h>
#include <string.h>

static size_t
bucket_of(uint64_t job, uint64_t run)
{
    return (size_t)((job * UINT64_C(0x9E3779B97F4A7C15) + run) >> 40) % KT_TASK_BUCKETS;
}

kt_task_t *
kt_tasks_find(const kt_tasks_t *self, uint64_t job, uint64_t run)
{
    kt_task_t *task = self->buckets[bucket_of(job, run)];
    while (task && (task->job != job || task->run != run))
        task = task->chain;
    return task;
}

static void
link_in(kt_tasks_t *self, kt_task_t *task)
{
    kt_task_t **bucket = &self->buckets[bucket_of(task->job, task->run)];
    task->chain        = *bucket;
    *bucket            = task;
    task->previous     = self->last;
    if (self->last)
        self->last->next = task;
    else
        self->first = task;
    self->last = task;
    self->n++;
}

kt_err_t
kt_tasks_add(kt_tasks_t *self, const kt_wire_work_t *work, size_t coordinator, kt_task_t **out)
{
    if (self->n == KT_ITEMS_MAX)
        return KT_EFULL;
    kt_task_t *task = calloc(1, sizeof *task);
    char      *body = malloc(work->body.n + 1);
    if (!task || !body) {
        free(task);
        free(body);
        return KT_ENOMEM;
    }
    memcpy(body, work->body.at, work->body.n);
    body[work->body.n] = '\0';
    task->job          = work->job;
    task->run          = (uint32_t)work->run;
    task->attempt      = (uint32_t)work->attempt;
    task->coordinator  = coordinator;
    task->body         = body;
    task->body_bytes   = work->body.n;
    task->deadline_ms  = work->deadline_ms;
    task->isolated     = work->isolated;
    task->exclusive    = work->exclusive;
    task->parked       = work->exclusive;
    self->n_exclusive += work->exclusive;
    task->started  = (kt_task_event_t){task, false};
    task->finished = (kt_task_event_t){task, true};
    link_in(self, task);
    *out = task;
    return KT_OK;
}

void
kt_tasks_keep(kt_tasks_t *self, kt_task_t *task)
{
    kt_assert(task->stage != KT_TASK_KEPT && !task->detached);
    task->stage = KT_TASK_KEPT;
    self->n_kept++;
    self->n_exclusive -= task->exclusive;
}

void
kt_tasks_detach(kt_tasks_t *self, kt_task_t *task)
{
    kt_task_t **at = &self->buckets[bucket_of(task->job, task->run)];
    while (*at != task)
        at = &(*at)->chain;
    *at = task->chain;
    if (task->previous)
        task->previous->next = task->next;
    else
        self->first = task->next;
    if (task->next)
        task->next->previous = task->previous;
    else
        self->last = task->previous;
    self->n--;
    self->n_kept -= task->stage == KT_TASK_KEPT;
    self->n_exclusive -= task->exclusive && task->stage != KT_TASK_KEPT;
    task->detached = true;
}

void
kt_task_destroy(kt_task_t **self_p)
{
    if (!*self_p)
        return;
    free((*self_p)->body);
    free((*self_p)->outcome.document);
    free(*self_p);
    *self_p = NULL;
}

void
kt_tasks_forget(kt_tasks_t *self, kt_task_t **item_p)
{
    kt_tasks_detach(self, *item_p);
    kt_task_destroy(item_p);
}

void
kt_tasks_fini(kt_tasks_t *self)
{
    while (self->first) {
        kt_task_t *task = self->first;
        kt_tasks_forget(self, &task);
    }
}
