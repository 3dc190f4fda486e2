// kt_ledger_check -- whether a coordinator with these settings can work with its ledger: the address, the password, the
// schema, the rights. Changes nothing. Blocks; a database that does not answer is given up after some seconds.
#pragma once

#include "common/check/checked.h"
#include "coordinator/ledger/ledger.h"

kt_checked_t kt_ledger_check(const kt_settings_t *settings, char text[KT_CHECKED_TEXT]);
// The time of a database on a server. KT_ENOTYET: the ledger is no such one; the errors of a connection.
KT_MUST_USE kt_err_t kt_ledger_clock(const kt_settings_t *settings, int64_t *wall_ms);
