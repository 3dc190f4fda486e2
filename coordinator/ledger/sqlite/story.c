// What happened to one job, from the rows of one snapshot. Where there is more than fits, the latest.
#include "coordinator/ledger/story.h"

#include "common/text.h"
#include "coordinator/ledger/sqlite/sqlite.h"

#include <sqlite3.h>
#include <string.h>

static void
read_text(sqlite3_stmt *stmt, int column, char *out, size_t capacity)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    kt_text_sanitize(out, capacity, text ? text : "", (size_t)sqlite3_column_bytes(stmt, column));
}

static void
read_row(sqlite3_stmt *stmt, kt_story_row_t *out)
{
    *out = (kt_story_row_t){.type    = (kt_story_type_t)sqlite3_column_int(stmt, 0),
                            .run     = (uint32_t)sqlite3_column_int64(stmt, 1),
                            .attempt = (uint32_t)sqlite3_column_int64(stmt, 2),
                            .at_ms   = sqlite3_column_int64(stmt, 3),
                            .err     = (kt_err_t)sqlite3_column_int(stmt, 4),
                            .crash   = sqlite3_column_int(stmt, 5) != 0};
    read_text(stmt, 6, out->name, sizeof out->name);
    read_text(stmt, 7, out->detail, sizeof out->detail);
}

kt_err_t
kt_sqlite_story(kt_ledger_t *base, uint64_t job, kt_story_row_t *out, size_t capacity, size_t *n)
{
    bool             more = true;
    size_t           got  = 0;
    kt_err_t         err  = KT_OK;
    kt_sqlite_call_t call = kt_sqlite_call((kt_sqlite_t *)base, KT_SQL_STORY);
    kt_sqlite_int(&call, job > INT64_MAX ? INT64_MAX : (int64_t)job);
    kt_sqlite_int(&call, (int64_t)capacity);
    while (!(err = kt_sqlite_step(&call, &more)) && more)
        read_row(call.stmt, &out[got++]);
    if (err)
        return err;
    if (!got)
        return KT_ENOTFOUND;
    kt_story_sort(out, got);
    *n = got;
    return KT_OK;
}
