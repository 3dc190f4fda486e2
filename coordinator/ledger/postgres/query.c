// What status and the command line ask: totals, pages of jobs, drained nodes, a job's story. Short reads.
#include "common/text.h"
#include "coordinator/ledger/postgres/ops.h"
#include "coordinator/ledger/postgres/postgres.h"
#include "coordinator/ledger/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static kt_err_t
ask(kt_pg_t *self)
{
    kt_err_t err = kt_pg_run(self);
    return err == KT_EAGAIN ? KT_EIO : err;
}

kt_err_t
kt_pg_totals(kt_ledger_t *base, int64_t wall_ms, kt_totals_t *out)
{
    kt_pg_t *self = (kt_pg_t *)base;
    kt_err_t err  = kt_pg_begin(self, false);
    if (err)
        return err;
    kt_pg_arg_int(self, kt_rule_day(wall_ms));
    kt_pg_put(self, KT_PG_TOTALS);
    if ((err = ask(self)))
        return err;
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
        *fields[i] = (uint64_t)kt_pg_int(self, 0, 0, i);
    return KT_OK;
}

kt_err_t
kt_pg_drained(kt_ledger_t *base, char (*names)[64], size_t capacity, size_t *n)
{
    kt_pg_t *self = (kt_pg_t *)base;
    kt_err_t err  = kt_pg_begin(self, false);
    if (err)
        return err;
    kt_pg_arg_int(self, (int64_t)capacity);
    kt_pg_put(self, KT_PG_DRAINED);
    if ((err = ask(self)))
        return err;
    *n = (size_t)kt_pg_rows(self, 0);
    for (size_t i = 0; i < *n; i++)
        kt_pg_text(self, 0, (int)i, 0, names[i], sizeof names[i]);
    return KT_OK;
}

kt_err_t
kt_pg_story(kt_ledger_t *base, uint64_t job, kt_story_row_t *out, size_t capacity, size_t *n)
{
    kt_pg_t *self = (kt_pg_t *)base;
    kt_err_t err  = kt_pg_begin(self, false);
    if (err)
        return err;
    kt_pg_arg_int(self, job > INT64_MAX ? INT64_MAX : (int64_t)job);
    kt_pg_arg_int(self, (int64_t)capacity);
    kt_pg_put(self, KT_PG_STORY);
    if ((err = ask(self)))
        return err;
    size_t got = (size_t)kt_pg_rows(self, 0);
    if (!got)
        return KT_ENOTFOUND;
    for (size_t i = 0; i < got; i++) {
        int row = (int)i;
        out[i]  = (kt_story_row_t){.type    = (kt_story_type_t)kt_pg_int(self, 0, row, 0),
                                   .run     = (uint32_t)kt_pg_int(self, 0, row, 1),
                                   .attempt = (uint32_t)kt_pg_int(self, 0, row, 2),
                                   .at_ms   = kt_pg_int(self, 0, row, 3),
                                   .err     = (kt_err_t)kt_pg_int(self, 0, row, 4),
                                   .crash   = kt_pg_int(self, 0, row, 5) != 0};
        kt_pg_text(self, 0, row, 6, out[i].name, sizeof out[i].name);
        kt_pg_text(self, 0, row, 7, out[i].detail, sizeof out[i].detail);
    }
    kt_story_sort(out, got);
    *n = got;
    return KT_OK;
}

// How a page of one state finds its rows without reading all the others: the partial index of the state, and for queued
// jobs one page of each rank.
static const char *
where_state(int state)
{
    switch (state) {
    case KT_JOB_QUEUED:
        return " AND j.state = 0 AND j.id IN ((SELECT id FROM jobs WHERE state = 0 AND rank = 0 AND id > $1::bigint"
               " ORDER BY id LIMIT $2::bigint) UNION ALL (SELECT id FROM jobs WHERE state = 0 AND rank = 1 AND id >"
               " $1::bigint ORDER BY id LIMIT $2::bigint) UNION ALL (SELECT id FROM jobs WHERE state = 0 AND rank = 2"
               " AND id > $1::bigint ORDER BY id LIMIT $2::bigint))";
    case KT_JOB_CLAIMED: return " AND j.state = 1";
    case KT_JOB_DONE: return " AND j.state = 2";
    case KT_JOB_FAILED: return " AND j.state >= 3 AND j.state = 3";
    case KT_JOB_CANCELLED: return " AND j.state >= 3 AND j.state = 4";
    default: return "";
    }
}

