// kt_coordinator -- the whole program behind its main: one zloop thread owns the scheduler and the ROUTER; the ledger,
// HTTP and ZAP live in threads of their own. Benchmarks and tests start it with a ledger of their choice.
#pragma once

#include "common/queue.h"
#include "common/settings.h"
#include "coordinator/ledger/ledger.h"

typedef struct kt_coordinator kt_coordinator_t;

// A database, broker or cache on another machine without TLS: KT_ESETTING under ANALYZER_REQUIRE_TLS, else a warning
// each. To be called before the first of them is connected.
KT_MUST_USE kt_err_t kt_coordinator_check_tls(const kt_settings_t *settings, char why[KT_LEDGER_WHY]);
// Binds, opens the lease, starts its threads. Takes *ledger_p. why: a sentence with cause and remedy
// (busy port, keys, ledger). KT_EPORT, KT_ELOCKED, KT_EIO, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_coordinator_new(kt_coordinator_t **self_p, const kt_settings_t *settings,
                                        kt_ledger_t **ledger_p, char why[KT_LEDGER_WHY]);
const char          *kt_coordinator_router(const kt_coordinator_t *self);  // real endpoint, "tcp://127.0.0.1:8711"
const char          *kt_coordinator_http(const kt_coordinator_t *self);    // "http://127.0.0.1:8710"
const char          *kt_coordinator_public_key(const kt_coordinator_t *self);
kt_queue_t          *kt_coordinator_calls(kt_coordinator_t *self);  // of kt_call_t (loop/calls.h)
// Until a stop signal: the first SIGTERM or SIGINT drains (no claim, waits for what is out, at most a minute), the
// second stops at once; what is claimed goes back to the ledger either way. signal_fd: a signalfd of both, or -1.
KT_MUST_USE kt_err_t kt_coordinator_run(kt_coordinator_t *self, int signal_fd);
void                 kt_coordinator_destroy(kt_coordinator_t **self_p);
