#include "coordinator/amqp/delivery_tags.h"

#include <stdlib.h>

enum { OPEN, SETTLED, ACKED };

kt_err_t
kt_tags_init(kt_tags_t *self, size_t window)
{
    *self        = (kt_tags_t){.first = 1, .next = 1, .window = window};
    self->states = calloc(window, sizeof *self->states);
    self->early  = calloc(window, sizeof *self->early);
    if (self->states && self->early)
        return KT_OK;
    kt_tags_fini(self);
    return KT_ENOMEM;
}

void
kt_tags_fini(kt_tags_t *self)
{
    free(self->states);
    free(self->early);
    self->states = NULL;
    self->early  = NULL;
}

void
kt_tags_begin(kt_tags_t *self)
{
    self->epoch++;
    self->first   = 1;
    self->next    = 1;
    self->n_early = 0;
}

static uint8_t *
tag_state(kt_tags_t *self, uint64_t tag)
{
    return &self->states[tag % self->window];
}

kt_err_t
kt_tags_deliver(kt_tags_t *self, uint64_t tag)
{
    if (tag != self->next || tag - self->first >= self->window)
        return KT_EMESSAGE;
    *tag_state(self, tag) = OPEN;
    self->next++;
    return KT_OK;
}

bool
kt_tags_settle(kt_tags_t *self, uint64_t epoch, uint64_t tag)
{
    if (epoch != self->epoch || tag < self->first || tag >= self->next || *tag_state(self, tag) != OPEN)
        return false;
    *tag_state(self, tag)        = SETTLED;
    self->early[self->n_early++] = tag;
    return true;
}

// Up to the first open tag. RabbitMQ rejects a multiple acknowledgement whose own tag is already acknowledged, so it
// names the last settled one.
static kt_err_t
flush_eldest(kt_tags_t *self, kt_tags_ack_fn *ack, void *context)
{
    uint64_t last = 0, began = self->first;
    for (; self->first < self->next && *tag_state(self, self->first) != OPEN; self->first++)
        if (*tag_state(self, self->first) == SETTLED)
            last = self->first;
    return last ? ack(context, last, last > began) : KT_OK;
}

kt_err_t
kt_tags_flush(kt_tags_t *self, kt_tags_ack_fn *ack, void *context)
{
    kt_err_t err = flush_eldest(self, ack, context);
    for (size_t i = 0; i < self->n_early && !err; i++) {
        uint64_t tag = self->early[i];
        if (tag < self->first)
            continue;
        *tag_state(self, tag) = ACKED;
        err                   = ack(context, tag, false);
    }
    self->n_early = 0;
    return err;
}
