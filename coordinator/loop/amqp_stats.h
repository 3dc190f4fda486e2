// amqp_stats -- state and counts of the two AMQP connections, for status and metrics: plain values, taken with a
// snapshot. Counts are of this process.
#pragma once

#include "coordinator/loop/counters.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_AMQP_WHY = 256 };

typedef enum kt_amqp_state {
    KT_AMQP_OFF,         // not configured
    KT_AMQP_DOWN,        // waits for the next attempt
    KT_AMQP_CONNECTING,  // connects, logs in, declares
    KT_AMQP_UP,
    KT_AMQP_BLOCKED,  // up, but the broker takes no messages now (memory or disk alarm)
} kt_amqp_state_t;

typedef struct kt_amqp_health {
    kt_amqp_state_t state;
    uint64_t        connects;            // that came up
    uint64_t        losses;              // that went down, and attempts that failed
    int64_t         since_ms;            // of the state, monotonic
    char            error[KT_AMQP_WHY];  // of the last failure; "" none
} kt_amqp_health_t;

typedef enum kt_amqp_waits {
    KT_AMQP_WAITS_FOR_NOTHING,
    KT_AMQP_WAITS_FOR_BINDING,  // no queue takes the message
    KT_AMQP_WAITS_FOR_ROOM,     // a queue that would take it is full
    KT_AMQP_WAITS_FOR_RIGHTS,   // dead letters: no right to write to their exchange, or no queue
} kt_amqp_waits_t;

typedef struct kt_amqp_stats {
    bool             configured;
    kt_amqp_health_t in, out;
    uint64_t         delivered;  // input messages that came in, repeated ones too
    uint64_t         accepted, known, rejected;
    uint64_t         replayed;                    // answers that a repeated message asked for again
    kt_histogram_t   queue_times;                 // of deliveries with a time of publishing
    uint64_t         settled;                     // acknowledged to the broker, or void with their connection
    size_t           unsettled;                   // with the ledger now
    uint64_t         confirmed;                   // output messages that the broker has
    uint64_t         returned;                    // that no queue took
    uint64_t         refused;                     // that the broker refused (nack)
    uint64_t         damaged;                     // stored results that are no messages, which are left out
    uint64_t         lost;                        // whose connection ended before their confirmation
    size_t           in_flight, in_flight_bytes;  // with the broker, or waiting for their connection
    bool             unroutable;                  // some wait because no queue takes them
    kt_amqp_waits_t  waits;                       // for what, as of the last such message
} kt_amqp_stats_t;

const char *kt_amqp_state_name(kt_amqp_state_t state);  // "off", "down", "connecting", "up", "blocked"
