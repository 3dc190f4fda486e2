// Claims, and what is told of claimed jobs: release and blame.
#include "common/text.h"
#include "coordinator/ledger/sqlite/sqlite.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

kt_err_t
kt_sqlite_check_lease(kt_sqlite_t *self, const kt_lease_t *lease)
{
    bool             ours;
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_LEASE_OURS);
    kt_sqlite_text(&call, lease->coordinator);
    kt_sqlite_int(&call, (int64_t)lease->epoch);
    kt_err_t err = kt_sqlite_step(&call, &ours);
    if (ours)
        kt_sqlite_reset(&call);
    return err ? err : ours ? KT_OK : KT_EFENCED;
}

static kt_err_t
read_claimed(sqlite3_stmt *stmt, unsigned rank, kt_claimed_t *out)
{
    const void *body   = sqlite3_column_text(stmt, 7);
    size_t      length = (size_t)sqlite3_column_bytes(stmt, 7);
    *out               = (kt_claimed_t){
                      .id       = {.job = (uint64_t)sqlite3_column_int64(stmt, 0), .run = (uint32_t)sqlite3_column_int64(stmt, 1)},
                      .attempts = (uint32_t)sqlite3_column_int64(stmt, 2),
                      .crashes  = (uint32_t)sqlite3_column_int64(stmt, 3),
                      .declared_bytes      = (uint64_t)sqlite3_column_int64(stmt, 4),
                      .declared_duration_s = sqlite3_column_double(stmt, 5),
                      .priority            = kt_rule_priority(rank),
                      .body                = malloc(length + 1),
                      .body_bytes          = length,
    };
    if (!out->body)
        return KT_ENOMEM;
    memcpy(out->body, body ? body : "", length);
    out->body[length] = '\0';
    return KT_OK;
}

typedef struct take {
    uint64_t epoch;
    int64_t  now_ms;
    int64_t  aged_ms;  // only jobs created until then
} take_t;

// All rows are read before the first is changed: the change takes them out of the index that is being read.
static kt_err_t
read_rank(kt_sqlite_t *self, const take_t *take, unsigned rank, size_t limit, kt_claimed_t *out, size_t *n)
{
    bool             more = true;
    kt_err_t         err  = KT_OK;
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_CLAIMABLE);
    kt_sqlite_int(&call, rank);
    kt_sqlite_int(&call, (int64_t)limit);
    while (!err && !(err = kt_sqlite_step(&call, &more)) && more) {
        if (sqlite3_column_int64(call.stmt, 6) <= take->aged_ms)
            err = read_claimed(call.stmt, rank, &out[(*n)++]);
    }
    kt_sqlite_reset(&call);
    return err;
}

static kt_err_t
mark_claimed(kt_sqlite_t *self, const take_t *take, const kt_claimed_t *rows, size_t n)
{
    kt_err_t err = KT_OK;
    for (size_t i = 0; i < n && !err; i++) {
        kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_JOB_CLAIM);
        kt_sqlite_int(&call, (int64_t)rows[i].id.job);
        kt_sqlite_int(&call, (int64_t)take->epoch);
        kt_sqlite_int(&call, take->now_ms);
        err = kt_sqlite_run(&call);
        kt_sqlite_moved(self, KT_JOB_QUEUED, KT_JOB_CLAIMED);
    }
    return err;
}

static kt_err_t
claim_rank(kt_sqlite_t *self, const take_t *take, unsigned rank, size_t limit, kt_claimed_t *out, size_t *n)
{
    size_t   first = *n;
    kt_err_t err   = limit ? read_rank(self, take, rank, limit, out, n) : KT_OK;
    return err ? err : mark_claimed(self, take, out + first, *n - first);
}

