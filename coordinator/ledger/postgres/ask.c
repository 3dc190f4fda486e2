// What an operator asks for: cancel and retry of jobs, drain and undrain of nodes.
#include "common/clock.h"
#include "coordinator/ledger/postgres/facts.h"
#include "coordinator/ledger/postgres/ops.h"

#include <stdlib.h>
#include <string.h>

static bool
is_node(const kt_ask_t *ask)
{
    return ask->type == KT_ASK_DRAIN || ask->type == KT_ASK_UNDRAIN;
}

static void
judge_job(const kt_pg_facts_t *facts, kt_ask_t *ask, kt_pg_delta_t *delta)
{
    kt_pg_fact_t *fact = kt_pg_facts_find(facts, ask->id.job);
    ask->how           = KT_ENOTFOUND;
    if (!fact)
        return;
    kt_job_facts_t now = fact->now;
    ask->how           = kt_rule_ask(&now, ask);
    if (ask->how)
        return;
    ask->id.run = now.id.run;
    if (now.id.run != fact->now.id.run)
        delta->retried++;
    fact->now        = now;
    fact->changed_ms = kt_clock_wall_ms();
}

static void
put_node(kt_pg_t *self, kt_ask_t *ask)
{
    ask->how = kt_rule_node_name_ok(ask->node_name) ? KT_OK : KT_EINVAL;
    if (ask->how)
        return;
    kt_pg_arg_text(self, ask->node_name);
    kt_pg_put(self, ask->type == KT_ASK_DRAIN ? KT_PG_NODE_DRAIN : KT_PG_NODE_UNDRAIN);
}

static kt_err_t
read_facts(kt_pg_t *self, const kt_ask_t *asks, size_t n, kt_pg_facts_t *out)
{
    uint64_t *ids = calloc(n, sizeof *ids);
    if (!ids)
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        ids[i] = is_node(&asks[i]) ? 0 : asks[i].id.job;
    kt_err_t err = kt_pg_facts_read(self, ids, n, out);
    free(ids);
    return err;
}

static kt_err_t
fulfil(kt_pg_t *self, const kt_pg_facts_t *facts, kt_ask_t *asks, size_t n)
{
    kt_pg_delta_t delta = {0};
    kt_pg_start(self, KT_PG_CALL_MS);
    kt_pg_put(self, KT_PG_BEGIN);
    for (size_t i = 0; i < n; i++)
        if (is_node(&asks[i]))
            put_node(self, &asks[i]);
        else
            judge_job(facts, &asks[i], &delta);
    kt_pg_facts_put(self, facts, &delta);
    kt_pg_put_delta(self, &delta);
    kt_pg_put_commit(self);
    return kt_pg_run(self);
}

// The asks are changed only with the commit, so that a group which is told again asks for the same runs.
static kt_err_t
ask_all(kt_pg_t *self, kt_ask_t *asks, size_t n)
{
    kt_pg_facts_t facts  = {0};
    kt_ask_t     *answer = malloc(n * sizeof *answer);
    kt_err_t      err    = answer ? kt_pg_begin(self, true) : KT_ENOMEM;
    if (!err)
        err = read_facts(self, asks, n, &facts);
    if (!err) {
        memcpy(answer, asks, n * sizeof *answer);
        err = fulfil(self, &facts, answer, n);
    }
    if (!err)
        memcpy(asks, answer, n * sizeof *answer);
    kt_pg_facts_fini(&facts);
    free(answer);
    return err;
}

// A pipeline holds so many statements, and each node is one.
enum { ASKS_A_CALL = KT_PG_ANSWERS - 8 };

kt_err_t
kt_pg_ask(kt_ledger_t *base, kt_ask_t *asks, size_t n)
{
    kt_err_t err = KT_OK;
    for (size_t at = 0, some; at < n && !err; at += some) {
        int tries = 0;
        some      = n - at < ASKS_A_CALL ? n - at : ASKS_A_CALL;
        do
            err = ask_all((kt_pg_t *)base, asks + at, some);
        while (kt_pg_again(&err, &tries));
    }
    return err;
}
