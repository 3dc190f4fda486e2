// posted -- a ledger port whose requests the test takes and answers itself, and a clock that the test sets.
#pragma once

#include "common/clock.h"
#include "coordinator/loop/ledger_port.h"

enum { POSTED_MAX = 4096 };

extern kt_clock_test_t posted_clock;
extern size_t          posted_room;  // requests that the port's ledger takes; then KT_EFULL

// Sets the clock (a second after 0) and attaches the port, which is initialised.
void posted_set_up(kt_ledger_port_t *port);
void posted_tear_down(void);  // frees what was not answered; the real clock again

// The oldest request of that type that was not taken yet, the test's from then on; NULL: none.
kt_ledger_request_t *posted_take(kt_ledger_request_type_t type);
size_t               posted_count(kt_ledger_request_type_t type);
// Answers as the ledger's thread does.
void posted_answer(kt_ledger_port_t *port, kt_ledger_request_t *request, kt_err_t err);
