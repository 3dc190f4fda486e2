// Opening, losing and closing one GPU.
#include "common/clock.h"
#include "common/log.h"
#include "kernels/gpu/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// CLOSE_MS: how long close waits for the threads of a device that is lost.
enum { CLOSE_MS = 5000 };
// SLOT_BYTES: samples of 4096 frames at the default hop, and their rows and peaks. KEEP_LEAST: with less for a device,
// its slots get all.
enum { SLOT_BYTES = 28 << 20, KEEP_LEAST_BYTES = 256 << 20, KEEP_SHARE = 8 };

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

size_t
kt_gpu_slots_in(const kt_gpu_t *self, kt_gpu_slot_state_t first, kt_gpu_slot_state_t last)
{
    size_t n = 0;
    for (size_t i = 0; i < KT_GPU_SLOTS; i++)
        n += self->slots[i].state >= first && self->slots[i].state <= last;
    return n;
}

void
kt_gpu_slot_end(kt_gpu_t *self, kt_gpu_slot_t *slot, kt_err_t err)
{
    // The batch itself is left as it is: a submit that hangs may still read it.
    const uint32_t n = slot->n_tickets;
    slot->n_tickets  = 0;
    slot->state      = SLOT_FREE;
    for (uint32_t i = 0; i < n; i++) {
        kt_gpu_ticket_t *ticket = slot->tickets[i];
        ticket->flying--;
        ticket->ended += slot->parts[i].items;
        ticket->err = ticket->err ? ticket->err : err;
        kt_gpu_ticket_settle(self, ticket);
    }
    pthread_cond_signal(&self->work);
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
    // Slots that a thread copies for end when it has copied; what the device has is waited for no longer.
    for (size_t i = 0; i < KT_GPU_SLOTS; i++)
        if (self->slots[i].state == SLOT_SENDING || self->slots[i].state == SLOT_FLYING)
            kt_gpu_slot_end(self, &self->slots[i], KT_ESTATE);
    for (kt_gpu_ticket_t *ticket = self->first, *after; ticket; ticket = after) {
        after       = ticket->after;
        ticket->err = ticket->err ? ticket->err : KT_ESTATE;
        kt_gpu_ticket_settle(self, ticket);
    }
    pthread_cond_broadcast(&self->changed);
    pthread_cond_broadcast(&self->work);
    pthread_cond_broadcast(&self->turn);
    pthread_cond_signal(&self->flown);
    pthread_cond_signal(&self->rest);
}

// Applies only while no batch ends: a busy device may be slow.
void
kt_gpu_expire(kt_gpu_t *self)
{
    char why[KT_GPU_WHY];
    if (self->lost || !kt_gpu_slots_in(self, SLOT_SENDING, SLOT_FLYING) ||
        kt_clock_ms() - self->progress_ms < self->opts.deadline_ms)
        return;
    snprintf(why, sizeof why, "no batch ended within %lld ms", (long long)self->opts.deadline_ms);
    self->hung = true;
    kt_gpu_lose(self, why);
}

void
kt_gpu_log_refusal(kt_gpu_t *self, kt_gpu_kind_id_t kind, kt_err_t err, const char *why)
{
    if (strcmp(self->refused, why) == 0)
        return;
    snprintf(self->refused, sizeof self->refused, "%s", why);
    kt_log_warn("GPU-REFUSED", "device=\"%s\" err=%s kind=%d why=\"%s\" then=\"the processor computes it\"",
                self->about.name, kt_err_name(err), (int)kind, why);
}

static bool
thread_start(kt_gpu_t *self, pthread_t *thread, void *(*run)(void *))
{
    self->running++;
    if (pthread_create(thread, NULL, run, self) == 0)
        return true;
    self->running--;
    return false;
}

