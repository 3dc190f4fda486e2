// The PostgreSQL ledger: several coordinators may work on one, each with a connection of its own.
#include "coordinator/ledger/postgres/postgres.h"

#include "coordinator/ledger/postgres/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
close_postgres(kt_ledger_t **self_p)
{
    kt_pg_t *self = (kt_pg_t *)*self_p;
    if (!self)
        return;
    kt_pg_drop(self);
    kt_buf_fini(&self->bytes);
    free(self->url);
    free(self);
    *self_p = NULL;
}

static const kt_ledger_ops_t OPS = {
    .name        = "postgresql",
    .insert_jobs = kt_pg_insert_jobs,
    .lease_open  = kt_pg_lease_open,
    .lease_renew = kt_pg_lease_renew,
    .claim       = kt_pg_claim,
    .release     = kt_pg_release,
    .blame       = kt_pg_blame,
    .store       = kt_pg_store,
    .fail        = kt_pg_fail,
    .ask         = kt_pg_ask,
    .outbox_put  = kt_pg_outbox_put,
    .outbox_take = kt_pg_outbox_take,
    .outbox_done = kt_pg_outbox_done,
    .retain      = kt_pg_retain,
    .totals      = kt_pg_totals,
    .jobs        = kt_pg_jobs,
    .story       = kt_pg_story,
    .drained     = kt_pg_drained,
    .audit       = kt_pg_audit,
    .backfill    = &KT_PG_BACKFILL,
    .close       = close_postgres,
};

static void
tell(const kt_pg_t *self, kt_err_t err, char why[KT_LEDGER_WHY])
{
    if (err == KT_ESCHEMA)
        snprintf(why, KT_LEDGER_WHY, "DATABASE_URL: %.400s", self->said);
    else
        snprintf(why, KT_LEDGER_WHY,
                 "DATABASE_URL: PostgreSQL cannot be used (%.300s): look at the address and the user", self->said);
}

kt_err_t
kt_ledger_postgres_open(kt_ledger_t **out, const char *url, bool writer, char why[KT_LEDGER_WHY])
{
    kt_err_t     err  = KT_ENOMEM;
    kt_pg_t     *self = calloc(1, sizeof *self);
    kt_ledger_t *base = (kt_ledger_t *)self;
    snprintf(why, KT_LEDGER_WHY, "no memory for the ledger");
    if (!self)
        return err;
    base->ops    = &OPS;
    self->writer = writer;
    kt_buf_init(&self->bytes, KT_PG_BYTES);
    kt_rule_turns_init(self->turns);
    if (!(self->url = strdup(url)))
        goto fail;
    if ((err = kt_pg_ready(self))) {
        tell(self, err, why);
        goto fail;
    }
    why[0] = '\0';
    *out   = base;
    return KT_OK;
fail:
    close_postgres(&base);
    return err;
}
