// The actor: submits batches that are due, polls those in flight, and loses a device that hangs. watch.c checks its
// health.
#include "common/clock.h"
#include "common/log.h"
#include "kernels/gpu/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// POLL_US: between two polls of batches in flight; a batch takes some hundreds. CLOSE_MS: how long close waits for
// workers.
enum { POLL_US = 100, IDLE_US = 250000, CLOSE_MS = 5000 };
// Samples of 4096 frames at the default hop, and their rows and peaks.
enum { SLOT_BYTES = 28 << 20 };

bool
kt_gpu_wait_on(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_us)
{
    struct timespec until = {until_us / 1000000, until_us % 1000000 * 1000};
    return pthread_cond_clockwait(cond, lock, CLOCK_MONOTONIC, &until) != ETIMEDOUT;
}

bool
kt_gpu_wait(kt_gpu_t *self, int64_t until_us)
{
    return kt_gpu_wait_on(&self->changed, &self->lock, until_us);
}

static void
slot_finish(kt_gpu_t *self, kt_gpu_slot_t *slot, kt_err_t err)
{
    slot->err         = err;
    slot->state       = slot->users ? SLOT_DONE : SLOT_FREE;
    self->progress_ms = kt_clock_ms();
    pthread_cond_broadcast(&self->changed);
}

void
kt_gpu_lose(kt_gpu_t *self, const char *why)
{
    if (self->lost)
        return;
    self->lost = true;
    kt_log_warn("GPU-LOST", "device=\"%s\" uuid=%s xid=%d why=\"%s\"", self->about.name, self->about.uuid,
                self->state.xid, why);
    snprintf(self->why, sizeof self->why, "%s", why);
    for (size_t i = 0; i < KT_GPU_SLOTS; i++)
        if (self->slots[i].state != SLOT_FREE && self->slots[i].state != SLOT_DONE)
            slot_finish(self, &self->slots[i], KT_ESTATE);
    pthread_cond_broadcast(&self->changed);
    pthread_cond_signal(&self->work);
    pthread_cond_signal(&self->rest);
}

// A batch failed and the device did not: its requests are computed on the CPU. Logged once per reason.
static void
log_refusal(kt_gpu_t *self, const kt_gpu_slot_t *slot, kt_err_t err)
{
    const char *why = self->backend->why(self->context);
    if (strcmp(self->refused, why) == 0)
        return;
    snprintf(self->refused, sizeof self->refused, "%s", why);
    kt_log_warn("GPU-REFUSED", "device=\"%s\" err=%s kind=%d why=\"%s\" then=\"the processor computes it\"",
                self->about.name, kt_err_name(err), (int)slot->batch.kind, why);
}

static size_t
slots_in(const kt_gpu_t *self, kt_gpu_slot_state_t state)
{
    size_t n = 0;
    for (size_t i = 0; i < KT_GPU_SLOTS; i++)
        n += self->slots[i].state == state;
    return n;
}

// Holds a partial batch only while the device is busy and more requests can arrive.
static bool
slot_is_due(const kt_gpu_t *self, const kt_gpu_slot_t *slot, int64_t now_us)
{
    if (slot->state != SLOT_FILLING || slot->writers)
        return false;
    return slot->full || self->closing || self->waiting >= self->attached || !slots_in(self, SLOT_FLYING) ||
           now_us - slot->opened_us >= self->opts.wait_us;
}

static void
slot_send(kt_gpu_t *self, uint32_t index)
{
    kt_gpu_slot_t *slot = &self->slots[index];
    slot->state         = SLOT_SENDING;
    if (!slots_in(self, SLOT_FLYING))
        self->progress_ms = kt_clock_ms();
    pthread_mutex_unlock(&self->lock);
    kt_err_t err  = self->backend->submit(self->context, index, &slot->batch);
    uint64_t pool = self->backend->pool_bytes(self->context);
    pthread_mutex_lock(&self->lock);
    self->pool_bytes = pool;
    if (self->lost)  // in the meantime, by a worker that waited for too long
        return;
    if (err == KT_ESTATE) {
        kt_gpu_lose(self, self->backend->why(self->context));
    } else if (err) {
        log_refusal(self, slot, err);
        slot_finish(self, slot, err);
    } else {
        slot->state = SLOT_FLYING;
        self->batches++;
        self->parts += slot->batch.n_parts;
        self->frames += slot->batch.items;
    }
}

// Sends the batches that are due, polls those in flight, and loses the device if it failed or hangs.
static void
actor_step(kt_gpu_t *self)
{
    char    why[KT_GPU_WHY];
    int64_t now_us = kt_clock_us();
    for (uint32_t i = 0; i < KT_GPU_SLOTS && !self->lost; i++)
        if (slot_is_due(self, &self->slots[i], now_us))
            slot_send(self, i);
    for (uint32_t i = 0; i < KT_GPU_SLOTS && !self->lost; i++)
        if (self->slots[i].state == SLOT_FLYING) {
            bool done = false;
            pthread_mutex_unlock(&self->lock);
            const kt_err_t err = self->backend->poll(self->context, i, &done);
            pthread_mutex_lock(&self->lock);
            if (self->lost)
                return;
            if (err == KT_ESTATE)
                kt_gpu_lose(self, self->backend->why(self->context));
            else if (err)
                log_refusal(self, &self->slots[i], err);
            if (!self->lost && (err || done))
                slot_finish(self, &self->slots[i], err);
        }

    // Applies only while no batch ends: a busy device may be slow.
    if (!self->lost && slots_in(self, SLOT_FLYING) && kt_clock_ms() - self->progress_ms >= self->opts.deadline_ms) {
        snprintf(why, sizeof why, "no batch ended within %lld ms", (long long)self->opts.deadline_ms);
        self->hung = true;
        kt_gpu_lose(self, why);
    }
}