static void
put_page(kt_pg_t *self, const kt_job_query_t *query, size_t capacity)
{
    char sql[2048], message_id[64] = "", prefix[80] = "";
    int  filters = 2;
    kt_pg_arg_int(self, query->after_job > INT64_MAX ? INT64_MAX : (int64_t)query->after_job);
    kt_pg_arg_int(self, (int64_t)capacity);
    if (query->message_id) {
        kt_pg_arg_text(self, query->message_id);
        snprintf(message_id, sizeof message_id, " AND i.message_id = $%d::text", ++filters);
    }
    if (query->path_prefix) {
        kt_pg_arg_text(self, query->path_prefix);
        snprintf(prefix, sizeof prefix, " AND starts_with(i.file_path, $%d::text)", ++filters);
    }
    snprintf(sql, sizeof sql,
             "SELECT j.id, j.run, i.message_id, i.file_path, j.state::bigint, j.rank::bigint, j.attempts::bigint,"
             " j.crashes::bigint, j.created_ms, coalesce(r.err, 0)::bigint, r.detail, coalesce(r.stored_ms, 0),"
             " coalesce(r.processing_us, 0), r.node, %s FROM jobs j JOIN inputs i ON i.job = j.id"
             " LEFT JOIN results r ON r.job = j.id AND r.run = j.run WHERE j.id > $1::bigint%s%s%s"
             " ORDER BY j.id LIMIT $2::bigint",
             query->documents ? "CASE WHEN j.retained THEN NULL ELSE r.document END" : "NULL::text",
             where_state(query->state), message_id, prefix);
    kt_pg_put_sql(self, sql);
}

static kt_err_t
read_row(const kt_pg_t *self, int row, kt_job_row_t *out)
{
    static const kt_priority_t PRIORITIES[KT_RANKS] = {KT_PRIORITY_HIGH, KT_PRIORITY_NORMAL, KT_PRIORITY_LOW};
    uint64_t                   rank                 = (uint64_t)kt_pg_int(self, 0, row, 5);
    size_t                     length;
    memset(out, 0, sizeof *out);
    out->id.job = (uint64_t)kt_pg_int(self, 0, row, 0);
    out->id.run = (uint32_t)kt_pg_int(self, 0, row, 1);
    kt_pg_text(self, 0, row, 2, out->message_id, sizeof out->message_id);
    kt_pg_text(self, 0, row, 3, out->file_path, sizeof out->file_path);
    out->state           = (kt_job_state_t)kt_pg_int(self, 0, row, 4);
    out->priority        = PRIORITIES[rank < KT_RANKS ? rank : 1];
    out->attempts        = (uint32_t)kt_pg_int(self, 0, row, 6);
    out->crashes         = (uint32_t)kt_pg_int(self, 0, row, 7);
    out->created_wall_ms = kt_pg_int(self, 0, row, 8);
    out->err             = (kt_err_t)kt_pg_int(self, 0, row, 9);
    if (out->state == KT_JOB_CANCELLED)
        out->err = KT_ECANCELLED;
    kt_pg_text(self, 0, row, 10, out->detail, sizeof out->detail);
    out->stored_wall_ms = kt_pg_int(self, 0, row, 11);
    out->processing_us  = kt_pg_int(self, 0, row, 12);
    kt_pg_text(self, 0, row, 13, out->node_name, sizeof out->node_name);
    if (!kt_pg_bytes(self, 0, row, 14, &length))
        return KT_OK;
    return kt_pg_copy(self, 0, row, 14, &out->document, &out->document_bytes);
}

kt_err_t
kt_pg_jobs(kt_ledger_t *base, const kt_job_query_t *query, kt_job_row_t *out, size_t capacity, size_t *n)
{
    kt_pg_t *self = (kt_pg_t *)base;
    size_t   got  = 0;
    kt_err_t err  = kt_pg_begin(self, false);
    if (err)
        return err;
    put_page(self, query, capacity);
    err = ask(self);
    for (int row = 0; !err && row < kt_pg_rows(self, 0); row++)
        err = read_row(self, row, &out[got++]);
    if (!err)
        *n = got;
    for (size_t i = 0; err && i < got; i++) {
        free(out[i].document);
        out[i].document = NULL;
    }
    return err;
}
