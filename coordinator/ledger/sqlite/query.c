// What status and the command line ask: totals, pages of jobs, drained nodes. Short reads; each page is a snapshot.
#include "common/text.h"
#include "coordinator/ledger/sqlite/sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

kt_err_t
kt_sqlite_totals(kt_ledger_t *base, int64_t wall_ms, kt_totals_t *out)
{
    bool             more;
    kt_sqlite_call_t call = kt_sqlite_call((kt_sqlite_t *)base, KT_SQL_TOTALS);
    kt_sqlite_int(&call, kt_rule_day(wall_ms));
    kt_err_t err = kt_sqlite_step(&call, &more);
    if (err)
        return err;
    if (!more)
        return KT_ESTATE;
    uint64_t *const fields[] = {&out->queued,
                                &out->claimed,
                                &out->done,
                                &out->failed,
                                &out->cancelled,
                                &out->retried,
                                &out->processing_us_total,
                                &out->done_today,
                                &out->outbox_waiting};
    for (int i = 0; i < (int)(sizeof fields / sizeof *fields); i++)
        *fields[i] = (uint64_t)sqlite3_column_int64(call.stmt, i);
    kt_sqlite_reset(&call);
    return KT_OK;
}

kt_err_t
kt_sqlite_drained(kt_ledger_t *base, char (*names)[64], size_t capacity, size_t *n)
{
    bool             more = true;
    size_t           got  = 0;
    kt_err_t         err  = KT_OK;
    kt_sqlite_call_t call = kt_sqlite_call((kt_sqlite_t *)base, KT_SQL_DRAINED);
    kt_sqlite_int(&call, (int64_t)capacity);
    while (!(err = kt_sqlite_step(&call, &more)) && more) {
        const char *name = (const char *)sqlite3_column_text(call.stmt, 0);
        if (kt_text_copy(names[got], sizeof names[got], name ? name : ""))
            got++;
    }
    if (!err)
        *n = got;
    return err;
}

// How a page of one state finds its rows without reading all the others: the partial index of the state, named so that
// the planner sees it, and for queued jobs one page of each rank.
static const char *
where_state(int state)
{
    switch (state) {
    case KT_JOB_QUEUED:
        return " AND j.id IN (SELECT * FROM (SELECT id FROM jobs WHERE state = 0 AND rank = 0 AND id > ?1 ORDER BY id"
               " LIMIT ?2) UNION ALL SELECT * FROM (SELECT id FROM jobs WHERE state = 0 AND rank = 1 AND id > ?1"
               " ORDER BY id LIMIT ?2) UNION ALL SELECT * FROM (SELECT id FROM jobs WHERE state = 0 AND rank = 2"
               " AND id > ?1 ORDER BY id LIMIT ?2))";
    case KT_JOB_CLAIMED: return " AND j.id IN (SELECT id FROM jobs WHERE state = 1)";
    case KT_JOB_DONE: return " AND j.state = 2";
    case KT_JOB_FAILED:
        return " AND j.id IN (SELECT id FROM jobs WHERE state >= 3 AND state = 3 AND id > ?1 ORDER BY id LIMIT ?2)";
    case KT_JOB_CANCELLED:
        return " AND j.id IN (SELECT id FROM jobs WHERE state >= 3 AND state = 4 AND id > ?1 ORDER BY id LIMIT ?2)";
    default: return "";
    }
}

// A filter by state and another filter do not share an index, so the state is then looked at row by row.
static int
prepare_page(kt_sqlite_t *self, const kt_job_query_t *query, sqlite3_stmt **stmt)
{
    char state[32] = "", sql[2048];
    bool others    = query->message_id || query->path_prefix;
    if (others && query->state >= 0)
        snprintf(state, sizeof state, " AND j.state = %d", query->state);
    snprintf(sql, sizeof sql,
             "SELECT j.id, j.run, j.message_id, j.file_path, j.state, j.rank, j.attempts, j.crashes, j.created_ms,"
             " r.err, r.detail, r.stored_ms, r.processing_us, r.node, %s"
             " FROM jobs j LEFT JOIN results r ON r.job = j.id AND r.run = j.run WHERE j.id > ?1%s%s%s"
             " ORDER BY j.id LIMIT ?2",
             query->documents ? "iif(j.retained, NULL, r.document)" : "NULL",
             others ? state : where_state(query->state), query->message_id ? " AND j.message_id = ?3" : "",
             query->path_prefix ? " AND substr(j.file_path, 1, length(?4)) = ?4" : "");
    return sqlite3_prepare_v2(self->db, sql, -1, stmt, NULL);
}

