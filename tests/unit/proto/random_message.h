// Messages with random contents by the wire's own table, and their comparison: what the wire tests are made of.
#pragma once

#include "proto/wire.h"

typedef struct random_message random_message_t;

// Every message id of the table, in its order.
extern const kt_msg_type_t MESSAGE_TYPES[];
extern const size_t        N_MESSAGE_TYPES;

// A message of that type; lists of at most max_items, borrowed from memory that lives until the next call.
kt_msg_t random_message(kt_msg_type_t type, unsigned *seed, size_t max_items);
bool     same_message(const kt_msg_t *a, const kt_msg_t *b);
unsigned random_number(unsigned *seed);  // 32 bits
