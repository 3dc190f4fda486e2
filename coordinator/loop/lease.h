// kt_lease_keeper -- the coordinator's lease: opens it, renews it every quarter of its length, and reports it as lost
// when another holds it or, of a ledger that is shared, no renewal came in time. Emits LEASE_OPEN, LEASE_LOST, and WORK
// after a renewal. Loop thread.
#pragma once

#include "coordinator/loop/ledger_port.h"

typedef struct kt_lease_keeper {
    kt_ledger_port_t *port;
    kt_sink_t         sink;
    char              coordinator[64];
    int64_t           length_ms;
    bool              exclusive;  // no other process can open the ledger, so the lease does not run out
    bool              held;
    bool              asked;     // an OPEN or RENEW is with the actor
    int64_t           asked_ms;  // when it was posted
    int64_t           good_ms;   // when the last one that succeeded was posted: the lease holds from then
    uint64_t          epoch;
} kt_lease_keeper_t;

void kt_lease_init(kt_lease_keeper_t *self, kt_ledger_port_t *port, kt_sink_t sink, const char *coordinator,
                   int64_t length_ms);
void kt_lease_tick(kt_lease_keeper_t *self, int64_t now_ms);
void kt_lease_check(kt_lease_keeper_t *self);  // RENEW now
// Before each step: a process that was stopped for longer than its lease holds nothing.
void kt_lease_guard(kt_lease_keeper_t *self, int64_t now_ms);
void kt_lease_lose(kt_lease_keeper_t *self, const char *why);  // nothing when no lease is held
