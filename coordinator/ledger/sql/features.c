// The rows of features: a message is parsed once, and each value is checked against the feature table and encoded.
#include "coordinator/ledger/sql/features.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "proto/document.h"

#include <stdlib.h>
#include <string.h>

enum { FILL_ROWS = 64 };
enum { OID_FLOAT4 = 700, OID_TEXT = 25 };
static const int64_t EPOCH_2000_MS = 946684800000;  // from which PostgreSQL counts microseconds

static void
put_time(kt_sql_t *self, int64_t wall_ms)
{
    char text[KT_RFC3339_BYTES];
    if (!self->features->texts) {
        kt_sql_put_u64(self, (uint64_t)((wall_ms - EPOCH_2000_MS) * 1000));
        return;
    }
    kt_clock_rfc3339(wall_ms, text);
    kt_sql_put_bytes(self, text, strlen(text));
}

static void
put_list(kt_sql_t *self, kt_column_type_t type, const json_t *list)
{
    const size_t n = kt_json_count(list);
    kt_sql_put_u32(self, n ? 1 : 0);
    kt_sql_put_u32(self, 0);
    kt_sql_put_u32(self, type == KT_COLUMN_REALS ? OID_FLOAT4 : OID_TEXT);
    if (n) {
        kt_sql_put_u32(self, (uint32_t)n);
        kt_sql_put_u32(self, 1);
    }
    for (size_t i = 0; i < n; i++) {
        double      number = 0;
        const char *text   = kt_json_string(kt_json_at(list, i));
        if (type == KT_COLUMN_REALS) {
            float    single = kt_json_number(kt_json_at(list, i), &number) ? (float)number : 0;
            uint32_t bits;
            memcpy(&bits, &single, sizeof bits);
            kt_sql_put_u32(self, sizeof bits);
            kt_sql_put_u32(self, bits);
        } else {
            kt_sql_put_u32(self, (uint32_t)strlen(text));
            kt_sql_put_bytes(self, text, strlen(text));
        }
    }
}

static void
put_real(kt_sql_t *self, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    kt_sql_put_u64(self, bits);
}

static void
put_value(kt_sql_t *self, kt_column_type_t type, const json_t *value)
{
    int64_t integer = 0;
    double  number  = 0;
    bool    flag    = false;
    switch (type) {
    case KT_COLUMN_BOOL:
        (void)kt_json_boolean(value, &flag);
        if (self->features->texts)
            kt_sql_put_u64(self, flag);
        else
            kt_sql_put_bytes(self, flag ? "\1" : "", 1);
        return;
    case KT_COLUMN_INT:
        (void)kt_json_integer(value, &integer);
        kt_sql_put_u64(self, (uint64_t)integer);
        return;
    case KT_COLUMN_REAL:
        (void)kt_json_number(value, &number);
        put_real(self, number);
        return;
    case KT_COLUMN_TIME:
        (void)kt_clock_from_rfc3339(kt_json_string(value), &integer);
        put_time(self, integer);
        return;
    case KT_COLUMN_TEXT: kt_sql_put_bytes(self, kt_json_string(value), strlen(kt_json_string(value))); return;
    default: break;
    }
    if (self->features->texts) {
        kt_json_write(value, &self->bytes);
    } else if (type == KT_COLUMN_JSON) {
        kt_sql_put_bytes(self, "\1", 1);  // version of the format
        kt_json_write(value, &self->bytes);
    } else {
        put_list(self, type, value);
    }
}

static void
put_text(kt_sql_t *self, uint32_t type, const char *text)
{
    if (!*text) {
        kt_sql_field_null(self, type);
        return;
    }
    size_t at = kt_sql_field(self, type);
    kt_sql_put_bytes(self, text, strlen(text));
    kt_sql_close(self, at);
}

static void
put_flag(kt_sql_t *self, uint32_t type, bool flag)
{
    size_t at = kt_sql_field(self, type);
    if (self->features->texts)
        kt_sql_put_u64(self, flag);
    else
        kt_sql_put_bytes(self, flag ? "\1" : "", 1);
    kt_sql_close(self, at);
}