// When the actor has to run again if nothing wakes it earlier.
static int64_t
actor_next_us(const kt_gpu_t *self)
{
    int64_t now_us = kt_clock_us(), at = now_us + (slots_in(self, SLOT_FLYING) ? POLL_US : IDLE_US);
    for (size_t i = 0; i < KT_GPU_SLOTS; i++) {
        const kt_gpu_slot_t *slot = &self->slots[i];
        int64_t              due  = slot->opened_us + self->opts.wait_us;
        if (slot_is_due(self, slot, now_us))
            return now_us;
        if (slot->state == SLOT_FILLING && !slot->writers && due < at)
            at = due;
    }
    return at;
}

static void *
actor(void *argument)
{
    kt_gpu_t *self = argument;
    pthread_mutex_lock(&self->lock);
    while (!self->closing || (!self->lost && slots_in(self, SLOT_FILLING) + slots_in(self, SLOT_FLYING) > 0)) {
        actor_step(self);
        int64_t at = self->lost ? kt_clock_us() + IDLE_US : actor_next_us(self);
        if (at > kt_clock_us())
            (void)kt_gpu_wait_on(&self->work, &self->lock, at);
    }
    self->ended = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

kt_err_t
kt_gpu_open(kt_gpu_t **self_p, const kt_gpu_opts_t *opts, int device, char why[KT_GPU_WHY])
{
    kt_gpu_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->backend = opts->backend;
    self->opts    = *opts;
    self->state   = (kt_gpu_state_t){.percent = -1, .celsius = -1};
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->work, NULL);
    pthread_cond_init(&self->rest, NULL);
    pthread_cond_init(&self->changed, NULL);

    // A slot's memory: five parts of sixteen for input, nine for results, two for what the backend adds.
    const uint64_t              most         = opts->max_bytes ? opts->max_bytes / KT_GPU_SLOTS : SLOT_BYTES;
    const size_t                part         = (size_t)(most < SLOT_BYTES ? most : SLOT_BYTES) / 16;
    const kt_gpu_context_opts_t context_opts = {.device    = device,
                                                .slots     = KT_GPU_SLOTS,
                                                .in_bytes  = 5 * part / KT_GPU_ALIGN_BYTES * KT_GPU_ALIGN_BYTES,
                                                .out_bytes = 9 * part / KT_GPU_ALIGN_BYTES * KT_GPU_ALIGN_BYTES,
                                                .max_bytes = opts->max_bytes,
                                                .growth    = opts->growth};
    kt_gpu_buffers_t            buffers;
    self->slot_in_bytes  = context_opts.in_bytes;
    self->slot_out_bytes = context_opts.out_bytes;
    kt_err_t err         = self->backend->describe(device, &self->about);
    if (!err)
        err = self->backend->open(&self->context, &context_opts, &buffers, why);
    for (uint32_t i = 0; i < KT_GPU_SLOTS && !err; i++) {
        self->slots[i].input   = buffers.input[i];
        self->slots[i].results = buffers.results[i];
    }
    if (!err)
        self->pool_bytes = self->backend->pool_bytes(self->context);

    if (!err && pthread_create(&self->thread, NULL, actor, self))
        err = KT_ESYSTEM;
    self->started = !err;
    if (!err && pthread_create(&self->watcher, NULL, kt_gpu_watch, self))
        err = KT_ESYSTEM;
    self->watched = !err;
    if (err) {
        (void)kt_gpu_close(&self);
        return err;
    }
    *self_p = self;
    return KT_OK;
}

bool
kt_gpu_close(kt_gpu_t **self_p)
{
    kt_gpu_t *self = *self_p;
    *self_p        = NULL;
    if (!self)
        return true;

    // Ended: both threads have returned and no worker is inside. A thread that a hung device blocks is abandoned.
    bool ended = !self->started;
    if (self->started) {
        pthread_mutex_lock(&self->lock);
        const int64_t until_us = kt_clock_us() + 1000 * (CLOSE_MS + (self->lost ? 0 : self->opts.deadline_ms));
        self->closing          = true;
        pthread_cond_signal(&self->work);
        pthread_cond_signal(&self->rest);
        while ((!self->ended || self->inside || (self->watched && !self->watch_ended)) && kt_gpu_wait(self, until_us))
            continue;
        ended = self->ended && !self->inside && (!self->watched || self->watch_ended);
        pthread_mutex_unlock(&self->lock);
        if (ended)
            pthread_join(self->thread, NULL);
        if (ended && self->watched)
            pthread_join(self->watcher, NULL);
    }

    if (!ended || self->hung)
        kt_log_warn("GPU-LEFT", "device=\"%s\" text=\"it does not answer: its memory stays taken until the end\"",
                    self->about.name);
    if (!ended)
        return false;
    const bool answers = !self->hung;
    if (self->started)
        kt_log_info("GPU-CLOSE", "device=\"%s\" batches=%llu parts=%llu frames=%llu on_cpu=%llu", self->about.name,
                    (unsigned long long)self->batches, (unsigned long long)self->parts,
                    (unsigned long long)self->frames, (unsigned long long)self->on_cpu);
    if (self->context && !self->hung)
        self->backend->close(&self->context);
    pthread_cond_destroy(&self->changed);
    pthread_cond_destroy(&self->rest);
    pthread_cond_destroy(&self->work);
    pthread_mutex_destroy(&self->lock);
    free(self);
    return answers;
}
