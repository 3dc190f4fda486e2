// Leases: who may hold claims, and what becomes of claims that nobody holds any more. Lease time is this machine's wall
// clock, the only clock that a file on it has.
#include "common/clock.h"
#include "common/text.h"
#include "coordinator/ledger/sqlite/sqlite.h"

#include <sqlite3.h>

// Claims without a lease go back to the queue. The partial index of claimed jobs keeps this small.
static kt_err_t
free_claims(kt_sqlite_t *self)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_JOBS_FREE);
    kt_err_t         err  = kt_sqlite_run(&call);
    if (err)
        return err;
    int64_t freed = kt_sqlite_changes(self);
    self->delta.state[KT_JOB_CLAIMED] -= freed;
    self->delta.state[KT_JOB_QUEUED] += freed;
    return KT_OK;
}

static kt_err_t
sweep_leases(kt_sqlite_t *self, int64_t now_ms)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_LEASE_SWEEP);
    kt_sqlite_int(&call, now_ms);
    return kt_sqlite_run(&call);
}

static kt_err_t
take_epoch(kt_sqlite_t *self, uint64_t *epoch)
{
    bool             more;
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_EPOCH_TAKE);
    kt_err_t         err  = kt_sqlite_step(&call, &more);
    if (err)
        return err;
    if (!more)
        return KT_ESTATE;
    *epoch = (uint64_t)sqlite3_column_int64(call.stmt, 0);
    return kt_sqlite_run(&call);
}

static kt_err_t
put_lease(kt_sqlite_t *self, const kt_lease_t *lease, kt_sqlite_id_t how)
{
    kt_sqlite_call_t call = kt_sqlite_call(self, how);
    kt_sqlite_text(&call, lease->coordinator);
    kt_sqlite_int(&call, (int64_t)lease->epoch);
    kt_sqlite_int(&call, kt_clock_wall_ms() + lease->length_ms);
    return kt_sqlite_run(&call);
}

kt_err_t
kt_sqlite_lease_open(kt_ledger_t *base, const char *coordinator, int64_t length_ms, kt_lease_t *out)
{
    kt_sqlite_t *self  = (kt_sqlite_t *)base;
    kt_lease_t   lease = {.length_ms = length_ms};
    if (!kt_rule_node_name_ok(coordinator) || !kt_text_copy(lease.coordinator, sizeof lease.coordinator, coordinator))
        return KT_EINVAL;
    kt_err_t err = kt_sqlite_begin(self);
    if (!err)
        err = take_epoch(self, &lease.epoch);
    if (!err)
        err = sweep_leases(self, kt_clock_wall_ms());
    if (!err)
        err = put_lease(self, &lease, KT_SQL_LEASE_PUT);
    if (!err)
        err = free_claims(self);
    if (!err)
        err = kt_sqlite_outbox_take_over(self, lease.epoch);
    err = kt_sqlite_end(self, err);
    if (err)
        return err;
    self->epoch = lease.epoch;
    *out        = lease;
    return KT_OK;
}

// Our own lease is prolonged before those that have run out are swept: nobody has taken it over yet.
kt_err_t
kt_sqlite_lease_renew(kt_ledger_t *base, const kt_lease_t *lease)
{
    kt_sqlite_t *self = (kt_sqlite_t *)base;
    kt_err_t     err  = kt_sqlite_begin(self);
    if (!err)
        err = put_lease(self, lease, KT_SQL_LEASE_RENEW);
    if (!err && !kt_sqlite_changes(self))
        err = KT_EFENCED;
    if (!err)
        err = sweep_leases(self, kt_clock_wall_ms());
    bool swept = !err && kt_sqlite_changes(self);
    if (!err)
        err = free_claims(self);
    if (!err && swept)
        err = kt_sqlite_outbox_take_over(self, lease->epoch);
    return kt_sqlite_end(self, err);
}
