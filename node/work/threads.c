// The worker threads: a task from the queue, a event when it begins, a event when it is done.
#include "common/assert.h"
#include "common/clock.h"
#include "common/log.h"
#include "node/core.h"
#include "node/work/isolated.h"
#include "node/work/noop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IDLE_MS = 60000 };

// There is room for two events of each task.
static void
push(kt_node_t *node, kt_task_event_t *event)
{
    kt_err_t err = kt_queue_push(node->events, &event);
    kt_assert(!err);
}

static int64_t
limit_ms(const kt_node_t *node, const kt_task_t *task)
{
    int64_t own = node->settings.file_deadline_s * 1000;
    return task->deadline_ms && task->deadline_ms < (uint64_t)own ? (int64_t)task->deadline_ms : own;
}

static kt_err_t
open_pipeline(kt_node_t *node)
{
    kt_pipeline_opts_t opts = {
        .settings = &node->settings, .media_roots = node->settings.media_roots, .gpus = node->gpus};
    return kt_pipeline_new(&node->pipeline, &opts);
}

static void
run_analysis(kt_node_worker_t *self, kt_task_t *task)
{
    kt_node_t *node = self->node;
    if (task->isolated)
        kt_isolated_run(&node->settings, task, &self->progress, &task->outcome);
    else
        kt_outcome_run(&task->outcome, self->worker, task, limit_ms(node, task), &self->progress);
}

static const kt_worker_ops_t ANALYSIS_OPS = {open_pipeline, run_analysis};

static void
analyse(kt_node_worker_t *self, kt_task_t *task)
{
    int64_t start_us = kt_clock_us();
    self->node->worker_ops->run(self, task);
    if (!task->outcome.document)
        kt_outcome_fail(&task->outcome, task->body, task->body_bytes, task->outcome.err ? task->outcome.err : KT_ENOMEM,
                        task->outcome.detail);
    task->outcome.processing_us = kt_clock_us() - start_us;
}

static void
serve(kt_node_worker_t *self, kt_task_t *task)
{
    if (!task->cancelled) {
        push(self->node, &task->started);
        analyse(self, task);
    }
    self->progress++;
    push(self->node, &task->finished);  // from here on it may be freed
}

static void *
run(void *argument)
{
    kt_node_worker_t *self = argument;
    kt_err_t          err;
    do {
        void  *task = NULL;
        size_t n    = 0;
        err         = kt_queue_pop(self->node->work, &task, 1, &n, IDLE_MS);
        if (!err)
            serve(self, task);
    } while (err != KT_ECLOSED);
    return NULL;
}

static kt_err_t
start_worker(kt_node_t *self, kt_node_worker_t *worker)
{
    worker->node = self;
    kt_err_t err = self->pipeline ? kt_worker_new(&worker->worker, self->pipeline) : KT_OK;
    if (!err && pthread_create(&worker->thread, NULL, run, worker)) {
        kt_worker_destroy(&worker->worker);
        err = KT_ESYSTEM;
    }
    return err;
}

kt_err_t
kt_node_start_workers(kt_node_t *self)
{
    kt_err_t err     = KT_OK;
    self->worker_ops = self->settings.test_faults.noop ? &kt_noop_ops : &ANALYSIS_OPS;
    if (!self->n_workers)
        err = self->worker_ops->open(self);
    while (!err && self->n_workers < (size_t)self->settings.workers) {
        err = start_worker(self, &self->workers[self->n_workers]);
        if (!err)
            self->n_workers++;
    }
    return err;
}

bool
kt_node_join_workers(kt_node_t *self, int64_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    kt_queue_close(self->work);
    while (self->n_workers) {
        kt_node_worker_t *worker = &self->workers[self->n_workers - 1];
        if (pthread_clockjoin_np(worker->thread, NULL, CLOCK_MONOTONIC, &until))
            return false;
        kt_worker_destroy(&worker->worker);
        self->n_workers--;
    }
    return true;
}
