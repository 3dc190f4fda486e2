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

enum { IDLE_MS = 60000, LOOK_MS = 5000, JOIN_MS = 60000 };

// A place for a file in work. With GPUs there are two for each worker thread, as the files of half of them may rest.
typedef struct file_place {
    kt_threads_t     *owner;
    kt_worker_t      *worker;  // NULL with noop
    kt_task_t        *task;
    kt_worker_opts_t  opts;
    kt_report_t       report;
    int64_t           start_us;
    _Atomic uint64_t *progress;  // of the thread that began the file
} file_place_t;

typedef struct worker_thread {
    kt_threads_t    *owner;
    pthread_t        thread;
    _Atomic uint64_t progress;
} worker_thread_t;

struct kt_threads {
    kt_threads_opts_t  opts;
    kt_pipeline_t     *pipeline;
    kt_noop_message_t *noop;          // NULL: files are analysed
    kt_queue_t        *idle, *ready;  // file_place_t *: without a file; whose file does not rest any more
    file_place_t       places[2 * KT_THREADS_MAX];
    worker_thread_t    threads[KT_THREADS_MAX], finishers[KT_THREADS_MAX];
    size_t             n_places, n_taken;  // taken: out of `idle` by join
    size_t             n, n_finishers;     // running
};

static void
push_event(const kt_threads_t *self, kt_task_event_t *event)
{
    kt_err_t err = kt_queue_push(self->opts.events, &event);
    kt_assert(!err);
}

static void
push_place(kt_queue_t *queue, file_place_t *place)
{
    kt_err_t err = kt_queue_push(queue, &place);  // there is room for all
    kt_assert(!err);
}

// A kt_worker_ready_fn.
static void
file_is_ready(void *context)
{
    file_place_t *place = context;
    push_place(place->owner->ready, place);
}

// True: it rests, and a finisher has it next.
static bool
begin_task(file_place_t *place)
{
    const kt_threads_t  *owner    = place->owner;
    const kt_settings_t *settings = owner->opts.settings;
    kt_task_t           *task     = place->task;
    place->start_us               = kt_clock_us();
    place->opts                   = (kt_worker_opts_t){.deadline_ms = kt_clock_ms() + kt_task_limit_ms(task, settings),
                                                       .cancelled   = &task->cancelled,
                                                       .progress    = place->progress,
                                                       .models      = task->models};
    if (owner->noop)
        kt_noop_run(owner->noop, task->body, task->body_bytes, &task->outcome);
    else if (task->isolated)
        kt_isolated_run(settings, task, place->progress, &task->outcome);
    else
        return kt_outcome_begin(&task->outcome, place->worker, task->body, task->body_bytes, &place->opts,
                                &place->report, owner->n_finishers ? file_is_ready : NULL, place);
    return false;
}

static void
end_task(file_place_t *place)
{
    kt_task_t *task = place->task;
    if (!task->outcome.document)
        kt_outcome_fail(&task->outcome, task->body, task->body_bytes, task->outcome.err ? task->outcome.err : KT_ENOMEM,
                        task->outcome.detail);
    task->outcome.processing_us = kt_clock_us() - place->start_us;
}

static void
return_task(file_place_t *place)
{
    kt_threads_t *owner = place->owner;
    (*place->progress)++;
    push_event(owner, &place->task->finished);  // the link thread may free it from here on
    push_place(owner->idle, place);
}

// The next item of a queue; NULL: it is closed.
static void *
take_next(kt_queue_t *queue)
{
    void  *item = NULL;
    size_t n    = 0;
    while (kt_queue_pop(queue, &item, 1, &n, IDLE_MS) == KT_ETIME)
        continue;
    return item;
}

static void *
worker_thread_main(void *argument)
{
    worker_thread_t *self  = argument;
    kt_threads_t    *owner = self->owner;
    for (;;) {
        file_place_t *place = take_next(owner->idle);
        kt_assert(place);  // closed by nobody
        place->task     = take_next(owner->opts.queue);
        place->progress = &self->progress;
        if (!place->task) {
            push_place(owner->idle, place);
            return NULL;
        }
        if (!place->task->cancelled) {
            push_event(owner, &place->task->started);
            if (begin_task(place))
                continue;
            end_task(place);
        }
        return_task(place);
    }
}

