// Private to consumer.c and delivery_read.c: the request that stores a message which cannot become a job in the outbox.
#pragma once

#include "coordinator/ledger/actor.h"

// Takes *body_p and nulls it; message_id is used when the body has none. KT_ENOMEM leaves it.
KT_MUST_USE kt_err_t kt_delivery_reject(kt_ledger_request_t **out, char **body_p, size_t bytes, const char *message_id,
                                        kt_err_t why_not, const char *reason);
