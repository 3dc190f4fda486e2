// A feeder: makes a batch of the requests in the queue, oldest first, and submits it. Several copy at once; they submit
// in the order in which they began, which keeps the pieces of a request in order.
#include "common/clock.h"
#include "kernels/gpu/private.h"

#include <string.h>

enum { IDLE_US = 60000000 };

// Whether a piece of the ticket can join the batch; *items: of the piece, *full: there was no room for more.
static bool
piece_fits(const kt_gpu_t *self, const kt_gpu_slot_t *slot, const kt_gpu_ticket_t *ticket, kt_gpu_part_t *part,
           bool *full)
{
    const kt_gpu_batch_t *batch = &slot->batch, *like = &ticket->like;
    const kt_gpu_shape_t *shape = &like->shape;
    if (batch->n_parts > 0 &&
        (batch->kind != like->kind || memcmp(batch->config, like->config, sizeof like->config) != 0))
        return false;
    const size_t room_in  = self->slot_in_bytes - batch->in_bytes;
    const size_t room_out = kt_gpu_layout_items(shape->section, batch->wanted | like->wanted, self->slot_out_bytes);
    const size_t left     = ticket->request.items - ticket->next;
    *full                 = true;
    if (batch->n_parts == KT_GPU_PARTS || batch->in_bytes > self->slot_in_bytes || room_in < shape->first_bytes ||
        batch->items >= room_out)
        return false;
    const size_t by_input   = 1 + (room_in - shape->first_bytes) / shape->next_bytes,
                 by_results = room_out - batch->items;
    const size_t most       = by_input < by_results ? by_input : by_results;
    // A piece that is cut off only because the batch has others is a bad bargain: pictures repeat one, sound a window.
    if (left > most && batch->n_parts > 0)
        return false;
    *full = left > most;
    *part = (kt_gpu_part_t){.in = batch->in_bytes, .first = batch->items, .items = (uint32_t)(*full ? most : left)};
    ticket->request.kind->describe_part(ticket->request.work, ticket->next, part->items, part->args);
    if (ticket->request.kind->share)
        ticket->request.kind->share(ticket->request.work, ticket->next, part->items, &part->share);
    if (ticket->request.kind->stay)
        ticket->request.kind->stay(ticket->request.work, ticket->next, part->items, &part->stay);
    if (ticket->request.kind->pinned)
        part->pinned = ticket->request.kind->pinned(ticket->request.work, ticket->next);
    if (batch->n_parts > 0 && ticket->request.kind->joins && !ticket->request.kind->joins(batch, part->args)) {
        *full = true;
        return false;
    }
    return true;
}

// The batch that begins with the oldest request, in a free slot: what is in the queue for it. False: it is not due.
static bool
slot_plan(const kt_gpu_t *self, kt_gpu_slot_t *slot)
{
    bool full   = false;
    slot->batch = (kt_gpu_batch_t){0};
    for (kt_gpu_ticket_t *ticket = self->first; ticket; ticket = ticket->after) {
        kt_gpu_part_t part;
        bool          fills = false;
        if (ticket->err || ticket->next >= ticket->request.items)
            continue;
        if (piece_fits(self, slot, ticket, &part, &fills)) {
            kt_gpu_batch_t *batch = &slot->batch;
            const uint32_t  n     = batch->n_parts;
            if (n == 0)
                *batch = ticket->like;
            slot->parts[n]   = part;
            slot->tickets[n] = ticket;
            slot->firsts[n]  = ticket->next;
            batch->n_parts   = n + 1;
            batch->parts     = slot->parts;
            batch->wanted |= ticket->like.wanted;
            batch->items += part.items;
            batch->in_bytes += kt_gpu_align(kt_gpu_part_bytes(&ticket->like.shape, part.items));
            batch->host_bytes += kt_gpu_host_bytes(&ticket->like.shape, &part);
        }
        full = full || fills;
    }
    return slot->batch.n_parts > 0 &&
           (full || self->closing || kt_gpu_slots_in(self, SLOT_FILLING, SLOT_FLYING) < KT_GPU_EAGER);
}

static void
slot_fill(kt_gpu_t *self, kt_gpu_slot_t *slot)
{
    slot->state = SLOT_FILLING;
    for (uint32_t i = 0; i < slot->batch.n_parts; i++) {
        kt_gpu_ticket_t *ticket = slot->tickets[i];
        ticket->next += slot->parts[i].items;
        ticket->flying++;
    }
    slot->n_tickets = slot->batch.n_parts;
    slot->order     = ++self->planned;
    pthread_cond_signal(&self->work);  // another feeder may find the next batch
    pthread_mutex_unlock(&self->lock);
    for (uint32_t i = 0; i < slot->batch.n_parts; i++) {
        const kt_gpu_request_t *request = &slot->tickets[i]->request;
        if (!slot->parts[i].pinned)
            request->kind->copy_in(request->work, slot->firsts[i], slot->parts[i].items,
                                   slot->input + slot->parts[i].in);
    }
    pthread_mutex_lock(&self->lock);
    while (!self->lost && self->sent + 1 != slot->order)
        pthread_cond_wait(&self->turn, &self->lock);
}

