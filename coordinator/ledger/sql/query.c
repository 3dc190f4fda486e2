// Queries of status and the command line: totals, pages of jobs, drained nodes, a job's story. Short reads.
#include "common/clock.h"
#include "coordinator/ledger/sql/messages.h"
#include "coordinator/ledger/sql/ops.h"
#include "coordinator/ledger/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

kt_err_t
kt_sql_totals(kt_ledger_t *base, int64_t wall_ms, kt_totals_t *out)
{
    kt_sql_t       *self     = (kt_sql_t *)base;
    uint64_t *const fields[] = {&out->queued,
                                &out->claimed,
                                &out->done,
                                &out->failed,
                                &out->cancelled,
                                &out->retried,
                                &out->processing_us_total,
                                &out->done_today,
                                &out->outbox_waiting};
    kt_err_t        err      = KT_OK;
    for (int tries = 0; kt_sql_try(self, false, &err, &tries);) {
        kt_sql_arg_int(self, kt_rule_day(wall_ms));
        size_t k = kt_sql_put(self, KT_SQL_TOTALS);
        err      = kt_sql_run(self);
        for (int i = 0; !err && i < (int)(sizeof fields / sizeof *fields); i++)
            *fields[i] = (uint64_t)kt_sql_int(self, k, 0, i);
        if (!err)
            out->oldest_queued_ms = kt_sql_int(self, k, 0, (int)(sizeof fields / sizeof *fields));
    }
    return err;
}

kt_err_t
kt_sql_failures(kt_ledger_t *base, size_t most, kt_failure_row_t *out, size_t capacity, size_t *n)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; kt_sql_try(self, false, &err, &tries);) {
        kt_sql_arg_u64(self, most);
        kt_sql_arg_u64(self, capacity);
        size_t k = kt_sql_put(self, KT_SQL_FAILURES);
        if ((err = kt_sql_run(self)))
            continue;
        *n = kt_sql_rows(self, k);
        for (size_t i = 0; i < *n; i++)
            out[i] = (kt_failure_row_t){.err     = (kt_err_t)kt_sql_int(self, k, i, 0),
                                        .jobs    = (uint64_t)kt_sql_int(self, k, i, 1),
                                        .last_ms = kt_sql_int(self, k, i, 2)};
    }
    return err;
}

kt_err_t
kt_sql_drained(kt_ledger_t *base, char (*names)[64], size_t capacity, size_t *n)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; kt_sql_try(self, false, &err, &tries);) {
        kt_sql_arg_u64(self, capacity);
        size_t k = kt_sql_put(self, KT_SQL_DRAINED);
        if ((err = kt_sql_run(self)))
            continue;
        *n = kt_sql_rows(self, k);
        for (size_t i = 0; i < *n; i++)
            kt_sql_text(self, k, i, 0, names[i], sizeof names[i]);
    }
    return err;
}

static void
read_story(const kt_sql_t *self, size_t k, size_t row, kt_story_row_t *out)
{
    *out = (kt_story_row_t){.type    = (kt_story_type_t)kt_sql_int(self, k, row, 0),
                            .run     = (uint32_t)kt_sql_int(self, k, row, 1),
                            .attempt = (uint32_t)kt_sql_int(self, k, row, 2),
                            .at_ms   = kt_sql_int(self, k, row, 3),
                            .err     = (kt_err_t)kt_sql_int(self, k, row, 4),
                            .crash   = kt_sql_int(self, k, row, 5) != 0};
    kt_sql_text(self, k, row, 6, out->name, sizeof out->name);
    kt_sql_text(self, k, row, 7, out->detail, sizeof out->detail);
}

kt_err_t
kt_sql_story(kt_ledger_t *base, uint64_t job, kt_story_row_t *out, size_t capacity, size_t *n)
{
    kt_sql_t *self = (kt_sql_t *)base;
    size_t    got  = 0;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; kt_sql_try(self, false, &err, &tries);) {
        kt_sql_arg_u64(self, job);
        kt_sql_arg_u64(self, capacity);
        size_t k = kt_sql_put(self, KT_SQL_STORY);
        err      = kt_sql_run(self);
        for (got = 0; !err && got < kt_sql_rows(self, k); got++)
            read_story(self, k, got, &out[got]);
    }
    if (err || !got)
        return err ? err : KT_ENOTFOUND;
    kt_story_sort(out, got);
    *n = got;
    return KT_OK;
}