// How the analysis ended is taken from the outcome and not from the message.
static void
put_outcome(kt_sql_t *self, uint32_t type, int column, const kt_result_t *result)
{
    char detail[512];
    switch (column) {
    case KT_COLUMN_SUCCESS: put_flag(self, type, !result->err); return;
    case KT_COLUMN_ERROR: put_text(self, type, result->err ? kt_err_name(result->err) : ""); return;
    default:
        kt_text_sanitize(detail, sizeof detail, result->detail ? result->detail : "",
                         result->detail ? strlen(result->detail) : 0);
        put_text(self, type, detail);
    }
}

static void
put_number(kt_sql_t *self, uint32_t type, uint64_t number)
{
    size_t at = kt_sql_field(self, type);
    kt_sql_put_u64(self, number);
    kt_sql_close(self, at);
}

static void
put_column(kt_sql_t *self, uint32_t type, size_t column, const kt_columns_view_t *view,
           const kt_column_type_t *column_types)
{
    int64_t       wall_ms;
    const json_t *value = kt_columns_value(view, column);
    if (!value || (column_types[column] == KT_COLUMN_TIME && !kt_clock_from_rfc3339(kt_json_string(value), &wall_ms))) {
        kt_sql_field_null(self, type);
        return;
    }
    size_t at = kt_sql_field(self, type);
    put_value(self, column_types[column], value);
    kt_sql_close(self, at);
}

// Whether the message has the value of any feature.
static bool
has_features(const kt_columns_view_t *view)
{
    bool any = false;
    for (size_t group = 0; group < KT_GROUPS; group++)
        any |= view->groups[group] != NULL;
    for (size_t i = KT_COLUMN_FEATURES; any && i < kt_columns_count(); i++)
        if (kt_columns_value(view, i))
            return true;
    return false;
}

static void
put_fields(kt_sql_t *self, const kt_result_t *result, const kt_columns_view_t *view,
           const kt_column_type_t *column_types)
{
    const kt_sql_features_t *features = self->features;
    size_t                   row      = kt_sql_row(self, features->n);
    for (size_t i = 0; i < features->n; i++) {
        const uint32_t type   = features->fields[i].type;
        const int      column = features->fields[i].column;
        if (column == KT_FIELD_JOB || column == KT_FIELD_RUN) {
            put_number(self, type, column == KT_FIELD_JOB ? result->id.job : result->id.run);
        } else if (column == KT_FIELD_STORED_AT) {
            size_t at = kt_sql_field(self, type);
            put_time(self, result->wall_ms);
            kt_sql_close(self, at);
        } else if (column < 0) {
            kt_sql_field_null(self, type);
        } else if (column < KT_COLUMN_OF_MESSAGE) {
            put_outcome(self, type, column, result);
        } else {
            put_column(self, type, (size_t)column, view, column_types);
        }
    }
    kt_sql_close(self, row);
}

// Whether there is a row for the result: what is no message, or has no feature, has none.
static bool
put_row(kt_sql_t *self, const kt_result_t *result, const kt_column_type_t *column_types)
{
    char              why[KT_JSON_WHY];
    json_t           *document = NULL;
    kt_columns_view_t view;
    kt_err_t          err = KT_OK;
    if (result->document_bytes)
        err = kt_json_parse(result->document, result->document_bytes, KT_SQL_BYTES, &document, why);
    if (err == KT_ENOMEM)
        self->bytes.err = err;
    kt_columns_view_of(document, &view);
    bool has = has_features(&view);
    if (has)
        put_fields(self, result, &view, column_types);
    kt_json_free(&document);
    return has;
}

static void
arg_texts(kt_sql_t *self, const kt_result_t *const *results, size_t n, int what)
{
    char time[KT_RFC3339_BYTES];
    kt_sql_array(self, KT_SQL_TEXT, n);
    for (size_t i = 0; i < n; i++)
        switch (what) {
        case KT_FIELD_STORED_AT: kt_sql_el_text(self, kt_clock_rfc3339(results[i]->wall_ms, time)); break;
        case KT_COLUMN_ERROR: kt_sql_el_text(self, results[i]->err ? kt_err_name(results[i]->err) : ""); break;
        default: kt_sql_el_clean(self, results[i]->detail, 512);
        }
    kt_sql_array_end(self);
}

