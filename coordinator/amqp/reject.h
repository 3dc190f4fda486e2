// Private to consumer.c and delivery_read.c: the request that stores a message which cannot become a job in the outbox.
#pragma once

#include "coordinator/amqp/message.h"

// Takes *body_p, the message as it came, and the delivery's properties. KT_ENOMEM leaves them.
KT_MUST_USE kt_err_t kt_delivery_reject(kt_delivery_t *delivery, char **body_p, size_t bytes, kt_err_t why_not,
                                        const char *reason, kt_ledger_request_t **out);