// How a page of one state finds its rows without reading all the others: the partial index of the state, and for queued
// jobs one page of each rank. The direction is "> ... ORDER BY id" or its opposite.
static void
where_state(const kt_job_query_t *query, char out[1024])
{
    const char *past = query->newest ? "<" : ">", *order = query->newest ? " DESC" : "";
    out[0] = '\0';
    switch (query->state) {
    case KT_JOB_QUEUED: {
        size_t n = (size_t)snprintf(out, 1024, " AND j.state = 0 AND j.id IN (");
        for (int rank = 0; rank < 3; rank++)
            n += (size_t)snprintf(out + n, 1024 - n,
                                  "%sSELECT id FROM (SELECT id FROM jobs WHERE state = 0 AND rank = %d AND id %s"
                                  " $1::bigint ORDER BY id%s LIMIT $2::bigint) AS rank%d",
                                  rank ? " UNION ALL " : "", rank, past, order, rank);
        snprintf(out + n, 1024 - n, ")");
        break;
    }
    case KT_JOB_CLAIMED: snprintf(out, 1024, " AND j.id IN (SELECT id FROM jobs WHERE state = 1)"); break;
    case KT_JOB_DONE: snprintf(out, 1024, " AND j.state = 2"); break;
    case KT_JOB_FAILED:
    case KT_JOB_CANCELLED:
        snprintf(out, 1024,
                 " AND j.id IN (SELECT id FROM jobs WHERE state >= 3 AND state = %d AND id %s $1::bigint ORDER BY id%s"
                 " LIMIT $2::bigint)",
                 query->state, past, order);
        break;
    default: break;
    }
}

// The result that a row shows, and the rows of a history behind the last one that was seen.
static const char *
join_of(const kt_job_query_t *query)
{
    if (query->history)
        return " JOIN results r ON r.job = j.id AND (r.job <> $3::bigint OR r.run > $4::bigint)";
    return query->documents || query->latest ? " LEFT JOIN results r ON r.job = j.id AND r.run = (SELECT max(m.run) "
                                               "FROM results m WHERE m.job = j.id)"
                                             : " LEFT JOIN results r ON r.job = j.id AND r.run = j.run";
}

// Scalar subqueries, which are looked up row by row of a page: PostgreSQL would make a join with all results of EXISTS.
static const char LATEST[] =
    " AND (r.job, r.run) = (SELECT s.job, s.run FROM inputs n JOIN results s ON s.job = n.job WHERE n.file_path ="
    " i.file_path ORDER BY s.stored_ms DESC, s.job DESC, s.run DESC LIMIT 1) AND coalesce((SELECT max(p.removed_ms) "
    "FROM"
    " removed_paths p WHERE p.file_path = i.file_path), 0) <= r.stored_ms";

enum { FILTER_BYTES = 1024 };

// The conditions of the filters, whose values are arguments after the first `argument` ones. A filter by state and
// another filter share no index: the state is then compared row by row.
static void
put_job_filters(kt_sql_t *self, const kt_job_query_t *query, int argument, char out[FILTER_BYTES])
{
    size_t n = 0;
    out[0]   = '\0';
    if (query->message_id) {
        kt_sql_arg_text(self, query->message_id);
        n += (size_t)snprintf(out + n, FILTER_BYTES - n, " AND i.message_id = $%d::text", ++argument);
    }
    if (query->path_prefix) {
        kt_sql_arg_text(self, query->path_prefix);
        ++argument;
        n += (size_t)snprintf(out + n, FILTER_BYTES - n, " AND substr(i.file_path, 1, length($%d::text)) = $%d::text",
                              argument, argument);
    }
    if (query->since_ms > 0) {
        kt_sql_arg_int(self, query->since_ms);
        n += (size_t)snprintf(out + n, FILTER_BYTES - n, " AND j.created_ms >= $%d::bigint", ++argument);
    }
    if (query->node) {
        kt_sql_arg_text(self, query->node);
        n += (size_t)snprintf(out + n, FILTER_BYTES - n, " AND r.node = $%d::text", ++argument);
    }
    if (query->err == KT_ECANCELLED)
        n += (size_t)snprintf(out + n, FILTER_BYTES - n, " AND j.state = %d", KT_JOB_CANCELLED);
    else if (query->err)
        n += (size_t)snprintf(out + n, FILTER_BYTES - n, " AND r.err = %d", query->err);
    if (n == 0 && !query->latest && !query->history)
        where_state(query, out);
    else if (query->state >= 0)
        snprintf(out + n, FILTER_BYTES - n, " AND j.state = %d", query->state);
}

