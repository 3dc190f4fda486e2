// outlet -- publishing on the loop's side: it takes waiting rows of the outbox in order, gives them to the AMQP actor
// and tells the ledger, in groups, which the broker has confirmed. So each message goes out at least once, and a row
// whose confirmation was lost goes out again. Loop thread.
//
// What is on its way is bounded in rows and bytes. A row that no queue takes (returned) or that the broker refuses
// stays in the outbox; a few such rows are tried again with growing pauses, in turn, and when one gets through all that
// waits follows. Now and then the outbox is looked through from its beginning: rows that a dead coordinator left come
// there.
#pragma once

#include "coordinator/amqp/send.h"
#include "coordinator/loop/lease.h"

typedef struct kt_publisher kt_publisher_t;

KT_MUST_USE kt_err_t kt_publisher_new(kt_publisher_t **self_p, const kt_settings_t *settings, kt_ledger_port_t *port,
                                      kt_lease_keeper_t *lease, char why[KT_LEDGER_WHY]);
void                 kt_publisher_destroy(kt_publisher_t **self_p);
int                  kt_publisher_fd(kt_publisher_t *self);       // readable: the actor has answers
void                 kt_publisher_answers(kt_publisher_t *self);  // takes some of them
void                 kt_publisher_wake(kt_publisher_t *self);     // NULL-safe: the ledger has new rows
void                 kt_publisher_turn(kt_publisher_t *self);     // NULL-safe: asks and tells the ledger what is due
void                 kt_publisher_tick(kt_publisher_t *self, int64_t now_ms);
bool                 kt_publisher_is_done(kt_publisher_t *self, int64_t now_ms);  // at the end: all that can go is out
void                 kt_publisher_stats(kt_publisher_t *self, kt_amqp_stats_t *out);  // its part
