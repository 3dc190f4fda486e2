// The collector: waits for the batches in flight in the order of their submission, which keeps the pieces of a request
// in order, and copies results to where the requests want them.
#include "common/clock.h"
#include "kernels/gpu/private.h"

static kt_gpu_slot_t *
next_in_flight(kt_gpu_t *self)
{
    kt_gpu_slot_t *next = NULL;
    for (size_t i = 0; i < KT_GPU_SLOTS; i++) {
        kt_gpu_slot_t *slot = &self->slots[i];
        if (slot->state == SLOT_FLYING && (!next || slot->order < next->order))
            next = slot;
    }
    return next;
}

// With the lock held. Results of tickets that failed already are left out.
static void
slot_copy_out(kt_gpu_t *self, kt_gpu_slot_t *slot)
{
    kt_err_t        errs[KT_GPU_PARTS] = {0};
    kt_gpu_layout_t layout;
    slot->state = SLOT_COLLECTING;
    for (uint32_t i = 0; i < slot->n_tickets; i++)
        errs[i] = slot->tickets[i]->err;
    pthread_cond_signal(&self->work);  // fewer are in flight
    pthread_mutex_unlock(&self->lock);
    kt_gpu_layout(slot->batch.shape.section, slot->batch.wanted, slot->batch.items, &layout);
    for (uint32_t i = 0; i < slot->n_tickets; i++) {
        const kt_gpu_ticket_t *ticket  = slot->tickets[i];
        const kt_gpu_results_t results = {slot->results, &layout, &slot->parts[i], ticket->like.wanted};
        if (!errs[i])
            errs[i] = ticket->request.kind->copy_out(ticket->request.work, slot->firsts[i], &results);
    }
    pthread_mutex_lock(&self->lock);
    for (uint32_t i = 0; i < slot->n_tickets; i++)
        slot->tickets[i]->err = slot->tickets[i]->err ? slot->tickets[i]->err : errs[i];
}

static void
collect_one(kt_gpu_t *self, kt_gpu_slot_t *slot)
{
    char why[KT_GPU_WHY] = "";
    pthread_mutex_unlock(&self->lock);
    const kt_err_t err = self->backend->wait(self->context, (uint32_t)(slot - self->slots), why);
    pthread_mutex_lock(&self->lock);
    if (self->lost)  // in the meantime: the tickets are over
        return;
    self->progress_ms = kt_clock_ms();
    if (err == KT_ESTATE) {
        kt_gpu_lose(self, why);
        return;
    }
    if (err) {
        kt_gpu_log_refusal(self, slot->batch.kind, err, why);
    } else {
        kt_gpu_pace_note(self, slot);
        slot_copy_out(self, slot);
    }
    kt_gpu_slot_end(self, slot, self->lost ? KT_ESTATE : err);
}

void *
kt_gpu_collect(void *gpu)
{
    kt_gpu_t *self = gpu;
    pthread_mutex_lock(&self->lock);
    while (!self->lost && (!self->closing || self->first)) {
        kt_gpu_slot_t *slot = next_in_flight(self);
        if (slot)
            collect_one(self, slot);
        else
            (void)!pthread_cond_wait(&self->flown, &self->lock);
    }
    self->running--;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}
