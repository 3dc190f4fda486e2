// The side of who has a request: posts it, and may wait for it.
#include "kernels/gpu/ticket.h"

#include "common/clock.h"
#include "kernels/gpu/private.h"

enum { PATIENCE = 4 };  // waits for a ticket, in deadlines of the device

static void
ticket_over(kt_gpu_t *self, kt_gpu_ticket_t *ticket)
{
    *(ticket->before ? &ticket->before->after : &self->first) = ticket->after;
    *(ticket->after ? &ticket->after->before : &self->last)   = ticket->before;
    ticket->before = ticket->after = NULL;
    ticket->over                   = true;
    self->on_cpu += ticket->err != KT_OK && ticket->err != KT_ECANCELLED;
    pthread_cond_broadcast(&self->changed);
    if (self->closing)
        pthread_cond_broadcast(&self->work);
    if (ticket->done)
        ticket->done(ticket->context, ticket->err);
}

void
kt_gpu_ticket_settle(kt_gpu_t *self, kt_gpu_ticket_t *ticket)
{
    if (ticket->flying || (!ticket->err && ticket->next < ticket->request.items))
        return;
    ticket_over(self, ticket);
}

// The most items of which a slot holds input and results.
static size_t
items_of_slot(const kt_gpu_t *self, const kt_gpu_batch_t *like)
{
    const kt_gpu_shape_t *shape = &like->shape;
    if (self->slot_in_bytes < shape->first_bytes)
        return 0;
    const size_t by_input   = 1 + (self->slot_in_bytes - shape->first_bytes) / shape->next_bytes;
    const size_t by_results = kt_gpu_layout_items(shape->section, like->wanted, self->slot_out_bytes);
    return by_input < by_results ? by_input : by_results;
}

kt_err_t
kt_gpu_ticket_post(kt_gpu_t *self, kt_gpu_ticket_t *ticket)
{
    const kt_gpu_request_t request = ticket->request;
    *ticket           = (kt_gpu_ticket_t){.request = request, .done = ticket->done, .context = ticket->context};
    ticket->like.kind = request.kind->id;
    request.kind->describe(request.work, &ticket->like);
    if (!ticket->like.wanted)
        ticket->request.items = 0;
    ticket->most = items_of_slot(self, &ticket->like);

    pthread_mutex_lock(&self->lock);
    const kt_err_t err = self->lost                                   ? KT_ESTATE
                         : self->closing                              ? KT_ECLOSED
                         : ticket->request.items > 0 && !ticket->most ? KT_EINVAL
                                                                      : KT_OK;
    self->on_cpu += err != KT_OK;
    if (!err) {
        ticket->pace                                      = kt_gpu_pace_of(self, &ticket->like);
        ticket->before                                    = self->last;
        *(self->last ? &self->last->after : &self->first) = ticket;
        self->last                                        = ticket;
        kt_gpu_ticket_settle(self, ticket);
        pthread_cond_signal(&self->work);
    }
    pthread_mutex_unlock(&self->lock);
    return err;
}

kt_err_t
kt_gpu_ticket_await(kt_gpu_t *self, kt_gpu_ticket_t *ticket)
{
    const int64_t until_us = kt_clock_us() + 1000 * PATIENCE * self->opts.deadline_ms;
    pthread_mutex_lock(&self->lock);
    self->waiters++;
    while (!ticket->over)
        if (!kt_gpu_wait(self, until_us) && !self->lost) {
            self->hung = true;
            kt_gpu_lose(self, "no thread of the device answers: they may hang in calls of the driver");
        }
    const kt_err_t err = ticket->err;
    self->waiters--;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return err;
}

bool
kt_gpu_ticket_watch(kt_gpu_t *self, kt_gpu_ticket_t *ticket, kt_gpu_done_fn *done, void *context)
{
    pthread_mutex_lock(&self->lock);
    const bool over = ticket->over;
    ticket->done    = over ? NULL : done;
    ticket->context = context;
    pthread_mutex_unlock(&self->lock);
    return over;
}

void
kt_gpu_ticket_cancel(kt_gpu_t *self, kt_gpu_ticket_t *ticket)
{
    pthread_mutex_lock(&self->lock);
    if (!ticket->over) {
        ticket->err = ticket->err ? ticket->err : KT_ECANCELLED;
        kt_gpu_ticket_settle(self, ticket);
    }
    pthread_mutex_unlock(&self->lock);
    (void)!kt_gpu_ticket_await(self, ticket);
}

kt_err_t
kt_gpu_run(kt_gpu_t *self, const kt_gpu_request_t *request)
{
    kt_gpu_ticket_t ticket = {.request = *request};
    const kt_err_t  err    = kt_gpu_ticket_post(self, &ticket);
    return err ? err : kt_gpu_ticket_await(self, &ticket);
}