// Binding more than the statement has is no error here: each filter has its number.
static int
bind_page(sqlite3_stmt *stmt, const kt_job_query_t *query, size_t capacity)
{
    int64_t after = query->after_job > INT64_MAX ? INT64_MAX : (int64_t)query->after_job;
    int     rc    = sqlite3_bind_int64(stmt, 1, after);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(stmt, 2, (int64_t)capacity);
    if (rc == SQLITE_OK && query->message_id)
        rc = sqlite3_bind_text(stmt, 3, query->message_id, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && query->path_prefix)
        rc = sqlite3_bind_text(stmt, 4, query->path_prefix, -1, SQLITE_STATIC);
    return rc;
}

static void
read_text(sqlite3_stmt *stmt, int column, char *out, size_t capacity)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    kt_text_sanitize(out, capacity, text ? text : "", (size_t)sqlite3_column_bytes(stmt, column));
}

static kt_err_t
read_document(sqlite3_stmt *stmt, int column, kt_job_row_t *out)
{
    const void *text = sqlite3_column_text(stmt, column);
    if (!text)
        return KT_OK;
    size_t length = (size_t)sqlite3_column_bytes(stmt, column);
    out->document = malloc(length + 1);
    if (!out->document)
        return KT_ENOMEM;
    memcpy(out->document, text, length);
    out->document[length] = '\0';
    out->document_bytes   = length;
    return KT_OK;
}

static kt_err_t
read_row(sqlite3_stmt *stmt, kt_job_row_t *out)
{
    static const kt_priority_t PRIORITIES[KT_RANKS] = {KT_PRIORITY_HIGH, KT_PRIORITY_NORMAL, KT_PRIORITY_LOW};
    memset(out, 0, sizeof *out);
    unsigned rank = (unsigned)sqlite3_column_int(stmt, 5);
    out->id.job   = (uint64_t)sqlite3_column_int64(stmt, 0);
    out->id.run   = (uint32_t)sqlite3_column_int64(stmt, 1);
    read_text(stmt, 2, out->message_id, sizeof out->message_id);
    read_text(stmt, 3, out->file_path, sizeof out->file_path);
    out->state           = (kt_job_state_t)sqlite3_column_int(stmt, 4);
    out->priority        = PRIORITIES[rank < KT_RANKS ? rank : 1];
    out->attempts        = (uint32_t)sqlite3_column_int64(stmt, 6);
    out->crashes         = (uint32_t)sqlite3_column_int64(stmt, 7);
    out->created_wall_ms = sqlite3_column_int64(stmt, 8);
    out->err             = (kt_err_t)sqlite3_column_int(stmt, 9);
    if (out->state == KT_JOB_CANCELLED)
        out->err = KT_ECANCELLED;
    read_text(stmt, 10, out->detail, sizeof out->detail);
    out->stored_wall_ms = sqlite3_column_int64(stmt, 11);
    out->processing_us  = sqlite3_column_int64(stmt, 12);
    read_text(stmt, 13, out->node_name, sizeof out->node_name);
    return read_document(stmt, 14, out);
}

static kt_err_t
read_page(kt_sqlite_t *self, sqlite3_stmt *stmt, kt_job_row_t *out, size_t capacity, size_t *n)
{
    kt_err_t err = KT_OK;
    int      rc  = SQLITE_ROW;
    while (!err && *n < capacity && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        err = read_row(stmt, &out[(*n)++]);
    if (!err && rc != SQLITE_ROW && rc != SQLITE_DONE)
        err = kt_sqlite_err(self, rc);
    return err;
}

kt_err_t
kt_sqlite_jobs(kt_ledger_t *base, const kt_job_query_t *query, kt_job_row_t *out, size_t capacity, size_t *n)
{
    kt_sqlite_t  *self = (kt_sqlite_t *)base;
    sqlite3_stmt *stmt = NULL;
    size_t        got  = 0;
    int           rc   = prepare_page(self, query, &stmt);
    if (rc == SQLITE_OK)
        rc = bind_page(stmt, query, capacity);
    kt_err_t err = kt_sqlite_err(self, rc);
    if (!err)
        err = read_page(self, stmt, out, capacity, &got);
    sqlite3_finalize(stmt);
    if (!err)
        *n = got;
    for (size_t i = 0; err && i < got; i++) {
        free(out[i].document);
        out[i].document = NULL;
    }
    return err;
}
