#include "tests/unit/coordinator/ledger/gate.h"

#include "common/assert.h"

gate_t gate;

static kt_err_t
pass(char call, size_t n)
{
    static char token;
    void       *word = &token;
    size_t      got;
    int         at = gate.n_calls++;
    if (at < GATE_CALLS) {
        gate.calls[at] = call;
        gate.sizes[at] = n;
    }
    if (gate.hold) {  // Criterion's assertions belong to the test's own thread
        kt_assert(kt_queue_push_wait(gate.entered, &word, GATE_WAIT_MS) == KT_OK);
        kt_assert(kt_queue_pop(gate.go, &word, 1, &got, GATE_WAIT_MS) == KT_OK);
    }
    return gate.fails > 0 && gate.fails-- > 0 ? (kt_err_t)gate.err : KT_OK;
}

static kt_err_t
gate_insert(kt_ledger_t *self, const kt_new_job_t *jobs, size_t n, kt_inserted_t *how, uint64_t *ids)
{
    kt_err_t err = pass('i', n);
    (void)self;
    return err ? err : gate.real->ops->insert_jobs(gate.real, jobs, n, how, ids);
}

static kt_err_t
gate_open(kt_ledger_t *self, const char *name, int64_t length_ms, kt_lease_t *out)
{
    kt_err_t err = pass('o', 1);
    (void)self;
    return err ? err : gate.real->ops->lease_open(gate.real, name, length_ms, out);
}

static kt_err_t
gate_renew(kt_ledger_t *self, const kt_lease_t *lease)
{
    kt_err_t err = pass('n', 1);
    (void)self;
    return err ? err : gate.real->ops->lease_renew(gate.real, lease);
}

static kt_err_t
gate_claim(kt_ledger_t *self, const kt_lease_t *lease, size_t want, int64_t wall_ms, kt_claimed_t *out, size_t *n)
{
    kt_err_t err = pass('c', 1);
    (void)self;
    return err ? err : gate.real->ops->claim(gate.real, lease, want, wall_ms, out, n);
}

static kt_err_t
gate_release(kt_ledger_t *self, const kt_lease_t *lease, const kt_run_id_t *ids, size_t n)
{
    kt_err_t err = pass('r', n);
    (void)self;
    return err ? err : gate.real->ops->release(gate.real, lease, ids, n);
}

static kt_err_t
gate_blame(kt_ledger_t *self, const kt_lease_t *lease, const kt_attempt_t *attempts, size_t n)
{
    kt_err_t err = pass('b', n);
    (void)self;
    return err ? err : gate.real->ops->blame(gate.real, lease, attempts, n);
}

static kt_err_t
gate_store(kt_ledger_t *self, const kt_result_t *results, size_t n, kt_stored_t *how)
{
    kt_err_t err = pass('s', n);
    (void)self;
    return err ? err : gate.real->ops->store(gate.real, results, n, how);
}

static kt_err_t
gate_fail(kt_ledger_t *self, const kt_lease_t *lease, const kt_result_t *failures, size_t n, kt_stored_t *how)
{
    kt_err_t err = pass('f', n);
    (void)self;
    return err ? err : gate.real->ops->fail(gate.real, lease, failures, n, how);
}

static kt_err_t
gate_ask(kt_ledger_t *self, kt_ask_t *asks, size_t n)
{
    kt_err_t err = pass('a', n);
    (void)self;
    return err ? err : gate.real->ops->ask(gate.real, asks, n);
}

static kt_err_t
gate_totals(kt_ledger_t *self, int64_t wall_ms, kt_totals_t *out)
{
    kt_err_t err = pass('t', 1);
    (void)self;
    return err ? err : gate.real->ops->totals(gate.real, wall_ms, out);
}

static kt_err_t
gate_jobs(kt_ledger_t *self, const kt_job_query_t *query, kt_job_row_t *out, size_t capacity, size_t *n)
{
    kt_err_t err = pass('j', 1);
    (void)self;
    return err ? err : gate.real->ops->jobs(gate.real, query, out, capacity, n);
}

static kt_err_t
gate_drained(kt_ledger_t *self, char (*names)[64], size_t capacity, size_t *n)
{
    kt_err_t err = pass('d', 1);
    (void)self;
    return err ? err : gate.real->ops->drained(gate.real, names, capacity, n);
}

static void
gate_close(kt_ledger_t **self_p)
{
    gate.closed = true;
    *self_p     = NULL;
}

const kt_ledger_ops_t GATE_OPS = {
    .name        = "gate",
    .insert_jobs = gate_insert,
    .lease_open  = gate_open,
    .lease_renew = gate_renew,
    .claim       = gate_claim,
    .release     = gate_release,
    .blame       = gate_blame,
    .store       = gate_store,
    .fail        = gate_fail,
    .ask         = gate_ask,
    .totals      = gate_totals,
    .jobs        = gate_jobs,
    .drained     = gate_drained,
    .close       = gate_close,
};
