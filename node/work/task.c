#include "node/work/task.h"

#include "common/assert.h"

#include <stdlib.h>
#include <string.h>

static size_t
task_bucket(uint64_t job, uint64_t run)
{
    return (size_t)((job * UINT64_C(0x9E3779B97F4A7C15) + run) >> 40) % KT_TASK_BUCKETS;
}

kt_task_t *
kt_tasks_find(const kt_tasks_t *self, uint64_t job, uint64_t run)
{
    kt_task_t *task = self->buckets[task_bucket(job, run)];
    while (task && (task->job != job || task->run != run))
        task = task->chain;
    return task;
}

void
kt_task_renew(kt_task_t *task, const kt_wire_work_t *work)
{
    task->attempt = (uint32_t)work->attempt;
    task->credential_bytes =
        work->credential.n < sizeof task->credential ? work->credential.n : sizeof task->credential;
    if (task->credential_bytes)
        memcpy(task->credential, work->credential.at, task->credential_bytes);
}

kt_bytes_t
kt_task_credential(const kt_task_t *task)
{
    return (kt_bytes_t){task->credential, task->credential_bytes};
}

kt_err_t
kt_tasks_add(kt_tasks_t *self, const kt_wire_work_t *work, size_t coordinator, kt_model_set_t *models, kt_task_t **out)
{
    if (self->n == KT_TASKS_MAX)
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
    task->coordinator  = coordinator;
    task->body         = body;
    task->body_bytes   = work->body.n;
    task->deadline_ms  = work->deadline_ms;
    task->isolated     = work->isolated;
    task->exclusive    = work->exclusive;
    task->models       = models ? kt_model_set_hold(models) : NULL;
    task->parked       = work->exclusive;
    kt_task_renew(task, work);
    self->n_exclusive += work->exclusive;
    task->started  = (kt_task_event_t){task, false};
    task->finished = (kt_task_event_t){task, true};

    kt_task_t **bucket = &self->buckets[task_bucket(task->job, task->run)];
    task->chain        = *bucket;
    *bucket            = task;
    task->previous     = self->last;
    if (self->last)
        self->last->next = task;
    else
        self->first = task;
    self->last = task;
    self->n++;
    *out = task;
    return KT_OK;
}

void
kt_tasks_finish(kt_tasks_t *self, kt_task_t *task)
{
    kt_assert(task->stage != KT_TASK_UNACKED && !task->detached);
    task->stage = KT_TASK_UNACKED;
    kt_model_set_release(&task->models);
    self->n_unacked++;
    self->n_exclusive -= task->exclusive;
}

void
kt_tasks_detach(kt_tasks_t *self, kt_task_t *task)
{
    kt_task_t **at = &self->buckets[task_bucket(task->job, task->run)];
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
    self->n_unacked -= task->stage == KT_TASK_UNACKED;
    self->n_exclusive -= task->exclusive && task->stage != KT_TASK_UNACKED;
    task->detached = true;
}

void
kt_task_destroy(kt_task_t **self_p)
{
    if (!*self_p)
        return;
    kt_model_set_release(&(*self_p)->models);
    free((*self_p)->body);
    free((*self_p)->outcome.document);
    free(*self_p);
    *self_p = NULL;
}

void
kt_tasks_remove(kt_tasks_t *self, kt_task_t **task_p)
{
    kt_tasks_detach(self, *task_p);
    kt_task_destroy(task_p);
}

void
kt_tasks_fini(kt_tasks_t *self)
{
    for (kt_task_t *task = self->first, *next; task; task = next) {
        next = task->next;
        kt_tasks_remove(self, &task);
    }
}

int64_t
kt_task_limit_ms(const kt_task_t *self, const kt_settings_t *settings)
{
    int64_t limit_ms = settings->file_deadline_s * 1000;
    return self->deadline_ms && self->deadline_ms < (uint64_t)limit_ms ? (int64_t)self->deadline_ms : limit_ms;
}

void
kt_task_to_wire(const kt_task_t *self, kt_wire_outcome_t *out, kt_wire_stage_time_t stages[KT_OUTCOME_STAGES])
{
    static const kt_digest_t unread;
    const kt_outcome_t      *outcome = &self->outcome;
    for (size_t i = 0; i < outcome->n_stages; i++)
        stages[i] = (kt_wire_stage_time_t){kt_bytes_of(outcome->stages[i].name), (uint64_t)outcome->stages[i].us};
    *out = (kt_wire_outcome_t){.job           = self->job,
                               .run           = self->run,
                               .attempt       = self->attempt,
                               .err           = outcome->err,
                               .detail        = kt_bytes_of(outcome->detail),
                               .processing_us = (uint64_t)outcome->processing_us,
                               .stages        = {stages, outcome->n_stages},
                               .document      = {outcome->document, outcome->document_bytes},
                               .credential    = kt_task_credential(self)};
    if (memcmp(&outcome->content_digest, &unread, sizeof unread) != 0)
        out->content_digest = (kt_bytes_t){(const char *)outcome->content_digest.bytes, KT_DIGEST_BYTES};
}
