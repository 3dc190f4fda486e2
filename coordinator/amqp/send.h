// amqp_out -- the thread that publishes output messages on a connection of its own, persistent and mandatory, and
// returns each message with the broker's result. RESULT and REPLY go to ANALYZER_EXCHANGE_NAME, DEAD to the dead-letter
// exchange. While there is no connection, or the broker has blocked it, messages wait here, at most KT_AMQP_OUT_MAX.
#pragma once

#include "common/queue.h"
#include "common/settings.h"
#include "coordinator/amqp/message.h"
#include "coordinator/loop/amqp_stats.h"

enum { KT_AMQP_OUT_MAX = 2048 };

typedef struct kt_amqp_out kt_amqp_out_t;
KT_MUST_USE kt_err_t kt_amqp_out_new(kt_amqp_out_t **self_p, const kt_settings_t *settings, char why[KT_AMQP_WHY]);
void                 kt_amqp_out_destroy(kt_amqp_out_t **self_p);
// Loop thread. Takes the message; KT_EFULL leaves it.
KT_MUST_USE kt_err_t kt_amqp_out_give(kt_amqp_out_t *self, kt_amqp_message_t **message_p);
kt_queue_t          *kt_amqp_out_answers(kt_amqp_out_t *self);  // the loop pops kt_amqp_message_t *
void                 kt_amqp_out_watch(kt_amqp_out_t *self, int64_t now_ms);
void                 kt_amqp_out_health(kt_amqp_out_t *self, kt_amqp_health_t *out);