static size_t
put_job_page(kt_sql_t *self, const kt_job_query_t *query, size_t capacity)
{
    char       sql[4096], filters[FILTER_BYTES];
    const bool again = query->history && query->after_run;  // after_job may have more results
    kt_sql_arg_u64(self, query->newest && query->after_job == 0 ? INT64_MAX : query->after_job - again);
    kt_sql_arg_u64(self, capacity);
    if (query->history) {
        kt_sql_arg_u64(self, query->after_job);
        kt_sql_arg_int(self, query->after_run);
    }
    put_job_filters(self, query, query->history ? 4 : 2, filters);
    snprintf(sql, sizeof sql,
             "SELECT j.id, j.run, i.message_id, i.file_path, CAST(j.state AS bigint), CAST(j.rank AS bigint),"
             " CAST(j.attempts AS bigint), CAST(j.crashes AS bigint), j.created_ms, CAST(coalesce(r.err, 0) AS bigint),"
             " r.detail, coalesce(r.stored_ms, 0), coalesce(r.processing_us, 0), r.node, %s, coalesce(r.run, 0), %s"
             " FROM jobs j JOIN inputs i ON i.job = j.id%s WHERE j.id %s $1::bigint%s%s ORDER BY j.id%s%s"
             " LIMIT $2::bigint",
             query->documents ? "CASE WHEN j.retained <> 0 THEN NULL ELSE r.document END" : "CAST(NULL AS text)",
             query->documents
                 ? "CASE WHEN r.run IS NOT NULL AND j.retained = 0 THEN CAST(1 AS bigint) ELSE CAST(0 AS bigint) END"
                 : "CAST(0 AS bigint)",
             join_of(query), query->newest ? "<" : ">", filters, query->latest ? LATEST : "",
             query->newest ? " DESC" : "", query->history ? ", r.run" : "");
    return kt_sql_put_text(self, sql);
}

static kt_err_t
read_job(const kt_sql_t *self, size_t k, size_t row, kt_job_row_t *out)
{
    memset(out, 0, sizeof *out);
    out->id.job = (uint64_t)kt_sql_int(self, k, row, 0);
    out->id.run = (uint32_t)kt_sql_int(self, k, row, 1);
    kt_sql_text(self, k, row, 2, out->message_id, sizeof out->message_id);
    kt_sql_text(self, k, row, 3, out->file_path, sizeof out->file_path);
    out->state           = (kt_job_state_t)kt_sql_int(self, k, row, 4);
    out->priority        = kt_rule_priority((uint64_t)kt_sql_int(self, k, row, 5));
    out->attempts        = (uint32_t)kt_sql_int(self, k, row, 6);
    out->crashes         = (uint32_t)kt_sql_int(self, k, row, 7);
    out->created_wall_ms = kt_sql_int(self, k, row, 8);
    out->err             = out->state == KT_JOB_CANCELLED ? KT_ECANCELLED : (kt_err_t)kt_sql_int(self, k, row, 9);
    kt_sql_text(self, k, row, 10, out->detail, sizeof out->detail);
    out->stored_wall_ms = kt_sql_int(self, k, row, 11);
    out->processing_us  = kt_sql_int(self, k, row, 12);
    kt_sql_text(self, k, row, 13, out->node_name, sizeof out->node_name);
    out->result_run = (uint32_t)kt_sql_int(self, k, row, 15);
    if (!kt_sql_int(self, k, row, 16))  // no document is there, or asked for
        return KT_OK;
    return kt_sql_message(self, k, row, 14, &out->document, &out->document_bytes, &out->damaged);
}

kt_err_t
kt_sql_jobs(kt_ledger_t *base, const kt_job_query_t *query, kt_job_row_t *out, size_t capacity, size_t *n)
{
    kt_sql_t *self = (kt_sql_t *)base;
    size_t    got  = 0;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; kt_sql_try(self, false, &err, &tries);) {
        size_t k = put_job_page(self, query, capacity);
        err      = kt_sql_run(self);
        for (got = 0; !err && got < kt_sql_rows(self, k); got += !err)
            err = read_job(self, k, got, &out[got]);
    }
    if (!err)
        *n = got;
    while (err && got--)
        free(out[got].document);
    return err;
}

kt_err_t
kt_sql_mark_paths(kt_ledger_t *base, const char *const *paths, size_t n, bool removed, int64_t wall_ms)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    char      at[KT_RFC3339_BYTES];
    for (int tries = 0; n && kt_sql_try(self, true, &err, &tries);) {
        kt_sql_write(self);
        for (int mark = 0; mark <= removed; mark++) {
            kt_sql_array(self, KT_SQL_TEXT, n);
            for (size_t i = 0; i < n; i++)
                kt_sql_el_text(self, paths[i]);
            kt_sql_array_end(self);
            if (mark) {
                kt_sql_arg_int(self, wall_ms);
                kt_sql_arg_text(self, kt_clock_rfc3339(wall_ms, at));
            }
            kt_sql_put(self, mark ? KT_SQL_PATHS_MARK : KT_SQL_PATHS_UNMARK);
        }
        err = kt_sql_commit(self);
    }
    return err;
}
