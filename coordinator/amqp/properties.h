// amqp_properties -- the properties of messages: those of an input message that are read, those that are kept for its
// answer and its dead letter, and those of an output message. Kept properties are in AMQP's own encoding of a
// content header (AMQP 0-9-1, section 4.2.6.1), as the broker sent them. Private to amqp/.
#pragma once

#include "coordinator/amqp/message.h"

struct amqp_basic_properties_t_;

// Sets what a delivery knows of its properties: message_id, properties, answer, replay, sent_ms. raw: all, encoded.
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_amqp_properties_read(kt_delivery_t *delivery, const struct amqp_basic_properties_t_ *properties,
                                             const void *raw, size_t raw_bytes);
// Adds a warning to what is kept for the answer, which has it as the header x-kithara-warning. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_amqp_properties_warn(kt_delivery_t *delivery, const char *warning);
// Of a message from a stream, which keeps what was acknowledged.
bool kt_amqp_properties_of_stream(const struct amqp_basic_properties_t_ *properties);

// Of a row on its way out, which is borrowed. A RESULT or REPLY has the correlation_id that came, and the warning. A
// DEAD has all that came; expiration and user_id, with which the broker would drop or refuse it, become headers
// x-kithara-expiration and x-kithara-user-id.
typedef struct kt_amqp_properties kt_amqp_properties_t;
KT_MUST_USE kt_err_t kt_amqp_properties_new(kt_amqp_properties_t **self_p, const kt_outbox_row_t *row);  // KT_ENOMEM
void                 kt_amqp_properties_destroy(kt_amqp_properties_t **self_p);
const struct amqp_basic_properties_t_ *kt_amqp_properties_all(const kt_amqp_properties_t *self);
const char *kt_amqp_properties_reply_to(const kt_amqp_properties_t *self);  // of a RESULT or REPLY; "" none

extern const char KT_AMQP_ROW_HEADER[];  // the outbox's id, in all that is published
