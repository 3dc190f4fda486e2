#include "coordinator/amqp/message.h"

#include <stdlib.h>

void
kt_delivery_destroy(kt_delivery_t **self_p)
{
    kt_delivery_t *self = *self_p;
    if (!self)
        return;
    free(self->body);
    free(self->properties);
    free(self->answer);
    kt_ledger_request_destroy(&self->request);
    free(self);
    *self_p = NULL;
}

void
kt_amqp_message_destroy(kt_amqp_message_t **self_p)
{
    if (*self_p)
        kt_outbox_row_fini(&(*self_p)->row);
    free(*self_p);
    *self_p = NULL;
}
