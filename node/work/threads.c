#include "node/work/threads.h"

#include "common/assert.h"
#include "common/clock.h"
#include "node/run/pipeline.h"
#include "node/work/isolated.h"
#include "node/work/noop.h"
#include "node/work/task.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IDLE_MS = 60000, JOIN_MS = 60000 };

typedef struct worker_thread {
    kt_threads_t    *owner;
    pthread_t        thread;
    kt_worker_t     *worker;  // NULL with noop
    _Atomic uint64_t progress;
} worker_thread_t;

struct kt_threads {
    kt_threads_opts_t  opts;
    kt_pipeline_t     *pipeline;
    kt_noop_message_t *noop;  // NULL: files are analysed
    worker_thread_t    threads[KT_THREADS_MAX];
    size_t             n;  // running
};

static void
push_event(const kt_threads_t *self, kt_task_event_t *event)
{
    kt_err_t err = kt_queue_push(self->opts.events, &event);
    kt_assert(!err);
}

static void
analyse_task(worker_thread_t *self, kt_task_t *task)
{
    const kt_threads_t  *owner    = self->owner;
    const kt_settings_t *settings = owner->opts.settings;
    int64_t              start_us = kt_clock_us();
    kt_worker_opts_t     opts     = {.deadline_ms = kt_clock_ms() + kt_task_limit_ms(task, settings),
                                     .cancelled   = &task->cancelled,
                                     .progress    = &self->progress,
                                     .models      = task->models};
    if (owner->noop)
        kt_noop_run(owner->noop, task->body, task->body_bytes, &task->outcome);
    else if (task->isolated)
        kt_isolated_run(settings, task, &self->progress, &task->outcome);
    else
        kt_outcome_run(&task->outcome, self->worker, task->body, task->body_bytes, &opts);
    if (!task->outcome.document)
        kt_outcome_fail(&task->outcome, task->body, task->body_bytes, task->outcome.err ? task->outcome.err : KT_ENOMEM,
                        task->outcome.detail);
    task->outcome.processing_us = kt_clock_us() - start_us;
}

static void *
worker_thread_main(void *argument)
{
    worker_thread_t *self = argument;
    kt_err_t         err;
    do {
        void  *popped = NULL;
        size_t n      = 0;
        err           = kt_queue_pop(self->owner->opts.queue, &popped, 1, &n, IDLE_MS);
        if (err)
            continue;
        kt_task_t *task = popped;
        if (!task->cancelled) {
            push_event(self->owner, &task->started);
            analyse_task(self, task);
        }
        self->progress++;
        push_event(self->owner, &task->finished);  // the link thread may free it from here on
    } while (err != KT_ECLOSED);
    return NULL;
}

kt_err_t
kt_threads_new(kt_threads_t **self_p, const kt_threads_opts_t *opts)
{
    const kt_settings_t *settings = opts->settings;
    kt_pipeline_opts_t   pipeline = {.settings = settings, .media_roots = settings->media_roots, .gpus = opts->gpus};
    kt_threads_t        *self     = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->opts   = *opts;
    kt_err_t err = settings->test_faults.noop ? kt_noop_message_new(&self->noop, settings->test_faults.noop_bytes)
                                              : kt_pipeline_new(&self->pipeline, &pipeline);
    while (!err && self->n < (size_t)settings->workers) {
        worker_thread_t *worker = &self->threads[self->n];
        worker->owner           = self;
        if (self->pipeline && (err = kt_worker_new(&worker->worker, self->pipeline)))
            break;
        if (pthread_create(&worker->thread, NULL, worker_thread_main, worker)) {
            kt_worker_destroy(&worker->worker);
            err = KT_ESYSTEM;
            break;
        }
        self->n++;
    }
    if (err)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    if (kt_threads_join(self, JOIN_MS))  // idle threads: they end at once
        kt_threads_destroy(&self);
    return err;
}

bool
kt_threads_join(kt_threads_t *self, int64_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    kt_queue_close(self->opts.queue);
    while (self->n) {
        worker_thread_t *worker = &self->threads[self->n - 1];
        if (pthread_clockjoin_np(worker->thread, NULL, CLOCK_MONOTONIC, &until))
            return false;
        kt_worker_destroy(&worker->worker);
        self->n--;
    }
    return true;
}

void
kt_threads_destroy(kt_threads_t **self_p)
{
    kt_threads_t *self = *self_p;
    if (!self)
        return;
    kt_assert(!self->n);
    kt_pipeline_destroy(&self->pipeline);
    kt_noop_message_destroy(&self->noop);
    free(self);
    *self_p = NULL;
}

size_t
kt_threads_progress(const kt_threads_t *self, uint64_t out[KT_THREADS_MAX])
{
    for (size_t i = 0; i < self->n; i++)
        out[i] = self->threads[i].progress;
    return self->n;
}
