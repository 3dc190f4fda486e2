// Leases: who may hold claims, and what becomes of claims and outbox rows that no lease covers any more. Lease time is
// the database's clock.
#include "common/text.h"
#include "coordinator/ledger/sql/ops.h"

#include <string.h>

enum { ADOPTED_PER_CALL = 10000 };  // a renewal must not wait for a million rows; the next takes more

static void
arg_lease(kt_sql_t *self, const kt_lease_t *lease)
{
    kt_sql_arg_text(self, lease->coordinator);
    if (lease->epoch)
        kt_sql_arg_int(self, (int64_t)lease->epoch);
    else
        kt_sql_arg_null(self);  // the one that is being opened
}

static void
put_sweep(kt_sql_t *self, const kt_lease_t *lease)
{
    arg_lease(self, lease);
    kt_sql_put(self, KT_SQL_LEASE_SWEEP);
    kt_sql_arg_text(self, lease->coordinator);
    kt_sql_put(self, KT_SQL_JOBS_FREE);
    arg_lease(self, lease);
    kt_sql_arg_int(self, ADOPTED_PER_CALL);
    kt_sql_arg_int(self, lease->epoch ? 1 : 0);
    kt_sql_put(self, KT_SQL_OUTBOX_OVER);
}

kt_err_t
kt_sql_lease_open(kt_ledger_t *base, const char *coordinator, int64_t length_ms, kt_lease_t *out)
{
    kt_sql_t  *self  = (kt_sql_t *)base;
    kt_lease_t lease = {.length_ms = length_ms};
    kt_err_t   err   = KT_OK;
    if (!kt_rule_node_name_ok(coordinator) || !kt_text_copy(lease.coordinator, sizeof lease.coordinator, coordinator))
        return KT_EINVAL;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        if (self->driver->hold_name && (err = self->driver->hold_name(self, lease.coordinator)))
            continue;
        if (self->driver->hold_file && (err = self->driver->hold_file(self)))
            continue;
        kt_text_copy(self->name, sizeof self->name, lease.coordinator);
        kt_sql_write(self);
        kt_sql_arg_text(self, lease.coordinator);
        kt_sql_arg_int(self, lease.length_ms);
        size_t k = kt_sql_put(self, KT_SQL_LEASE_OPEN);
        put_sweep(self, &lease);
        if ((err = kt_sql_commit(self)))
            continue;
        lease.epoch = self->epoch = (uint64_t)kt_sql_int(self, k, 0, 0);
        *out                      = lease;
    }
    return err;
}

// The own lease is extended before expired leases are swept, so that it is not swept itself. A lease that is not
// ours sweeps nothing.
kt_err_t
kt_sql_lease_renew(kt_ledger_t *base, const kt_lease_t *lease)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        if (self->driver->hold_file && (err = self->driver->hold_file(self)))
            continue;
        kt_sql_write(self);
        kt_sql_put_lease(self, lease);
        kt_sql_arg_int(self, lease->length_ms);
        size_t k = kt_sql_put(self, KT_SQL_LEASE_RENEW);
        put_sweep(self, lease);
        if ((err = kt_sql_commit(self)))
            continue;
        if (!kt_sql_rows(self, k))
            err = KT_EFENCED;
        else if (self->driver->renewed)
            self->driver->renewed(self, lease->coordinator);
    }
    return err;
}
