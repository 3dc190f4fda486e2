// The SQLite ledger: one file, one writer (lock.c), any number of readers beside it. Every call is one transaction:
// BEGIN IMMEDIATE, kept statements, COMMIT with a sync of the write-ahead log.
#include "coordinator/ledger/sqlite/sqlite.h"

#include "coordinator/ledger/sql/ops.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// Only a shell or a reader that recovers the log can hold the file for a moment: the lock keeps other writers out.
enum { BUSY_MS = 2000 };

static void
close_sqlite(kt_ledger_t **self_p)
{
    kt_sqlite_t *self = (kt_sqlite_t *)*self_p;
    if (!self)
        return;
    for (size_t i = 0; i < KT_SQL_COUNT; i++) {
        sqlite3_finalize(self->stmts[i]);
        for (size_t k = 0; k < KT_SQLITE_THEN; k++)
            sqlite3_finalize(self->then[i][k]);
    }
    if (self->watch.replaced)
        kt_sqlite_watch_abandon(self);
    sqlite3_close(self->db);
    if (self->watch.fd >= 0)
        close(self->watch.fd);
    kt_sqlite_unlock(self);
    kt_buf_fini(&self->sql.bytes);
    free(self->features_put);
    free(self->sql.features);
    kt_buf_fini(&self->cells);
    kt_buf_fini(&self->cell_bytes);
    free(self);
    *self_p = NULL;
}

static const kt_ledger_ops_t OPS = {.name = "sqlite", KT_SQL_OPS, .close = close_sqlite};

static kt_err_t
open_db(kt_sqlite_t *self, char why[KT_LEDGER_WHY])
{
    int access = self->sql.writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    int rc     = sqlite3_open_v2(self->path, &self->db, access | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(self->db, BUSY_MS);
    if (rc == SQLITE_OK)
        return kt_sqlite_functions(self);
    snprintf(why, KT_LEDGER_WHY, "the ledger '%.200s' cannot be opened (%.80s): look at its rights and its folder's",
             self->path, self->db ? sqlite3_errmsg(self->db) : "out of memory");
    return kt_sqlite_err(self, rc);
}

kt_err_t
kt_ledger_sqlite_open(kt_ledger_t **out, const char *path, bool writer, char why[KT_LEDGER_WHY])
{
    kt_err_t     err  = KT_ENOMEM;
    kt_sqlite_t *self = calloc(1, sizeof *self);
    if (!self) {
        snprintf(why, KT_LEDGER_WHY, "no memory for the ledger '%.200s'", path);
        return err;
    }
    kt_ledger_t *base = &self->sql.base;
    kt_sql_init(&self->sql, &OPS, &KT_SQLITE_DRIVER, writer);
    kt_buf_init(&self->cells, KT_SQL_BYTES);
    kt_buf_init(&self->cell_bytes, KT_SQL_BYTES);
    self->lock_fd = self->watch.fd = -1;
    if ((err = kt_sqlite_resolve(path, writer, self->path, why)))
        goto fail;
    if (writer && (err = kt_sqlite_lock(self, why)))
        goto fail;
    if ((err = open_db(self, why)) || (err = kt_sqlite_schema(self, why)))
        goto fail;
    if (writer && (err = kt_sqlite_watch(self, path))) {
        snprintf(why, KT_LEDGER_WHY, "the ledger '%.200s' cannot be read (%s)", self->path, kt_err_text(err));
        goto fail;
    }
    *out = base;
    return KT_OK;
fail:
    close_sqlite(&base);
    return err;
}
