// Rows of features and vectors for the results that an older program stored.
#include "common/log.h"
#include "coordinator/ledger/sql/features.h"

#include <stdlib.h>
#include <string.h>

enum { FILL_ROWS = 64 };

// What is filled, one after the other: `state` is the first of its columns in FILL_STATE.
typedef struct kind {
    const char *what;
    int         state;
    kt_sql_id_t missing, move;
    void (*put)(kt_sql_t *sql, const kt_sql_messages_t *messages);
} kind_t;

static const kind_t KINDS[] = {
    {"features", 0, KT_SQL_FEATURES_MISSING, KT_SQL_FILL_MOVE, kt_sql_put_features},
    {"vectors", 3, KT_SQL_VECTORS_MISSING, KT_SQL_FILL_MOVE_VECTORS, kt_sql_put_vectors},
};

typedef struct fill {
    uint64_t    job;
    uint32_t    run;
    bool        done;
    size_t      n;
    kt_result_t results[FILL_ROWS];
    char       *documents[FILL_ROWS];
    char        details[FILL_ROWS][512];
} fill_t;

static void
drop_documents(fill_t *self)
{
    for (size_t i = 0; i < self->n; i++)
        free(self->documents[i]);
    self->n = 0;
}

static kt_err_t
read_step(kt_sql_t *sql, const kind_t *kind, fill_t *self)
{
    size_t   k   = kt_sql_put(sql, KT_SQL_FILL_STATE);
    kt_err_t err = kt_sql_run(sql);
    if (err || !kt_sql_rows(sql, k))
        return err ? err : KT_ESTATE;
    self->job  = (uint64_t)kt_sql_int(sql, k, 0, kind->state);
    self->run  = (uint32_t)kt_sql_int(sql, k, 0, kind->state + 1);
    self->done = kt_sql_int(sql, k, 0, kind->state + 2) != 0;
    if (self->done)
        return KT_OK;
    kt_sql_arg_u64(sql, self->job);
    kt_sql_arg_int(sql, self->run);
    kt_sql_arg_int(sql, FILL_ROWS);
    k   = kt_sql_put(sql, kind->missing);
    err = kt_sql_run(sql);
    for (size_t i = 0; !err && i < kt_sql_rows(sql, k); i++) {
        kt_result_t *result = &self->results[i];
        *result = (kt_result_t){.id      = {(uint64_t)kt_sql_int(sql, k, i, 0), (uint32_t)kt_sql_int(sql, k, i, 1)},
                                .err     = (kt_err_t)kt_sql_int(sql, k, i, 2),
                                .wall_ms = kt_sql_int(sql, k, i, 3),
                                .detail  = self->details[i]};
        kt_sql_text(sql, k, i, 4, self->details[i], sizeof self->details[i]);
        err              = kt_sql_copy(sql, k, i, 5, &self->documents[i], &result->document_bytes);
        result->document = err ? NULL : self->documents[i];
        self->n += !err;
    }
    return err;
}

// What an older program stored has rows even without features, because other results of its path may follow.
static kt_err_t
fill_step(kt_sql_t *sql, const kind_t *kind, fill_t *self)
{
    kt_sql_messages_t messages = {0};
    kt_err_t          err      = read_step(sql, kind, self);
    if (err || self->done)
        return err;
    err = kt_sql_messages_read(sql, self->results, self->n, &messages);
    if (!err) {
        kt_sql_write(sql);
        for (size_t i = 0; i < messages.n; i++) {
            messages.at[i].stored = true;
            messages.at[i].bare   = !messages.at[i].has_row;
        }
        kind->put(sql, &messages);
        const kt_run_id_t last = self->n ? self->results[self->n - 1].id : (kt_run_id_t){self->job, self->run};
        self->done             = self->n < FILL_ROWS;
        kt_sql_arg_u64(sql, last.job);
        kt_sql_arg_int(sql, last.run);
        kt_sql_arg_int(sql, self->done);
        kt_sql_put(sql, kind->move);
        err = kt_sql_commit(sql);
    }
    kt_sql_messages_fini(&messages);
    return err;
}

static kt_err_t
fill_kind(kt_sql_t *self, const kind_t *kind, fill_t *fill, uint64_t *filled)
{
    kt_err_t err = KT_OK;
    for (fill->done = false; !err && !fill->done;) {
        size_t n = 0;
        for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
            err = fill_step(self, kind, fill);
            n   = fill->n;
            drop_documents(fill);
        }
        *filled += err ? 0 : n;
        if (!err && n && *filled % (FILL_ROWS * 256) < n)
            kt_log_info("LEDGER-FILL", "results=%llu text=\"their %s are written into columns\"",
                        (unsigned long long)*filled, kind->what);
    }
    return err;
}

kt_err_t
kt_sql_fill_features(kt_sql_t *self, uint64_t *filled)
{
    fill_t  *fill = calloc(1, sizeof *fill);
    kt_err_t err  = fill ? KT_OK : KT_ENOMEM;
    *filled       = 0;
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS && !err; i++)
        err = fill_kind(self, &KINDS[i], fill, filled);
    free(fill);
    return err;
}
