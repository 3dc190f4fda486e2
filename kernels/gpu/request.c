// A worker's side: finds room in a batch, copies its input in, waits, copies its results out. A request that is larger
// than a slot goes in pieces, one after the other; an item's results do not depend on how a request is cut.
#include "common/clock.h"
#include "kernels/gpu/private.h"

#include <string.h>

enum { PATIENCE = 4 };  // waits of a worker, in deadlines of the actor

typedef struct piece {
    kt_gpu_t               *gpu;
    const kt_gpu_request_t *request;
    kt_gpu_batch_t          like;  // a batch of this request alone, without parts
    size_t                  first, items, in_bytes;
    kt_gpu_slot_t          *slot;
    kt_gpu_part_t          *part;
} piece_t;

// The slot that gathers requests like this one; one that is too full for it is sent.
static kt_gpu_slot_t *
piece_find_slot(piece_t *self, const kt_gpu_part_t *part)
{
    kt_gpu_slot_t *slots = self->gpu->slots;
    for (size_t i = 0; i < KT_GPU_SLOTS; i++) {
        const kt_gpu_batch_t *batch = &slots[i].batch, *like = &self->like;
        if (slots[i].state != SLOT_FILLING || slots[i].full || batch->kind != like->kind ||
            memcmp(batch->config, like->config, sizeof like->config) != 0)
            continue;
        const size_t room =
            kt_gpu_layout_items(batch->shape.section, batch->wanted | like->wanted, self->gpu->slot_out_bytes);
        if (batch->n_parts < KT_GPU_PARTS && batch->in_bytes + self->in_bytes <= self->gpu->slot_in_bytes &&
            batch->items + self->items <= room &&
            (!self->request->kind->joins || self->request->kind->joins(batch, part->args)))
            return &slots[i];
        slots[i].full = true;
        pthread_cond_signal(&self->gpu->work);
    }
    for (size_t i = 0; i < KT_GPU_SLOTS; i++) {
        kt_gpu_slot_t *slot = &slots[i];
        if (slot->state != SLOT_FREE)
            continue;
        slot->state       = SLOT_FILLING;
        slot->batch       = self->like;
        slot->batch.parts = slot->parts;
        slot->full        = false;
        slot->err         = KT_OK;
        slot->opened_us   = kt_clock_us();
        return slot;
    }
    return NULL;
}

static kt_err_t
wait_or_lose(kt_gpu_t *gpu, int64_t until_us)
{
    gpu->waiting++;
    pthread_cond_signal(&gpu->work);  // perhaps no more request can come
    if (!kt_gpu_wait(gpu, until_us)) {
        gpu->hung = true;
        kt_gpu_lose(gpu, "the actor does not answer: it may hang in a call of the driver");
    }
    gpu->waiting--;
    return gpu->lost ? KT_ESTATE : KT_OK;
}

// Waits for room in a slot and takes a part of its batch.
static kt_err_t
piece_reserve(piece_t *self, int64_t until_us)
{
    kt_gpu_t     *gpu  = self->gpu;
    kt_gpu_part_t part = {.items = (uint32_t)self->items};
    self->request->kind->describe_part(self->request->work, self->first, self->items, part.args);
    for (kt_err_t err = KT_OK;;) {
        if (err || gpu->lost || gpu->closing)
            return gpu->lost ? KT_ESTATE : KT_ECLOSED;
        self->slot = piece_find_slot(self, &part);
        if (self->slot)
            break;
        err = wait_or_lose(gpu, until_us);
    }

    kt_gpu_batch_t *batch = &self->slot->batch;
    part.in               = batch->in_bytes;
    part.first            = batch->items;
    self->part            = &self->slot->parts[batch->n_parts++];
    *self->part           = part;
    batch->wanted |= self->like.wanted;
    batch->items += part.items;
    batch->in_bytes += kt_gpu_align(self->in_bytes);
    self->slot->users++;
    self->slot->writers++;
    return KT_OK;
}

static kt_err_t
piece_run(piece_t *self)
{
    const kt_gpu_request_t *request  = self->request;
    kt_gpu_t               *gpu      = self->gpu;
    int64_t                 until_us = kt_clock_us() + 1000 * PATIENCE * gpu->opts.deadline_ms;
    kt_err_t                err      = piece_reserve(self, until_us);
    if (err)
        return err;
    pthread_mutex_unlock(&gpu->lock);
    request->kind->copy_in(request->work, self->first, self->items, self->slot->input + self->part->in);
    pthread_mutex_lock(&gpu->lock);
    self->slot->writers--;
    while (!err && self->slot->state != SLOT_DONE)
        err = wait_or_lose(gpu, until_us);
    if (!err)
        err = self->slot->err;
    pthread_mutex_unlock(&gpu->lock);
    if (!err) {
        const kt_gpu_batch_t  *batch = &self->slot->batch;
        kt_gpu_layout_t        layout;
        const kt_gpu_results_t results = {self->slot->results, &layout, self->part, self->like.wanted};
        kt_gpu_layout(batch->shape.section, batch->wanted, batch->items, &layout);
        err = request->kind->copy_out(request->work, self->first, &results);
    }
    pthread_mutex_lock(&gpu->lock);
    if (--self->slot->users == 0 && self->slot->state == SLOT_DONE) {
        self->slot->state = SLOT_FREE;
        pthread_cond_broadcast(&gpu->changed);
    }
    return err;
}

kt_err_t
kt_gpu_run(kt_gpu_t *self, const kt_gpu_request_t *request)
{
    piece_t piece = {.gpu = self, .request = request, .like = {.kind = request->kind->id}};
    request->kind->describe(request->work, &piece.like);
    if (request->items == 0 || !piece.like.wanted)
        return KT_OK;

    // The most items of which a slot holds input and results.
    const kt_gpu_shape_t *shape = &piece.like.shape;
    size_t                most  = 0;
    if (self->slot_in_bytes >= shape->first_bytes) {
        const size_t by_input   = 1 + (self->slot_in_bytes - shape->first_bytes) / shape->next_bytes;
        const size_t by_results = kt_gpu_layout_items(shape->section, piece.like.wanted, self->slot_out_bytes);
        most                    = by_input < by_results ? by_input : by_results;
    }

    kt_err_t err = most ? KT_OK : KT_EINVAL;
    pthread_mutex_lock(&self->lock);
    self->inside++;
    for (; piece.first < request->items && !err; piece.first += piece.items) {
        const size_t left = request->items - piece.first;
        piece.items       = left < most ? left : most;
        piece.in_bytes    = shape->first_bytes + (piece.items - 1) * shape->next_bytes;
        err               = piece_run(&piece);
    }
    self->inside--;
    self->on_cpu += err != KT_OK;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return err;
}
