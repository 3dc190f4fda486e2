// The audit: each rule is a query that gives the rows which break it, as (job, run, sentence). All of them read one
// snapshot beside working coordinators. Tests break every rule with plain SQL and compare the sentence.
#include "coordinator/ledger/sql/ops.h"

static const char *const RULES[] = {
#define KT_AUDIT(text) text,
#include "coordinator/ledger/sql/audit.def"
#undef KT_AUDIT
    NULL};

typedef struct audit {
    kt_audit_fn *found;
    void        *context;
} audit_t;

static void
report_finding(void *context, int64_t job, int64_t run, const char *text)
{
    const audit_t *audit = context;
    kt_run_id_t    id    = {.job = (uint64_t)job, .run = (uint32_t)run};
    audit->found(audit->context, id, text && *text ? text : "a row that cannot be described");
}

// A finding that was reported cannot be taken back, so an audit is not repeated.
kt_err_t
kt_sql_audit(kt_ledger_t *base, kt_audit_fn *found, void *context, uint64_t *rows)
{
    kt_sql_t                *self    = (kt_sql_t *)base;
    const char *const *const lists[] = {RULES, self->driver->own_rules};
    audit_t                  audit   = {found, context};
    kt_err_t                 err     = KT_EAGAIN;
    for (int tries = KT_SQL_TRIES - 1; kt_sql_try(self, false, &err, &tries);) {
        if ((err = self->driver->snapshot(self)))
            continue;
        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
            for (const char *const *rule = lists[i]; *rule && !err; rule++)
                err = self->driver->each(self, *rule, report_finding, &audit);
        if (err)
            continue;
        size_t k = kt_sql_put(self, KT_SQL_ROWS);
        if (!(err = kt_sql_run(self)))
            *rows = (uint64_t)kt_sql_int(self, k, 0, 0);
    }
    return err;
}
