// Claims, and what is told of claimed jobs: release and blame.
#include "common/text.h"
#include "coordinator/ledger/postgres/ops.h"
#include "coordinator/ledger/postgres/postgres.h"

#include <stdlib.h>
#include <string.h>

enum { ANSWER = 2 };  // BEGIN, LEASE_HOLD, CLAIM

// The lease's row is held for the time of the claim: a takeover waits, or has happened and is seen.
static void
put_claim(kt_pg_t *self, const kt_lease_t *lease, size_t want, int64_t wall_ms)
{
    kt_pg_put(self, KT_PG_BEGIN);
    kt_pg_arg_text(self, lease->coordinator);
    kt_pg_arg_int(self, (int64_t)lease->epoch);
    kt_pg_put(self, KT_PG_LEASE_HOLD);
    kt_pg_arg_text(self, lease->coordinator);
    kt_pg_arg_int(self, (int64_t)lease->epoch);
    kt_pg_arg_int(self, (int64_t)want);
    for (unsigned rank = 1; rank < KT_RANKS; rank++)
        kt_pg_arg_int(self, (int64_t)kt_rule_aged_share(&self->turns[rank], want));
    kt_pg_arg_int(self, wall_ms - KT_CLAIM_AGED_MS);
    kt_pg_arg_int(self, wall_ms);
    kt_pg_put(self, KT_PG_CLAIM);
    kt_pg_put_commit(self);
}

static kt_err_t
read_claimed(const kt_pg_t *self, int row, kt_claimed_t *out)
{
    memset(out, 0, sizeof *out);
    out->id.job              = (uint64_t)kt_pg_int(self, ANSWER, row, 0);
    out->id.run              = (uint32_t)kt_pg_int(self, ANSWER, row, 1);
    out->attempts            = (uint32_t)kt_pg_int(self, ANSWER, row, 2);
    out->crashes             = (uint32_t)kt_pg_int(self, ANSWER, row, 3);
    out->priority            = kt_rule_priority((uint64_t)kt_pg_int(self, ANSWER, row, 4));
    out->declared_bytes      = (uint64_t)kt_pg_int(self, ANSWER, row, 5);
    out->declared_duration_s = kt_pg_real(self, ANSWER, row, 6);
    return kt_pg_copy(self, ANSWER, row, 7, &out->body, &out->body_bytes);
}

// Claimed jobs that cannot be told are claimed by nobody: the caller opens a new lease, which frees them.
static kt_err_t
read_all(const kt_pg_t *self, size_t want, kt_claimed_t *out, size_t *n)
{
    kt_err_t err  = KT_OK;
    size_t   got  = 0;
    size_t   rows = (size_t)kt_pg_rows(self, ANSWER);
    for (; got < rows && got < want && !err; got += !err)
        err = read_claimed(self, (int)got, &out[got]);
    if (!err) {
        *n = got;
        return KT_OK;
    }
    while (got--)
        free(out[got].body);
    return KT_EUNKNOWN_COMMIT;
}

static kt_err_t
claim(kt_pg_t *self, const kt_lease_t *lease, size_t want, int64_t wall_ms, kt_claimed_t *out, size_t *n)
{
    kt_err_t err = kt_pg_begin(self, true);
    if (err)
        return err;
    put_claim(self, lease, want, wall_ms);
    if ((err = kt_pg_run(self)))
        return err;
    return kt_pg_rows(self, 1) ? read_all(self, want, out, n) : KT_EFENCED;
}

kt_err_t
kt_pg_claim(kt_ledger_t *base, const kt_lease_t *lease, size_t want, int64_t wall_ms, kt_claimed_t *out, size_t *n)
{
    kt_err_t err;
    int      tries = 0;
    do
        err = claim((kt_pg_t *)base, lease, want, wall_ms, out, n);
    while (kt_pg_again(&err, &tries));
    return err;
}

static kt_err_t
release(kt_pg_t *self, const kt_lease_t *lease, const kt_run_id_t *ids, size_t n)
{
    kt_err_t err = kt_pg_begin(self, true);
    if (err)
        return err;
    kt_pg_put(self, KT_PG_BEGIN);
    kt_pg_arg_text(self, self->name);
    kt_pg_array(self, KT_PG_INT8, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_int(self, (int64_t)ids[i].job);
    kt_pg_array_end(self);
    kt_pg_array(self, KT_PG_INT8, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_int(self, ids[i].run);
    kt_pg_array_end(self);
    kt_pg_arg_int(self, (int64_t)lease->epoch);
    kt_pg_put(self, KT_PG_RELEASE);
    kt_pg_put_commit(self);
    return kt_pg_run(self);
}

kt_err_t
kt_pg_release(kt_ledger_t *base, const kt_lease_t *lease, const kt_run_id_t *ids, size_t n)
{
    kt_err_t err   = KT_OK;
    int      tries = 0;
    do
        err = n ? release((kt_pg_t *)base, lease, ids, n) : KT_OK;
    while (kt_pg_again(&err, &tries));
    return err;
}

typedef int64_t attempt_fn(const kt_attempt_t *attempt);

static int64_t
job_of(const kt_attempt_t *attempt)
{
    return (int64_t)attempt->id.job;
}

static int64_t
run_of(const kt_attempt_t *attempt)
{
    return attempt->id.run;
}

static int64_t
attempt_of(const kt_attempt_t *attempt)
{
    return attempt->attempt;
}

static int64_t
time_of(const kt_attempt_t *attempt)
{
    return attempt->wall_ms;
}

static int64_t
err_of(const kt_attempt_t *attempt)
{
    return attempt->err;
}

static void
arg_attempts(kt_pg_t *self, const kt_attempt_t *attempts, size_t n)
{
    static attempt_fn *const COLUMNS[] = {job_of, run_of, attempt_of, time_of, err_of};
    for (size_t column = 0; column < sizeof COLUMNS / sizeof *COLUMNS; column++) {
        kt_pg_array(self, KT_PG_INT8, n);
        for (size_t i = 0; i < n; i++)
            kt_pg_el_int(self, COLUMNS[column](&attempts[i]));
        kt_pg_array_end(self);
    }
    kt_pg_array(self, KT_PG_BOOL, n);
    for (size_t i = 0; i < n; i++)
        kt_pg_el_bool(self, attempts[i].crash);
    kt_pg_array_end(self);
    kt_pg_array(self, KT_PG_TEXT, n);
    for (size_t i = 0; i < n; i++) {
        char        node[64] = "";
        const char *name     = attempts[i].node_name ? attempts[i].node_name : "";
        kt_text_sanitize(node, sizeof node, name, strlen(name));
        kt_pg_el_text(self, node);
    }
    kt_pg_array_end(self);
}

static kt_err_t
blame(kt_pg_t *self, const kt_lease_t *lease, const kt_attempt_t *attempts, size_t n)
{
    kt_err_t err = kt_pg_begin(self, true);
    if (err)
        return err;
    kt_pg_put(self, KT_PG_BEGIN);
    arg_attempts(self, attempts, n);
    kt_pg_arg_int(self, (int64_t)lease->epoch);
    kt_pg_put(self, KT_PG_BLAME);
    kt_pg_put_commit(self);
    return kt_pg_run(self);
}

kt_err_t
kt_pg_blame(kt_ledger_t *base, const kt_lease_t *lease, const kt_attempt_t *attempts, size_t n)
{
    kt_err_t err   = KT_OK;
    int      tries = 0;
    do
        err = n ? blame((kt_pg_t *)base, lease, attempts, n) : KT_OK;
    while (kt_pg_again(&err, &tries));
    return err;
}