// Takes files whose rows are there. It waits for no memory and for no place, so a file that rests always goes on.
static void *
finisher_main(void *argument)
{
    worker_thread_t *self  = argument;
    kt_threads_t    *owner = self->owner;
    kt_err_t         err;
    do {
        void  *popped = NULL;
        size_t n      = 0;
        err           = kt_queue_pop(owner->ready, &popped, 1, &n, LOOK_MS);
        if (err == KT_ETIME && owner->opts.gpus)
            kt_gpus_expire(owner->opts.gpus);
        if (err)
            continue;
        file_place_t *place = popped;
        kt_task_t    *task  = place->task;
        kt_outcome_resume(&task->outcome, place->worker, task->body, task->body_bytes, &place->report);
        end_task(place);
        return_task(place);
    } while (err != KT_ECLOSED);
    return NULL;
}

static kt_err_t
start_thread(kt_threads_t *self, worker_thread_t *threads, size_t *n, void *(*run)(void *))
{
    worker_thread_t *thread = &threads[*n];
    thread->owner           = self;
    if (pthread_create(&thread->thread, NULL, run, thread))
        return KT_ESYSTEM;
    ++*n;
    return KT_OK;
}

static kt_err_t
make_places(kt_threads_t *self, size_t n)
{
    kt_err_t err = kt_queue_new(&self->idle, n);
    if (!err)
        err = kt_queue_new(&self->ready, n);
    while (!err && self->n_places < n) {
        file_place_t *place = &self->places[self->n_places];
        place->owner        = self;
        if (self->pipeline && (err = kt_worker_new(&place->worker, self->pipeline)))
            break;
        self->n_places++;
        push_place(self->idle, place);
    }
    return err;
}

kt_err_t
kt_threads_new(kt_threads_t **self_p, const kt_threads_opts_t *opts)
{
    const kt_settings_t *settings = opts->settings;
    const size_t         workers  = (size_t)settings->workers;
    kt_pipeline_opts_t   pipeline = {.settings = settings, .media_roots = settings->media_roots, .gpus = opts->gpus};
    kt_threads_t        *self     = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->opts       = *opts;
    kt_err_t   err   = settings->test_faults.noop ? kt_noop_message_new(&self->noop, settings->test_faults.noop_bytes)
                                                  : kt_pipeline_new(&self->pipeline, &pipeline);
    const bool rests = self->pipeline && opts->gpus;
    if (!err)
        err = make_places(self, rests ? 2 * workers : workers);
    while (!err && rests && self->n_finishers < workers)
        err = start_thread(self, self->finishers, &self->n_finishers, finisher_main);
    while (!err && self->n < workers)
        err = start_thread(self, self->threads, &self->n, worker_thread_main);
    if (err)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    if (kt_threads_join(self, JOIN_MS))  // idle threads: they end at once
        kt_threads_destroy(&self);
    return err;
}

static bool
join_threads(worker_thread_t *threads, size_t *n, const struct timespec *until)
{
    while (*n) {
        if (pthread_clockjoin_np(threads[*n - 1].thread, NULL, CLOCK_MONOTONIC, until))
            return false;
        --*n;
    }
    return true;
}

bool
kt_threads_join(kt_threads_t *self, int64_t timeout_ms)
{
    const int64_t   until_ms = kt_clock_ms() + timeout_ms;
    struct timespec until    = {until_ms / 1000, until_ms % 1000 * 1000000};
    kt_queue_close(self->opts.queue);
    if (!join_threads(self->threads, &self->n, &until))
        return false;
    // The files that rest end, too: every place is idle then.
    for (; self->n_taken < self->n_places; self->n_taken++) {
        void         *place   = NULL;
        size_t        n       = 0;
        const int64_t left_ms = until_ms - kt_clock_ms();
        if (kt_queue_pop(self->idle, &place, 1, &n, left_ms > 0 ? left_ms : 0))
            return false;
    }
    if (self->ready)
        kt_queue_close(self->ready);
    if (!join_threads(self->finishers, &self->n_finishers, &until))
        return false;
    while (self->n_places)
        kt_worker_destroy(&self->places[--self->n_places].worker);
    self->n_taken = 0;
    return true;
}

void
kt_threads_destroy(kt_threads_t **self_p)
{
    kt_threads_t *self = *self_p;
    if (!self)
        return;
    kt_assert(!self->n && !self->n_places);
    kt_queue_destroy(&self->ready);
    kt_queue_destroy(&self->idle);
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
