// message -- one message on its way from the broker (kt_delivery_t) or to it (kt_amqp_message_t). The threads that own
// the connections (receive.h, send.h) and the loop (consumer.h, publisher.h) pass them by pointer, and ownership with
// it.
#pragma once

#include "coordinator/ledger/actor.h"

enum {
    KT_AMQP_BODY_MAX   = 128 << 20,  // of a message, which is RabbitMQ's limit too
    KT_AMQP_PART_BYTES = 256,        // of a short string of AMQP, with NUL
};

// A message over KT_AMQP_BODY_MAX is truncated; all_bytes is its full length.
typedef struct kt_delivery {
    uint64_t             epoch, tag;  // of the connection; epoch 0: is not acknowledged
    char                *body;        // malloc'ed, NUL-terminated
    size_t               body_bytes, room;
    uint64_t             all_bytes;
    char                *properties, *answer;  // encoded, NULL: none; answer: what the answer needs of them
    size_t               n_properties, n_answer;
    int64_t              sent_ms;                      // when it was published, wall clock; 0: not known
    bool                 replay;                       // asks for the stored answer of a finished job
    bool                 bad_id;                       // the property message_id cannot be a job's
    char                 message_id[KT_JOB_ID_BYTES];  // the broker's property, valid UTF-8, cut; "" none
    kt_ledger_request_t *request;                      // what kt_consumer_read made of it
    void                *owner;                        // of the loop
    struct kt_delivery  *next, *previous;              // of the loop
} kt_delivery_t;

void kt_delivery_destroy(kt_delivery_t **self_p);  // NULL-safe, nulls

typedef enum kt_published {
    KT_PUBLISHED_CONFIRMED,
    KT_PUBLISHED_RETURNED,   // no queue is bound that takes it
    KT_PUBLISHED_REFUSED,    // nack from the broker: a queue is full
    KT_PUBLISHED_FORBIDDEN,  // the broker's user has no right to write there
    KT_PUBLISHED_LOST,       // the connection ended: it may or may not be there
} kt_published_t;

// Of a message that goes out, once for the exchange and once for the queue that its sender named.
typedef struct kt_amqp_copy {
    struct kt_amqp_message *message;
    bool                    reply;
} kt_amqp_copy_t;

typedef struct kt_amqp_message {
    kt_outbox_row_t         row;  // its bytes are owned
    kt_published_t          how;
    kt_amqp_copy_t          copies[2];  // the sending thread's; open: how many the broker has not settled
    int                     open;
    bool                    probe;  // the publisher's: sent to test whether a queue takes it by now
    struct kt_amqp_message *next;   // the sending thread's
} kt_amqp_message_t;

void kt_amqp_message_destroy(kt_amqp_message_t **self_p);  // NULL-safe, nulls
