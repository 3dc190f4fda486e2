// message -- one message on its way from the broker (kt_delivery_t) or to it (kt_amqp_message_t). The threads that own
// the connections (receive.h, send.h) and the loop (consumer.h, publisher.h) pass them by pointer, and ownership with
// it.
#pragma once

#include "coordinator/ledger/actor.h"

// A message over KT_JOB_MAX_BYTES is truncated to that; all_bytes is its full length.
typedef struct kt_delivery {
    uint64_t             epoch, tag;  // of the connection; epoch 0: is not acknowledged
    char                *body;        // malloc'ed, NUL-terminated
    size_t               body_bytes;
    uint64_t             all_bytes;
    char                 message_id[KT_JOB_ID_BYTES];  // the broker's property; "" none
    kt_ledger_request_t *request;                      // what kt_consumer_read made of it
    void                *owner;                        // of the loop
    struct kt_delivery  *next, *previous;              // of the loop
} kt_delivery_t;

void kt_delivery_destroy(kt_delivery_t **self_p);  // NULL-safe, nulls

typedef enum kt_published {
    KT_PUBLISHED_CONFIRMED,
    KT_PUBLISHED_RETURNED,  // no queue is bound that takes it
    KT_PUBLISHED_REFUSED,   // nack from the broker
    KT_PUBLISHED_LOST,      // the connection ended: it may or may not be there
} kt_published_t;

typedef struct kt_amqp_message {
    kt_outbox_row_t         row;  // its bytes are owned
    kt_published_t          how;
    bool                    probe;  // the publisher's: sent to test whether a queue takes it by now
    struct kt_amqp_message *next;   // the sending thread's
} kt_amqp_message_t;

void kt_amqp_message_destroy(kt_amqp_message_t **self_p);  // NULL-safe, nulls