kt_err_t
kt_gpu_open(kt_gpu_t **self_p, const kt_gpu_opts_t *opts, int device, char why[KT_GPU_WHY])
{
    kt_gpu_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->backend  = opts->backend;
    self->opts     = *opts;
    self->state    = (kt_gpu_state_t){.percent = -1, .celsius = -1};
    self->cpu      = KT_GPU_RATE_CPU;
    self->n_pinned = opts->pinned < KT_GPU_PINNED ? opts->pinned : KT_GPU_PINNED;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->work, NULL);
    pthread_cond_init(&self->turn, NULL);
    pthread_cond_init(&self->flown, NULL);
    pthread_cond_init(&self->rest, NULL);
    pthread_cond_init(&self->changed, NULL);

    kt_err_t err = self->backend->describe(device, &self->about);
    if (err)
        goto fail;
    // Without a limit an eighth of the device's memory is for kept samples, else half of what the limit allows.
    self->keep_most = opts->max_bytes >= KEEP_LEAST_BYTES ? opts->max_bytes / 2
                      : opts->max_bytes                   ? 0
                                                          : self->about.memory_bytes / KEEP_SHARE;

    // A slot's memory: five parts of sixteen for input, nine for results, two for what the backend adds.
    const uint64_t              most_bytes   = opts->max_bytes ? opts->max_bytes - self->keep_most : 0;
    const uint64_t              most         = most_bytes ? most_bytes / KT_GPU_SLOTS : SLOT_BYTES;
    const size_t                part         = (size_t)(most < SLOT_BYTES ? most : SLOT_BYTES) / 16;
    const kt_gpu_context_opts_t context_opts = {.device     = device,
                                                .slots      = KT_GPU_SLOTS,
                                                .in_bytes   = 5 * part / KT_GPU_ALIGN_BYTES * KT_GPU_ALIGN_BYTES,
                                                .out_bytes  = 9 * part / KT_GPU_ALIGN_BYTES * KT_GPU_ALIGN_BYTES,
                                                .host_bytes = self->n_pinned * KT_GPU_PINNED_BYTES,
                                                .max_bytes  = most_bytes,
                                                .growth     = opts->growth};
    kt_gpu_buffers_t            buffers      = {0};
    self->slot_in_bytes                      = context_opts.in_bytes;
    self->slot_out_bytes                     = context_opts.out_bytes;
    err                                      = self->backend->open(&self->context, &context_opts, &buffers, why);
    for (uint32_t i = 0; i < KT_GPU_SLOTS && !err; i++) {
        self->slots[i].input   = buffers.input[i];
        self->slots[i].results = buffers.results[i];
    }
    if (err)
        goto fail;
    self->pinned = buffers.host;
    while (self->pinned && self->n_free_pinned < self->n_pinned) {
        self->free_pinned[self->n_free_pinned] = (uint8_t)self->n_free_pinned;
        self->n_free_pinned++;
    }
    self->pool_bytes = self->backend->pool_bytes(self->context);

    pthread_mutex_lock(&self->lock);
    while (self->n_feeders < KT_GPU_FEEDERS && thread_start(self, &self->feeders[self->n_feeders], kt_gpu_feed))
        self->n_feeders++;
    self->has_collector = thread_start(self, &self->collector, kt_gpu_collect);
    self->has_watcher   = thread_start(self, &self->watcher, kt_gpu_watch);
    pthread_mutex_unlock(&self->lock);
    err = self->n_feeders == KT_GPU_FEEDERS && self->has_collector && self->has_watcher ? KT_OK : KT_ESYSTEM;
    if (err)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    (void)kt_gpu_close(&self);
    return err;
}

bool
kt_gpu_close(kt_gpu_t **self_p)
{
    kt_gpu_t *self = *self_p;
    *self_p        = NULL;
    if (!self)
        return true;

    // A thread that a hung device blocks is abandoned.
    pthread_mutex_lock(&self->lock);
    const int64_t until_us = kt_clock_us() + 1000 * (CLOSE_MS + (self->lost ? 0 : self->opts.deadline_ms));
    self->closing          = true;
    pthread_cond_broadcast(&self->work);
    pthread_cond_signal(&self->flown);
    pthread_cond_signal(&self->rest);
    while ((self->running || self->waiters) && kt_gpu_wait(self, until_us))
        continue;
    const bool ended = !self->running && !self->waiters;
    pthread_mutex_unlock(&self->lock);

    if (!ended || self->hung)
        kt_log_warn("GPU-LEFT", "device=\"%s\" text=\"it does not answer: its memory stays taken until the end\"",
                    self->about.name);
    if (!ended)
        return false;
    for (uint32_t i = 0; i < self->n_feeders; i++)
        pthread_join(self->feeders[i], NULL);
    if (self->has_collector)
        pthread_join(self->collector, NULL);
    if (self->has_watcher)
        pthread_join(self->watcher, NULL);
    const bool answers = !self->hung;
    if (self->n_feeders)
        kt_log_info("GPU-CLOSE",
                    "device=\"%s\" batches=%llu parts=%llu frames=%llu on_cpu=%llu in_bytes=%llu out_bytes=%llu "
                    "files=%llu cpu_files=%llu",
                    self->about.name, (unsigned long long)self->batches, (unsigned long long)self->parts,
                    (unsigned long long)self->frames, (unsigned long long)self->on_cpu,
                    (unsigned long long)self->in_bytes, (unsigned long long)self->out_bytes,
                    (unsigned long long)self->files, (unsigned long long)self->cpu_files);
    if (self->context && !self->hung) {
        kt_gpu_free_kept(self, self->dropped);
        self->backend->close(&self->context);
    }
    pthread_cond_destroy(&self->changed);
    pthread_cond_destroy(&self->rest);
    pthread_cond_destroy(&self->flown);
    pthread_cond_destroy(&self->turn);
    pthread_cond_destroy(&self->work);
    pthread_mutex_destroy(&self->lock);
    free(self);
    return answers;
}
