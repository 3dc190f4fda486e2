// Numbered migrations: their rows in schema_migrations against the texts within the program. Plain statements, so that
// it works before anything is prepared.
#include "coordinator/ledger/sql/migrate.h"

#include "common/clock.h"
#include "common/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char TABLE[] = "CREATE TABLE IF NOT EXISTS schema_migrations(number bigint NOT NULL PRIMARY KEY,"
                            " name text NOT NULL, checksum text NOT NULL, applied_ms bigint NOT NULL)";

static void
checksum_of(const kt_sql_migration_t *migration, char out[KT_DIGEST_HEX])
{
    kt_digest_t digest;
    kt_digest_of(migration->text, strlen(migration->text), &digest);
    kt_digest_hex(&digest, out);
}

typedef struct applied {
    kt_migration_row_t *at;  // by number; malloc'ed
    size_t              n;
    kt_err_t            err;
} applied_t;

static void
add_applied(void *context, int columns, char **values)
{
    applied_t          *self = context;
    kt_migration_row_t *more = self->err || columns != 4 ? NULL : realloc(self->at, (self->n + 1) * sizeof *more);
    if (!more) {
        self->err = KT_ENOMEM;
        return;
    }
    self->at                = more;
    kt_migration_row_t *row = &more[self->n++];
    *row = (kt_migration_row_t){.number = strtoll(values[0], NULL, 10), .applied_ms = strtoll(values[3], NULL, 10)};
    kt_text_sanitize(row->name, sizeof row->name, values[1], strlen(values[1]));
    kt_text_sanitize(row->checksum, sizeof row->checksum, values[2], strlen(values[2]));
}

static kt_err_t
read_applied(kt_sql_t *self, applied_t *out)
{
    static const char SELECT[] = "SELECT number, name, checksum, applied_ms FROM schema_migrations ORDER BY number";
    *out                       = (applied_t){0};
    if (!self)
        return KT_OK;  // no database yet
    kt_err_t err = self->driver->plain(self, SELECT, add_applied, out);
    return err ? err : out->err;
}

static const kt_migration_row_t *
find_applied(const applied_t *applied, int64_t number)
{
    for (size_t i = 0; i < applied->n; i++)
        if (applied->at[i].number == number)
            return &applied->at[i];
    return NULL;
}

static kt_err_t
check_applied(const kt_sql_migrations_t *all, const applied_t *applied, size_t *missing, char why[KT_LEDGER_WHY])
{
    int64_t newest = all->at[all->n - 1].number;
    *missing       = 0;
    if (applied->n && applied->at[applied->n - 1].number > newest) {
        snprintf(why, KT_LEDGER_WHY,
                 "the database has schema %" PRId64 ", this program has %" PRId64 ": use the newer program",
                 applied->at[applied->n - 1].number, newest);
        return KT_ESCHEMA;
    }
    for (size_t i = 0; i < all->n; i++) {
        char                      checksum[KT_DIGEST_HEX];
        const kt_migration_row_t *row = find_applied(applied, all->at[i].number);
        checksum_of(&all->at[i], checksum);
        *missing += !row;
        if (!row || strcmp(row->checksum, checksum) == 0)
            continue;
        snprintf(why, KT_LEDGER_WHY,
                 "migration %s was applied to this database with another text: use the program that applied it, or"
                 " another database",
                 all->at[i].name);
        return KT_ESCHEMA;
    }
    return KT_OK;
}

kt_err_t
kt_sql_check_migrations(kt_sql_t *self, const kt_sql_migrations_t *all, size_t *missing, char why[KT_LEDGER_WHY])
{
    applied_t applied;
    kt_err_t  err = read_applied(self, &applied);
    if (err)
        snprintf(why, KT_LEDGER_WHY, "the schema cannot be read: %.300s", self->why);
    else
        err = check_applied(all, &applied, missing, why);
    free(applied.at);
    return err;
}

static kt_err_t
apply_one(kt_sql_t *self, const kt_sql_migrations_t *all, const kt_sql_migration_t *migration)
{
    kt_buf_t sql;
    char     checksum[KT_DIGEST_HEX];
    checksum_of(migration, checksum);
    kt_buf_init(&sql, 16 << 20);
    kt_buf_fmt(&sql, "%s; %s; INSERT INTO schema_migrations VALUES (%" PRId64 ", '%s', '%s', %" PRId64 "); %s",
               all->begin, migration->text, migration->number, migration->name, checksum, kt_clock_wall_ms(),
               all->commit);
    kt_err_t err = sql.err ? sql.err : self->driver->plain(self, sql.bytes, NULL, NULL);
    kt_buf_fini(&sql);
    return err;
}

kt_err_t
kt_sql_migrate(kt_sql_t *self, const kt_sql_migrations_t *all, size_t *n_applied, char why[KT_LEDGER_WHY])
{
    applied_t applied = {0};
    size_t    missing = 0;
    kt_err_t  err     = self->driver->plain(self, TABLE, NULL, NULL);
    if (!err)
        err = read_applied(self, &applied);
    if (!err)
        err = check_applied(all, &applied, &missing, why);
    for (size_t i = 0; i < all->n && !err; i++) {
        if (find_applied(&applied, all->at[i].number))
            continue;
        err = apply_one(self, all, &all->at[i]);
        if (err)
            snprintf(why, KT_LEDGER_WHY, "migration %s failed and left nothing: %.300s", all->at[i].name, self->why);
        else
            ++*n_applied;
    }
    free(applied.at);
    return err;
}

kt_err_t
kt_sql_migration_rows(kt_sql_t *self, const kt_sql_migrations_t *all, kt_migration_row_t **rows, size_t *n)
{
    applied_t           applied;
    size_t              got = 0;
    kt_err_t            err = read_applied(self, &applied);
    kt_migration_row_t *out = err ? NULL : calloc(applied.n + all->n, sizeof *out);
    for (size_t i = 0; i < all->n && out; i++) {
        const kt_migration_row_t *row = find_applied(&applied, all->at[i].number);
        kt_migration_row_t       *to  = &out[got++];
        to->number                    = all->at[i].number;
        kt_text_copy(to->name, sizeof to->name, all->at[i].name);
        checksum_of(&all->at[i], to->checksum);
        to->state      = !row                                  ? KT_MIGRATION_MISSING
                         : strcmp(row->checksum, to->checksum) ? KT_MIGRATION_CHANGED
                                                               : KT_MIGRATION_APPLIED;
        to->applied_ms = row ? row->applied_ms : 0;
    }
    for (size_t i = 0; i < applied.n && out; i++) {
        if (applied.at[i].number <= all->at[all->n - 1].number)
            continue;
        out[got]         = applied.at[i];
        out[got++].state = KT_MIGRATION_NEWER;
    }
    free(applied.at);
    if (!out)
        return err ? err : KT_ENOMEM;
    *rows = out;
    *n    = got;
    return KT_OK;
}
