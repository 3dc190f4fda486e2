// The audit: each rule is a query that gives the rows which break it, as (job, run, sentence). All of them read one
// snapshot beside working coordinators. Tests break every rule with plain SQL and compare the sentence.
#include "common/json.h"
#include "coordinator/ledger/sql/ops.h"
#include "proto/json_scan.h"

#include <string.h>

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

// What is wrong with a stored message; NULL: nothing. The members that say whose it is are compared where it has them.
static const char *
document_fault(const kt_sql_t *self, size_t k, size_t row)
{
    static const char *const NAMES[] = {"message_id", "file_path"};
    char                     why[KT_JSON_WHY], expected[KT_JOB_PATH];
    json_t                  *document = NULL;
    const char              *fault    = NULL;
    size_t                   length;
    const char              *bytes = kt_sql_cell(self, k, row, 4, &length);
    if (!bytes || !kt_json_is_object(bytes, length))
        return "the document is no JSON object";
    if (kt_json_parse(bytes, length, KT_SQL_BYTES, &document, why))
        return "the document cannot be read as a message";
    for (int i = 0; i < 2 && !fault; i++) {
        kt_sql_text(self, k, row, 2 + i, expected, sizeof expected);
        if (strcmp(kt_json_str(document, NAMES[i], expected), expected) != 0)
            fault = i ? "the document is of another file" : "the document is of another message_id";
    }
    kt_json_free(&document);
    return fault;
}

// Page by page; those of retained jobs, and without a job, are not read.
static kt_err_t
audit_documents(kt_sql_t *self, audit_t *audit)
{
    kt_run_id_t after = {0};
    kt_err_t    err   = KT_OK;
    for (size_t n = 1; n > 0 && !err;) {
        kt_sql_arg_u64(self, after.job);
        kt_sql_arg_int(self, after.run);
        size_t k = kt_sql_put(self, KT_SQL_DOCUMENTS);
        if ((err = kt_sql_run(self)))
            break;
        n = kt_sql_rows(self, k);
        for (size_t row = 0; row < n; row++) {
            after             = (kt_run_id_t){.job = (uint64_t)kt_sql_int(self, k, row, 0),
                                              .run = (uint32_t)kt_sql_int(self, k, row, 1)};
            const char *fault = kt_sql_int(self, k, row, 5) ? NULL : document_fault(self, k, row);
            if (fault)
                audit->found(audit->context, after, fault);
        }
    }
    return err == KT_EAGAIN ? KT_EIO : err;
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
        if (err || (err = audit_documents(self, &audit)))
            continue;
        size_t k = kt_sql_put(self, KT_SQL_ROWS);
        if (!(err = kt_sql_run(self)))
            *rows = (uint64_t)kt_sql_int(self, k, 0, 0);
    }
    return err;
}
