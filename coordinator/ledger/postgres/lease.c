// Leases: who may hold claims, and what becomes of claims and outbox rows that nobody holds any more. A coordinator
// also holds a session lock of its name, so that its death is seen at once and a second one of its name is refused.
#include "common/log.h"
#include "common/text.h"
#include "coordinator/ledger/postgres/ops.h"
#include "coordinator/ledger/postgres/postgres.h"

#include <string.h>

enum { ADOPTED_A_CALL = 10000 };  // a renewal must not wait for a million rows; the next takes more

static void
arg_lease(kt_pg_t *self, const kt_lease_t *lease)
{
    kt_pg_arg_text(self, lease->coordinator);
    if (lease->epoch)
        kt_pg_arg_int(self, (int64_t)lease->epoch);
    else
        kt_pg_arg_null(self);  // the one that is being opened
}

static void
put_sweep(kt_pg_t *self, const kt_lease_t *lease)
{
    arg_lease(self, lease);
    kt_pg_put(self, KT_PG_LEASE_SWEEP);
    kt_pg_arg_text(self, self->name);
    kt_pg_put(self, KT_PG_JOBS_FREE);
    arg_lease(self, lease);
    kt_pg_arg_int(self, ADOPTED_A_CALL);
    kt_pg_arg_int(self, lease->epoch ? 1 : 0);
    kt_pg_put(self, KT_PG_OUTBOX_OVER);
}

static kt_err_t
lock_name(kt_pg_t *self, const char *name)
{
    if (self->locked && strcmp(self->name, name) == 0)
        return KT_OK;
    kt_pg_put(self, KT_PG_BEGIN);
    kt_pg_put(self, KT_PG_LEASE_WAIT);
    kt_pg_arg_text(self, name);
    kt_pg_put(self, KT_PG_LEASE_LOCK);
    kt_pg_put_commit(self);
    kt_err_t err = kt_pg_run(self);
    if (err && strcmp(self->state, "55P03") == 0) {
        char text[128];
        kt_log_error("LEDGER-NAME", "coordinator=\"%s\" text=\"%s\"", kt_log_quote(text, sizeof text, name),
                     "another live coordinator works on this ledger under that name: set ANALYZER_COORDINATOR_NAME");
        return KT_ELOCKED;
    }
    // An unknown commit of a lock is no trouble: the connection is gone, and the lock with it.
    return err == KT_EUNKNOWN_COMMIT ? KT_EIO : err;
}

static kt_err_t
open_lease(kt_pg_t *self, kt_lease_t *lease)
{
    kt_err_t err = kt_pg_begin(self, true);
    if (!err)
        err = lock_name(self, lease->coordinator);
    if (err)
        return err;
    kt_text_copy(self->name, sizeof self->name, lease->coordinator);
    self->locked = true;
    kt_pg_start(self, KT_PG_CALL_MS);
    kt_pg_put(self, KT_PG_BEGIN);
    kt_pg_arg_text(self, lease->coordinator);
    kt_pg_arg_int(self, lease->length_ms);
    kt_pg_put(self, KT_PG_LEASE_OPEN);
    put_sweep(self, lease);
    kt_pg_put_commit(self);
    if ((err = kt_pg_run(self)))
        return err;
    lease->epoch = self->epoch = (uint64_t)kt_pg_int(self, 1, 0, 0);
    return KT_OK;
}

kt_err_t
kt_pg_lease_open(kt_ledger_t *base, const char *coordinator, int64_t length_ms, kt_lease_t *out)
{
    kt_pg_t   *self  = (kt_pg_t *)base;
    kt_lease_t lease = {.length_ms = length_ms};
    kt_err_t   err;
    int        tries = 0;
    if (!kt_rule_node_name_ok(coordinator) || !kt_text_copy(lease.coordinator, sizeof lease.coordinator, coordinator))
        return KT_EINVAL;
    do
        err = open_lease(self, &lease);
    while (kt_pg_again(&err, &tries));
    if (!err)
        *out = lease;
    return err;
}

// Our own lease is prolonged before those that have run out are swept: nobody has taken it over yet. What is swept
// under a lease that is not ours is nothing.
static kt_err_t
renew(kt_pg_t *self, const kt_lease_t *lease)
{
    kt_err_t err = kt_pg_begin(self, true);
    if (err)
        return err;
    kt_pg_put(self, KT_PG_BEGIN);
    kt_pg_arg_text(self, lease->coordinator);
    kt_pg_arg_int(self, (int64_t)lease->epoch);
    kt_pg_arg_int(self, lease->length_ms);
    kt_pg_put(self, KT_PG_LEASE_RENEW);
    put_sweep(self, lease);
    kt_pg_put_commit(self);
    bool locks = !self->locked && strcmp(self->name, lease->coordinator) == 0;
    if (locks) {
        kt_pg_arg_text(self, lease->coordinator);
        kt_pg_put(self, KT_PG_LEASE_TRY);
    }
    if ((err = kt_pg_run(self)))
        return err;
    if (locks)
        self->locked = kt_pg_int(self, 6, 0, 0) != 0;
    return kt_pg_rows(self, 1) ? KT_OK : KT_EFENCED;
}

kt_err_t
kt_pg_lease_renew(kt_ledger_t *base, const kt_lease_t *lease)
{
    kt_err_t err;
    int      tries = 0;
    do
        err = renew((kt_pg_t *)base, lease);
    while (kt_pg_again(&err, &tries));
    return err;
}
