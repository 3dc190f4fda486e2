// A message is parsed once, and each value is checked against the feature table and encoded.
#include "coordinator/ledger/sql/messages.h"

#include "common/clock.h"
#include "common/text.h"
#include "coordinator/ledger/sql/features.h"
#include "coordinator/ledger/vectors.h"
#include "proto/document.h"
#include "proto/json_scan.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum { VECTOR = KT_COLUMN_FEATURES + (int)KT_FEATURE_VECTORS_combined_vector };
enum { OID_FLOAT4 = 700, OID_TEXT = 25 };
static const kt_json_leave_t UNREAD        = {.scalars_of = "reasons", .nulls_of = "features"};
static const int64_t         EPOCH_2000_MS = 946684800000;  // from which PostgreSQL counts microseconds

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
        any |= kt_json_count(view->groups[group]) > 0;
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

static kt_sql_slice_t
keep_bytes(kt_sql_messages_t *self, const void *bytes, size_t length)
{
    const kt_sql_slice_t slice = {self->bytes.length, length};
    if (length)
        kt_buf_add(&self->bytes, bytes, length);
    return slice;
}

static kt_sql_slice_t
keep_text(kt_sql_messages_t *self, const json_t *document, const char *name)
{
    const char *text = kt_json_str(document, name, "");
    return keep_bytes(self, text, strlen(text));
}

// The row is encoded where parameters are, and taken from there.
static void
keep_row(kt_sql_t *sql, kt_sql_messages_t *self, kt_sql_message_t *message, const kt_columns_view_t *view,
         const kt_column_type_t *column_types)
{
    if (!(message->has_row = has_features(view)))
        return;
    put_fields(sql, message->result, view, column_types);
    if (sql->bytes.err)
        self->bytes.err = sql->bytes.err;
    else
        message->row = keep_bytes(self, sql->bytes.bytes, sql->bytes.length);
    kt_buf_clear(&sql->bytes);
}

static void
keep_vector(kt_sql_messages_t *self, kt_sql_message_t *message, const kt_columns_view_t *view)
{
    uint64_t      wire[KT_VECTOR_MOST];
    const json_t *list   = kt_columns_value(view, VECTOR);
    const char   *method = kt_json_str(kt_json_get(view->document, "methods"), "combined_vector", "");
    const size_t  n      = kt_json_count(list);
    if (!n || n > KT_VECTOR_MOST || strlen(method) >= KT_VECTOR_METHOD)
        return;
    for (size_t i = 0; i < n; i++) {
        double number = 0;
        (void)kt_json_number(kt_json_at(list, i), &number);
        memcpy(&wire[i], &number, sizeof number);
        wire[i] = htole64(wire[i]);
    }
    message->has_vector = true;
    message->vector     = keep_bytes(self, wire, n * sizeof *wire);
    message->method     = keep_bytes(self, method, strlen(method));
}

static void
read_message(kt_sql_t *sql, kt_sql_messages_t *self, kt_sql_message_t *message, const kt_column_type_t *column_types)
{
    char               why[KT_JSON_WHY];
    json_t            *document = NULL;
    kt_columns_view_t  view;
    const kt_result_t *result = message->result;
    kt_err_t           err    = KT_OK;
    if (result->document_bytes)
        err = kt_json_parse_part(result->document, result->document_bytes, KT_SQL_BYTES, &UNREAD, &document, why);
    if (err == KT_ENOMEM)
        self->bytes.err = err;
    message->whole      = document != NULL;
    message->message_id = keep_text(self, document, "message_id");
    message->file_path  = keep_text(self, document, "file_path");
    kt_columns_view_of(document, &view);
    keep_row(sql, self, message, &view, column_types);
    keep_vector(self, message, &view);
    kt_json_free(&document);
}

kt_err_t
kt_sql_messages_read(kt_sql_t *self, const kt_result_t *results, size_t n, kt_sql_messages_t *out)
{
    kt_column_type_t types[KT_SQL_FIELDS];
    *out = (kt_sql_messages_t){.at = calloc(n + 1, sizeof *out->at), .n = n};
    kt_buf_init(&out->bytes, KT_SQL_BYTES);
    if (!out->at)
        return KT_ENOMEM;
    for (size_t i = 0; i < kt_columns_count(); i++)
        types[i] = kt_column_type(i);
    for (size_t i = 0; i < n && !out->bytes.err; i++) {
        out->at[i].result = &results[i];
        read_message(self, out, &out->at[i], types);
    }
    return out->bytes.err == KT_EFULL ? KT_EBADDATA : out->bytes.err;
}

void
kt_sql_messages_fini(kt_sql_messages_t *self)
{
    free(self->at);
    kt_buf_fini(&self->bytes);
    *self = (kt_sql_messages_t){0};
}

kt_err_t
kt_sql_message(const kt_sql_t *self, size_t k, size_t row, int column, char **out, size_t *length, bool *damaged)
{
    const char *bytes = kt_sql_cell(self, k, row, column, length);
    *damaged          = !bytes || !kt_json_is_object(bytes, *length);
    if (!*damaged)
        return kt_sql_copy(self, k, row, column, out, length);
    *length = 0;
    return KT_OK;
}
