// The worker threads: an item from the queue, a ticket when it begins, a ticket when it is done.
#include "common/assert.h"
#include "common/clock.h"
#include "common/log.h"
#include "node/core.h"
#include "node/work/isolated.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IDLE_MS = 60000 };

// There is room for two tickets of each item.
static void
push(kt_node_t *node, kt_ticket_t *ticket)
{
    kt_err_t err = kt_queue_push(node->tickets, &ticket);
    kt_assert(!err);
}

static int64_t
limit_ms(const kt_node_t *node, const kt_item_t *item)
{
    int64_t own = node->settings.file_deadline_s * 1000;
    return item->deadline_ms && item->deadline_ms < (uint64_t)own ? (int64_t)item->deadline_ms : own;
}

static void
analyse(kt_node_worker_t *self, kt_item_t *item)
{
    kt_node_t *node     = self->node;
    int64_t    start_us = kt_clock_us();
    if (node->noop)
        kt_noop_run(node->noop, item->body, item->body_bytes, &item->outcome);
    else if (item->solo)
        kt_solo_run(&node->settings, item, &self->progress, &item->outcome);
    else
        kt_outcome_run(&item->outcome, self->worker, item, limit_ms(node, item), &self->progress);
    if (!item->outcome.document)
        kt_outcome_fail(&item->outcome, item->body, item->body_bytes, item->outcome.err ? item->outcome.err : KT_ENOMEM,
                        item->outcome.detail);
    item->outcome.processing_us = kt_clock_us() - start_us;
}

static void
serve(kt_node_worker_t *self, kt_item_t *item)
{
    if (!item->cancelled) {
        push(self->node, &item->started);
        analyse(self, item);
    }
    self->progress++;
    push(self->node, &item->finished);  // from here on it may be freed
}

static void *
run(void *argument)
{
    kt_node_worker_t *self = argument;
    kt_err_t          err;
    do {
        void  *item = NULL;
        size_t n    = 0;
        err         = kt_queue_pop(self->node->work, &item, 1, &n, IDLE_MS);
        if (!err)
            serve(self, item);
    } while (err != KT_ECLOSED);
    return NULL;
}

static kt_err_t
start_analysis(kt_node_t *self)
{
    if (strstr(self->settings.test_fault, "noop"))
        return kt_noop_new(&self->noop, self->settings.test_fault);
    kt_pipeline_opts_t opts = {
        .settings = &self->settings, .media_roots = self->settings.media_roots, .gpus = self->gpus};
    return kt_pipeline_new(&self->pipeline, &opts);
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
    kt_err_t err = self->n_workers ? KT_OK : start_analysis(self);
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
