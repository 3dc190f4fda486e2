// Claims, and what is reported of claimed jobs: release and blame.
#include "coordinator/ledger/sql/ops.h"

#include <stdlib.h>
#include <string.h>

void
kt_sql_put_lease(kt_sql_t *self, const kt_lease_t *lease)
{
    kt_sql_arg_text(self, lease ? lease->coordinator : "");
    kt_sql_arg_int(self, lease ? (int64_t)lease->epoch : 0);
}

static kt_err_t
read_claimed(const kt_sql_t *self, size_t k, size_t row, kt_claimed_t *out)
{
    *out = (kt_claimed_t){
        .id             = {.job = (uint64_t)kt_sql_int(self, k, row, 0), .run = (uint32_t)kt_sql_int(self, k, row, 1)},
        .attempts       = (uint32_t)kt_sql_int(self, k, row, 2),
        .crashes        = (uint32_t)kt_sql_int(self, k, row, 3),
        .priority       = kt_rule_priority((uint64_t)kt_sql_int(self, k, row, 4)),
        .declared_bytes = (uint64_t)kt_sql_int(self, k, row, 5),
        .declared_duration_s = kt_sql_real(self, k, row, 6),
        .created_wall_ms     = kt_sql_int(self, k, row, 7),
    };
    return kt_sql_copy(self, k, row, 8, &out->body, &out->body_bytes);
}

static int
compare_claimed(const void *a, const void *b)
{
    const kt_claimed_t *x = a, *y = b;
    unsigned            p = kt_rule_rank(x->priority), q = kt_rule_rank(y->priority);
    return p != q ? (p > q) - (p < q) : (x->id.job > y->id.job) - (x->id.job < y->id.job);
}

// The lease's row is held for the time of the claim: a takeover waits, or has happened and is seen. If the claimed rows
// cannot be returned, the commit counts as unknown: the caller opens a new lease, which releases the claims.
kt_err_t
kt_sql_claim(kt_ledger_t *base, const kt_lease_t *lease, size_t want, int64_t wall_ms, kt_claimed_t *out, size_t *n)
{
    kt_sql_t *self = (kt_sql_t *)base;
    size_t    k = 0, ours, got = 0;
    kt_err_t  err = KT_OK;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        kt_sql_write(self);
        kt_sql_put_lease(self, lease);
        ours = kt_sql_put(self, KT_SQL_LEASE_HOLD);
        kt_sql_put_lease(self, lease);
        kt_sql_arg_int(self, (int64_t)want);
        for (unsigned rank = 1; rank < KT_RANKS; rank++)
            kt_sql_arg_int(self, (int64_t)kt_rule_aged_share(&self->turns[rank], want));
        kt_sql_arg_int(self, wall_ms - KT_CLAIM_AGED_MS);
        kt_sql_arg_int(self, wall_ms);
        k = kt_sql_put(self, KT_SQL_CLAIM);
        if (!(err = kt_sql_commit(self)) && !kt_sql_rows(self, ours))
            err = KT_EFENCED;
    }
    if (err)
        return err;

    for (; got < kt_sql_rows(self, k) && got < want && !err; got += !err)
        err = read_claimed(self, k, got, &out[got]);
    if (!err) {
        if (got)
            qsort(out, got, sizeof *out, compare_claimed);
        *n = got;
        return KT_OK;
    }
    while (got--)
        free(out[got].body);
    return KT_EUNKNOWN_COMMIT;
}

kt_err_t
kt_sql_release(kt_ledger_t *base, const kt_lease_t *lease, const kt_run_id_t *ids, size_t n)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; n && kt_sql_try(self, true, &err, &tries);) {
        kt_sql_write(self);
        kt_sql_arg_text(self, self->name);
        kt_sql_column(self, KT_SQL_U64, n, &ids->job, sizeof *ids);
        kt_sql_column(self, KT_SQL_U32, n, &ids->run, sizeof *ids);
        kt_sql_arg_int(self, (int64_t)lease->epoch);
        kt_sql_put(self, KT_SQL_RELEASE);
        err = kt_sql_commit(self);
    }
    return err;
}

kt_err_t
kt_sql_blame(kt_ledger_t *base, const kt_lease_t *lease, const kt_attempt_t *attempts, size_t n)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; n && kt_sql_try(self, true, &err, &tries);) {
        kt_sql_write(self);
        kt_sql_column(self, KT_SQL_U64, n, &attempts->id.job, sizeof *attempts);
        kt_sql_column(self, KT_SQL_U32, n, &attempts->id.run, sizeof *attempts);
        kt_sql_column(self, KT_SQL_U32, n, &attempts->attempt, sizeof *attempts);
        kt_sql_column(self, KT_SQL_I64, n, &attempts->wall_ms, sizeof *attempts);
        kt_sql_column(self, KT_SQL_I32, n, &attempts->err, sizeof *attempts);
        kt_sql_array(self, KT_SQL_INT8, n);
        for (size_t i = 0; i < n; i++)
            kt_sql_el_int(self, attempts[i].crash);
        kt_sql_array_end(self);
        kt_sql_array(self, KT_SQL_TEXT, n);
        for (size_t i = 0; i < n; i++)
            kt_sql_el_clean(self, attempts[i].node_name, 64);
        kt_sql_array_end(self);
        kt_sql_arg_int(self, (int64_t)lease->epoch);
        kt_sql_put(self, KT_SQL_BLAME);
        err = kt_sql_commit(self);
    }
    return err;
}
