// Times of the device's batches and of files on the processor, and the choice between them (choice.h).
#include "common/clock.h"
#include "kernels/gpu/private.h"

#include <string.h>

enum { ITEMS_LEAST = 256 };  // a smaller batch shows the latency of a launch; but a piece of a stream is large

uint32_t
kt_gpu_pace_of(kt_gpu_t *self, const kt_gpu_batch_t *like)
{
    // Streams of each length are a configuration of statistics: one place is for all of them.
    const bool any    = like->kind == KT_GPU_COLUMNS;
    uint32_t   oldest = 0;
    self->posted++;
    for (uint32_t i = 0; i < KT_GPU_PACES; i++) {
        kt_gpu_pace_t *pace = &self->paces[i];
        if (pace->used && pace->kind == like->kind &&
            (any || memcmp(pace->config, like->config, sizeof pace->config) == 0)) {
            pace->used = self->posted;
            return i;
        }
        oldest = pace->used < self->paces[oldest].used ? i : oldest;
    }
    self->paces[oldest] = (kt_gpu_pace_t){.kind = like->kind, .rate = KT_GPU_RATE_DEVICE, .used = self->posted};
    memcpy(self->paces[oldest].config, like->config, sizeof like->config);
    return oldest;
}

// While batches follow each other, one takes as long as it ends after the one before: copies of the next are beside the
// kernels of this one.
void
kt_gpu_pace_note(kt_gpu_t *self, const kt_gpu_slot_t *slot)
{
    const int64_t now_us  = kt_clock_us();
    const int64_t from_us = slot->sent_us > self->ended_us ? slot->sent_us : self->ended_us;
    self->ended_us        = now_us;
    const uint32_t least  = slot->batch.kind == KT_GPU_SOURCE ? 1 : ITEMS_LEAST;
    if (slot->n_tickets && slot->batch.items >= least)
        kt_gpu_rate_add(&self->paces[slot->tickets[0]->pace].rate, (double)(now_us - from_us), slot->batch.items);
}

// With the lock. What waits, and is on the device.
static bool
queue_allows(const kt_gpu_t *self, size_t frames)
{
    kt_gpu_waiting_t waiting[KT_GPU_PACES];
    for (size_t i = 0; i < KT_GPU_PACES; i++)
        waiting[i] = (kt_gpu_waiting_t){.rate = self->paces[i].rate};
    for (const kt_gpu_ticket_t *ticket = self->first; ticket; ticket = ticket->after)
        waiting[ticket->pace].items += ticket->err ? 0 : (double)(ticket->request.items - ticket->ended);
    return kt_gpu_choice(waiting, KT_GPU_PACES, &self->cpu, frames);
}

bool
kt_gpu_takes_file(kt_gpu_t *self, size_t frames, bool may_refuse)
{
    pthread_mutex_lock(&self->lock);
    const bool takes = !may_refuse || self->lost || queue_allows(self, frames);
    self->files += takes;
    self->cpu_files += !takes;
    pthread_mutex_unlock(&self->lock);
    return takes;
}

bool
kt_gpu_takes_pieces(kt_gpu_t *self, size_t frames)
{
    size_t waiting = 0;
    pthread_mutex_lock(&self->lock);
    const bool allows = queue_allows(self, frames / KT_GPU_PIECES_PART);
    for (const kt_gpu_ticket_t *ticket = self->first; ticket; ticket = ticket->after)
        waiting += ticket->like.kind == KT_GPU_SOURCE && !ticket->err ? ticket->request.items : 0;
    pthread_mutex_unlock(&self->lock);
    return allows && waiting < KT_GPU_PIECES_MOST;
}

void
kt_gpu_note_cpu(kt_gpu_t *self, int64_t us, size_t frames)
{
    pthread_mutex_lock(&self->lock);
    kt_gpu_rate_add(&self->cpu, (double)us, (double)frames);
    pthread_mutex_unlock(&self->lock);
}