// The shares of the aged first, then by rank.
static kt_err_t
claim_all(kt_sqlite_t *self, take_t take, size_t want, kt_claimed_t *out, size_t *n)
{
    kt_err_t err = KT_OK;
    take.aged_ms = take.now_ms - KT_CLAIM_AGED_MS;
    for (unsigned rank = 1; rank < KT_RANKS && !err; rank++) {
        size_t share = kt_rule_aged_share(&self->turns[rank], want);
        err          = claim_rank(self, &take, rank, share < want - *n ? share : want - *n, out, n);
    }
    take.aged_ms = INT64_MAX;
    for (unsigned rank = 0; rank < KT_RANKS && !err && *n < want; rank++)
        err = claim_rank(self, &take, rank, want - *n, out, n);
    return err;
}

kt_err_t
kt_sqlite_claim(kt_ledger_t *base, const kt_lease_t *lease, size_t want, int64_t wall_ms, kt_claimed_t *out, size_t *n)
{
    kt_sqlite_t *self = (kt_sqlite_t *)base;
    take_t       take = {.epoch = lease->epoch, .now_ms = wall_ms};
    size_t       got  = 0;
    kt_err_t     err  = kt_sqlite_begin(self);
    if (!err)
        err = kt_sqlite_check_lease(self, lease);
    if (!err)
        err = claim_all(self, take, want, out, &got);
    err = kt_sqlite_end(self, err);
    if (!err)
        *n = got;
    for (size_t i = 0; err && i < got; i++)
        free(out[i].body);
    return err;
}

kt_err_t
kt_sqlite_release(kt_ledger_t *base, const kt_lease_t *lease, const kt_run_id_t *ids, size_t n)
{
    kt_sqlite_t *self = (kt_sqlite_t *)base;
    kt_err_t     err  = kt_sqlite_begin(self);
    for (size_t i = 0; i < n && !err; i++) {
        kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_JOB_RELEASE);
        kt_sqlite_int(&call, (int64_t)ids[i].job);
        kt_sqlite_int(&call, ids[i].run);
        kt_sqlite_int(&call, (int64_t)lease->epoch);
        err = kt_sqlite_run(&call);
        if (!err && kt_sqlite_changes(self))
            kt_sqlite_moved(self, KT_JOB_CLAIMED, KT_JOB_QUEUED);
    }
    return kt_sqlite_end(self, err);
}

// The row counts once, however often it is told.
static kt_err_t
blame_one(kt_sqlite_t *self, const kt_lease_t *lease, const kt_attempt_t *attempt)
{
    char             node[64] = "";
    kt_sqlite_call_t call     = kt_sqlite_call(self, KT_SQL_BLAME_PUT);
    if (attempt->node_name)
        kt_text_sanitize(node, sizeof node, attempt->node_name, strlen(attempt->node_name));
    kt_sqlite_int(&call, (int64_t)attempt->id.job);
    kt_sqlite_int(&call, attempt->id.run);
    kt_sqlite_int(&call, attempt->attempt);
    kt_sqlite_int(&call, attempt->err);
    kt_sqlite_int(&call, attempt->crash);
    kt_sqlite_int(&call, attempt->wall_ms);
    kt_sqlite_text(&call, node);
    kt_sqlite_int(&call, (int64_t)lease->epoch);
    kt_err_t err = kt_sqlite_run(&call);
    if (err || !kt_sqlite_changes(self))
        return err;
    call = kt_sqlite_call(self, KT_SQL_BLAME_COUNT);
    kt_sqlite_int(&call, (int64_t)attempt->id.job);
    kt_sqlite_int(&call, attempt->crash);
    return kt_sqlite_run(&call);
}

kt_err_t
kt_sqlite_blame(kt_ledger_t *base, const kt_lease_t *lease, const kt_attempt_t *attempts, size_t n)
{
    kt_sqlite_t *self = (kt_sqlite_t *)base;
    kt_err_t     err  = kt_sqlite_begin(self);
    for (size_t i = 0; i < n && !err; i++)
        err = blame_one(self, lease, &attempts[i]);
    return kt_sqlite_end(self, err);
}
