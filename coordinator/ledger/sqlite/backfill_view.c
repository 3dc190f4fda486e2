// What is asked of backfills in the SQLite ledger: outcomes, page by page, and the audit.
#include "common/text.h"
#include "coordinator/ledger/sqlite/backfill.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static char *
copy_column(sqlite3_stmt *stmt, int column, size_t *length)
{
    const void *text  = sqlite3_column_text(stmt, column);
    size_t      bytes = (size_t)sqlite3_column_bytes(stmt, column);
    char       *copy  = malloc(bytes + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text ? text : "", bytes);
    copy[bytes] = '\0';
    *length     = bytes;
    return copy;
}

static kt_err_t
read_result(sqlite3_stmt *stmt, kt_backfill_result_t *out)
{
    size_t   path_bytes;
    bool     has_job = sqlite3_column_type(stmt, 4) != SQLITE_NULL;
    uint64_t skipped = (uint64_t)sqlite3_column_int64(stmt, 3);
    memset(out, 0, sizeof *out);
    out->row     = (uint64_t)sqlite3_column_int64(stmt, 0);
    out->job     = (uint64_t)sqlite3_column_int64(stmt, 4);
    out->err     = (kt_err_t)sqlite3_column_int(stmt, 2);
    out->outcome = kt_backfill_outcome_of(out->err, skipped, has_job, sqlite3_column_int(stmt, 5));
    if (!out->err)
        out->err = out->outcome == KT_BACKFILL_NONE ? KT_ECANCELLED : (kt_err_t)sqlite3_column_int(stmt, 6);
    const char *detail = (const char *)sqlite3_column_text(stmt, 7);
    kt_text_sanitize(out->detail, sizeof out->detail, detail ? detail : "", detail ? strlen(detail) : 0);
    out->path = copy_column(stmt, 1, &path_bytes);
    if (out->path && sqlite3_column_type(stmt, 8) != SQLITE_NULL) {
        out->document = copy_column(stmt, 8, &out->document_bytes);
        if (!out->document) {
            free(out->path);
            out->path = NULL;
        }
    }
    return out->path ? KT_OK : KT_ENOMEM;
}

kt_err_t
kt_sqlite_backfill_results(kt_ledger_t *base, uint64_t id, uint64_t after, bool failed, size_t max_bytes,
                           kt_backfill_result_t *out, size_t capacity, size_t *n)
{
    bool             more = true;
    size_t           got = 0, bytes = 0;
    kt_err_t         err  = KT_OK;
    kt_sqlite_call_t call = kt_sqlite_call((kt_sqlite_t *)base, failed ? KT_SQL_RESULTS_FAILED : KT_SQL_RESULTS_ALL);
    kt_sqlite_int(&call, (int64_t)id);
    kt_sqlite_int(&call, (int64_t)(after > INT64_MAX ? INT64_MAX : after));
    kt_sqlite_int(&call, (int64_t)capacity);
    while (got < capacity && bytes < max_bytes && !(err = kt_sqlite_step(&call, &more)) && more) {
        err = read_result(call.stmt, &out[got]);
        if (err)
            break;
        bytes += out[got++].document_bytes;
    }
    kt_sqlite_reset(&call);
    for (size_t i = 0; err && i < got; i++) {
        free(out[i].path);
        free(out[i].document);
    }
    if (!err)
        *n = got;
    return err;
}

// As in ledger_sqlite_audit.c: rows that break a rule, as (job, run, sentence).
static const char *const RULES[] = {
    "SELECT 0, 0, 'backfill ' || b.id || ' counts ' || listed || ' paths, its rows are ' || n FROM backfills b JOIN"
    " (SELECT b2.id, count(p.row) n FROM backfills b2 LEFT JOIN backfill_paths p ON p.backfill = b2.id GROUP BY b2.id) "
    "c"
    " ON c.id = b.id WHERE n <> listed",
    "SELECT 0, 0, 'backfill ' || b.id || ' counts ' || fed || ' fed paths, its rows up to there are ' || n FROM"
    " backfills b JOIN (SELECT b2.id, count(p.row) n FROM backfills b2 LEFT JOIN backfill_paths p ON p.backfill = b2.id"
    " AND p.row <= b2.fed_row AND p.err = 0 AND p.job = 0 GROUP BY b2.id) c ON c.id = b.id WHERE n <> fed",
    "SELECT 0, 0, 'backfill ' || b.id || ' path ' || p.row || ' is fed but has no job' FROM backfills b JOIN"
    " backfill_paths p ON p.backfill = b.id AND p.row <= b.fed_row AND p.err = 0 AND p.job = 0 WHERE NOT EXISTS"
    " (SELECT 1 FROM jobs WHERE message_id = 'backfill-' || b.id || '-' || p.row AND file_path = p.path)",
    "SELECT 0, 0, 'backfill ' || b.id || ' counts ' || done || ' done, ' || failed || ' failed, ' || cancelled ||"
    " ' cancelled of ' || fed || ', its items are ' || open || ' open, ' || bad || ' failed, ' || off || ' cancelled'"
    " FROM backfills b JOIN (SELECT b2.id, total(i.state = 0) + 0 open, total(i.state = 1) + 0 bad,"
    " total(i.state = 2) + 0 off FROM backfills b2 LEFT JOIN backfill_items i ON i.backfill = b2.id GROUP BY b2.id) c"
    " ON c.id = b.id WHERE failed <> bad OR cancelled <> off OR fed - done - failed - cancelled <> open",
    "SELECT i.job, 0, 'backfill ' || i.backfill || ' path ' || i.row || ' waits for a job that does not exist' FROM"
    " backfill_items i WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE id = i.job)",
    "SELECT job, 0, 'the file ' || path || ' is remembered for a job that does not exist' FROM files WHERE NOT EXISTS"
    " (SELECT 1 FROM jobs WHERE id = job)",
    "SELECT 0, 0, 'backfill ' || b.id || ' is done but ' || (listed - skipped - refused - fed) || ' paths wait' FROM"
    " backfills b WHERE state = 3 AND (listed_all = 0 OR listed <> skipped + refused + fed OR fed <> done + failed +"
    " cancelled)",
};

static kt_err_t
check(kt_sqlite_t *self, const char *sql, kt_audit_fn *found, void *context)
{
    sqlite3_stmt *stmt = NULL;
    int           rc   = sqlite3_prepare_v2(self->db, sql, -1, &stmt, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW)
            found(context, (kt_run_id_t){.job = (uint64_t)sqlite3_column_int64(stmt, 0)},
                  (const char *)sqlite3_column_text(stmt, 2));
    }
    kt_err_t err = kt_sqlite_err(self, rc);
    sqlite3_finalize(stmt);
    return err;
}

static kt_err_t
has_backfills(kt_sqlite_t *self, bool *yes)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(self->db, "SELECT 1 FROM sqlite_schema WHERE name = 'backfills'", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    *yes         = rc == SQLITE_ROW;
    kt_err_t err = kt_sqlite_err(self, rc);
    sqlite3_finalize(stmt);
    return err;
}

// A ledger of before has none of the tables until a coordinator opens it.
kt_err_t
kt_sqlite_backfill_audit(kt_sqlite_t *self, kt_audit_fn *found, void *context)
{
    bool     yes = false;
    kt_err_t err = has_backfills(self, &yes);
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES && !err && yes; i++)
        err = check(self, RULES[i], found, context);
    return err;
}
