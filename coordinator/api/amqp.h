// api_amqp -- the two AMQP connections and their counts as JSON: a member of /v1/status. HTTP thread.
#pragma once

#include "coordinator/loop/amqp_stats.h"

typedef struct json_t json_t;

json_t     *kt_api_amqp(const kt_amqp_stats_t *stats);          // null without a broker
const char *kt_api_amqp_trouble(const kt_amqp_stats_t *stats);  // NULL: none, or no broker
