// The PostgreSQL ledger: several coordinators may work on one, each with a connection of its own.
#include "coordinator/ledger/postgres/postgres.h"

#include "coordinator/ledger/sql/ops.h"

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
    kt_buf_fini(&self->sql.bytes);
    free(self->features_put);
    free(self->sql.features);
    free(self->url);
    free(self);
    *self_p = NULL;
}

static const kt_ledger_ops_t OPS = {.name = "postgresql", .shared = true, KT_SQL_OPS, .close = close_postgres};

kt_err_t
kt_ledger_postgres_open(kt_ledger_t **out, const char *url, bool writer, char why[KT_LEDGER_WHY])
{
    kt_err_t     err  = KT_ENOMEM;
    kt_pg_t     *self = calloc(1, sizeof *self);
    kt_ledger_t *base = self ? &self->sql.base : NULL;
    snprintf(why, KT_LEDGER_WHY, "no memory for the ledger");
    if (!self)
        return err;
    kt_sql_init(&self->sql, &OPS, &KT_PG_DRIVER, writer);
    if (!(self->url = strdup(url)))
        goto fail;
    if ((err = kt_pg_ready(self))) {
        const char *remedy = strstr(self->sql.why, "certificate") ? "sslrootcert, the server's certificate and its name"
                                                                  : "the address and the user";
        if (err == KT_ESCHEMA)
            snprintf(why, KT_LEDGER_WHY, "DATABASE_URL: %.400s", self->sql.why);
        else
            snprintf(why, KT_LEDGER_WHY, "DATABASE_URL: PostgreSQL cannot be used (%.300s): look at %s", self->sql.why,
                     remedy);
        goto fail;
    }
    why[0] = '\0';
    *out   = base;
    return KT_OK;
fail:
    close_postgres(&base);
    return err;
}