// Whether there is memory for what is to be kept, after an attempt to get it.
static bool
reserve_kept(kt_gpu_t *self, kt_gpu_kept_t *kept)
{
    if (!kept->memory && !kept->refused)
        kept->refused = self->backend->keep(self->context, kept->bytes, &kept->memory) != KT_OK;
    return !kept->refused;
}

// Without the lock, by the feeder whose turn it is: frees what was dropped, and reserves memory for the samples and
// rows of the batch that are to be kept. Where there is none they are not.
static void
slot_keep(kt_gpu_t *self, kt_gpu_slot_t *slot, kt_gpu_kept_t *dropped)
{
    kt_gpu_free_kept(self, dropped);
    for (uint32_t i = 0; i < slot->batch.n_parts; i++) {
        kt_gpu_share_t *share = &slot->parts[i].share;
        kt_gpu_stay_t  *stay  = &slot->parts[i].stay;
        if (share->kept && share->fills && !reserve_kept(self, share->kept))
            share->kept = NULL;
        if (stay->kept && !reserve_kept(self, stay->kept))
            stay->kept = NULL;
    }
}

static void
slot_send(kt_gpu_t *self, uint32_t index)
{
    kt_gpu_slot_t *slot = &self->slots[index];
    slot_fill(self, slot);
    if (self->lost) {
        kt_gpu_slot_end(self, slot, KT_ESTATE);
        return;
    }
    if (!kt_gpu_slots_in(self, SLOT_SENDING, SLOT_FLYING))
        self->progress_ms = kt_clock_ms();
    kt_gpu_kept_t *dropped = self->dropped;
    self->dropped          = NULL;
    slot->state            = SLOT_SENDING;
    slot->sent_us          = kt_clock_us();
    pthread_mutex_unlock(&self->lock);
    slot_keep(self, slot, dropped);
    const kt_err_t  err  = self->backend->submit(self->context, index, &slot->batch);
    const uint64_t  pool = self->backend->pool_bytes(self->context);
    kt_gpu_layout_t layout;
    kt_gpu_layout(slot->batch.shape.section, slot->batch.wanted, slot->batch.items, &layout);
    pthread_mutex_lock(&self->lock);
    self->pool_bytes = pool;
    self->sent       = slot->order;
    pthread_cond_broadcast(&self->turn);
    if (self->lost)  // in the meantime: the tickets are over
        return;
    if (err == KT_ESTATE) {
        kt_gpu_lose(self, self->backend->why(self->context));
    } else if (err) {
        kt_gpu_log_refusal(self, slot->batch.kind, err, self->backend->why(self->context));
        kt_gpu_slot_end(self, slot, err);
    } else {
        slot->state = SLOT_FLYING;
        self->batches++;
        self->parts += slot->batch.n_parts;
        self->frames += slot->batch.items;
        self->in_bytes += slot->batch.host_bytes;
        self->out_bytes += layout.lists;
        pthread_cond_signal(&self->flown);
    }
}

// False: there is nothing to send now.
static bool
feed_once(kt_gpu_t *self)
{
    for (uint32_t i = 0; i < KT_GPU_SLOTS && !self->lost; i++)
        if (self->slots[i].state == SLOT_FREE) {
            if (!slot_plan(self, &self->slots[i]))
                return false;
            slot_send(self, i);
            return true;
        }
    return false;
}

void *
kt_gpu_feed(void *gpu)
{
    kt_gpu_t *self = gpu;
    pthread_mutex_lock(&self->lock);
    while (!self->closing || (self->first && !self->lost)) {
        if (feed_once(self))
            continue;
        kt_gpu_expire(self);
        const bool is_busy = !self->lost && kt_gpu_slots_in(self, SLOT_SENDING, SLOT_FLYING) > 0;
        (void)kt_gpu_wait_on(&self->work, &self->lock,
                             is_busy ? 1000 * (self->progress_ms + self->opts.deadline_ms) + 1
                                     : kt_clock_us() + IDLE_US);
    }
    self->running--;
    pthread_cond_broadcast(&self->changed);
    pthread_cond_broadcast(&self->flown);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}
