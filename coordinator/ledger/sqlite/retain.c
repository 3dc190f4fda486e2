// Retention: what an ended job leaves behind after its time is its row, so that its message_id stays known.
#include "coordinator/ledger/sqlite/sqlite.h"

#include <sqlite3.h>
#include <stdlib.h>

// All are read before the first is changed: the change takes them out of the index that is being read.
static kt_err_t
find_old(kt_sqlite_t *self, int64_t before_ms, size_t want, int64_t *jobs, size_t *n)
{
    bool             more = true;
    kt_err_t         err;
    kt_sqlite_call_t call = kt_sqlite_call(self, KT_SQL_RETAINABLE);
    kt_sqlite_int(&call, before_ms);
    kt_sqlite_int(&call, (int64_t)want);
    while (!(err = kt_sqlite_step(&call, &more)) && more)
        jobs[(*n)++] = sqlite3_column_int64(call.stmt, 0);
    return err;
}

static kt_err_t
retain_one(kt_sqlite_t *self, int64_t job)
{
    static const kt_sqlite_id_t STEPS[] = {KT_SQL_RETAIN_JOB, KT_SQL_RETAIN_BODY, KT_SQL_RETAIN_DOCUMENTS};
    kt_err_t                    err     = KT_OK;
    for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS && !err; i++) {
        kt_sqlite_call_t call = kt_sqlite_call(self, STEPS[i]);
        kt_sqlite_int(&call, job);
        err = kt_sqlite_run(&call);
    }
    return err;
}

kt_err_t
kt_sqlite_retain(kt_ledger_t *base, int64_t before_ms, size_t want, size_t *n)
{
    kt_sqlite_t *self = (kt_sqlite_t *)base;
    size_t       got  = 0;
    int64_t     *jobs = malloc((want + 1) * sizeof *jobs);
    kt_err_t     err  = jobs ? kt_sqlite_begin(self) : KT_ENOMEM;
    if (!err) {
        err = find_old(self, before_ms, want, jobs, &got);
        for (size_t i = 0; i < got && !err; i++)
            err = retain_one(self, jobs[i]);
        err = kt_sqlite_end(self, err);
    }
    free(jobs);
    if (!err)
        *n = got;
    return err;
}