// Failures without features, and such successes of paths that have rows.
static void
put_bare(kt_sql_t *self, const kt_result_t *const *results, size_t n)
{
    for (int what = 0; what < 2; what++) {
        kt_sql_array(self, KT_SQL_INT8, n);
        for (size_t i = 0; i < n; i++)
            kt_sql_el_int(self, what ? (int64_t)results[i]->id.run : (int64_t)results[i]->id.job);
        kt_sql_array_end(self);
    }
    arg_texts(self, results, n, KT_FIELD_STORED_AT);
    arg_texts(self, results, n, KT_COLUMN_ERROR);
    arg_texts(self, results, n, KT_COLUMN_ERROR_DETAIL);
    kt_sql_put(self, KT_SQL_FEATURES_BARE);
}

kt_err_t
kt_sql_put_features(kt_sql_t *self, const kt_sql_facts_t *facts, const kt_result_t *const *results, size_t n)
{
    kt_column_type_t    types[KT_SQL_FIELDS];
    const kt_result_t **bare   = malloc((n + 1) * sizeof *bare);
    size_t              n_rows = 0, n_bare = 0;
    if (!bare)
        return KT_ENOMEM;
    for (size_t i = 0; i < kt_columns_count(); i++)
        types[i] = kt_column_type(i);
    kt_sql_row_array(self, self->features->row_type);
    for (size_t i = 0; i < n; i++) {
        const kt_sql_fact_t *fact = facts ? kt_sql_facts_find(facts, results[i]->id.job) : NULL;
        if (put_row(self, results[i], types))
            n_rows++;
        else if (results[i]->err || !facts || (fact && fact->has_rows))
            bare[n_bare++] = results[i];
    }
    kt_sql_row_array_end(self, n_rows);
    if (n_rows || self->bytes.err)
        kt_sql_put(self, KT_SQL_FEATURES_PUT);
    if (n_bare)
        put_bare(self, bare, n_bare);
    free(bare);
    return KT_OK;
}

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
read_step(kt_sql_t *sql, fill_t *self)
{
    size_t   k   = kt_sql_put(sql, KT_SQL_FILL_STATE);
    kt_err_t err = kt_sql_run(sql);
    if (err || !kt_sql_rows(sql, k))
        return err ? err : KT_ESTATE;
    self->job  = (uint64_t)kt_sql_int(sql, k, 0, 0);
    self->run  = (uint32_t)kt_sql_int(sql, k, 0, 1);
    self->done = kt_sql_int(sql, k, 0, 2) != 0;
    if (self->done)
        return KT_OK;
    kt_sql_arg_u64(sql, self->job);
    kt_sql_arg_int(sql, self->run);
    kt_sql_arg_int(sql, FILL_ROWS);
    k   = kt_sql_put(sql, KT_SQL_FEATURES_MISSING);
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

static kt_err_t
fill_step(kt_sql_t *sql, fill_t *self)
{
    const kt_result_t *results[FILL_ROWS];
    kt_err_t           err = read_step(sql, self);
    if (err || self->done)
        return err;
    kt_sql_write(sql);
    for (size_t i = 0; i < self->n; i++)
        results[i] = &self->results[i];
    if (self->n && (err = kt_sql_put_features(sql, NULL, results, self->n)))
        return err;
    const kt_run_id_t last = self->n ? self->results[self->n - 1].id : (kt_run_id_t){self->job, self->run};
    self->done             = self->n < FILL_ROWS;
    kt_sql_arg_u64(sql, last.job);
    kt_sql_arg_int(sql, last.run);
    kt_sql_arg_int(sql, self->done);
    kt_sql_put(sql, KT_SQL_FILL_MOVE);
    return kt_sql_commit(sql);
}

kt_err_t
kt_sql_fill_features(kt_sql_t *self, uint64_t *filled)
{
    fill_t  *fill = calloc(1, sizeof *fill);
    kt_err_t err  = fill ? KT_OK : KT_ENOMEM;
    *filled       = 0;
    while (!err && !fill->done) {
        size_t n = 0;
        for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
            err = fill_step(self, fill);
            n   = fill->n;
            drop_documents(fill);
        }
        *filled += err ? 0 : n;
        if (!err && n && *filled % (FILL_ROWS * 256) < n)
            kt_log_info("LEDGER-FILL", "results=%llu text=\"their features are written into columns\"",
                        (unsigned long long)*filled);
    }
    free(fill);
    return err;
}
