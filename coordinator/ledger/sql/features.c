// Rows of features, and vectors, into the writing pipeline.
#include "coordinator/ledger/sql/features.h"

#include "common/clock.h"

// Which messages a list of parameters is of.
typedef enum list { ROWS, BARE, VECTORS } list_t;

static bool
is_chosen(const kt_sql_message_t *message, list_t list)
{
    switch (list) {
    case ROWS: return message->stored && message->has_row;
    case BARE: return message->stored && message->bare;
    default: return message->stored && message->has_vector;
    }
}

static size_t
count_chosen(const kt_sql_messages_t *messages, list_t list)
{
    size_t n = 0;
    for (size_t i = 0; i < messages->n; i++)
        n += is_chosen(&messages->at[i], list);
    return n;
}

// Job and run of each.
static void
arg_ids(kt_sql_t *self, const kt_sql_messages_t *messages, list_t list, size_t n)
{
    for (int what = 0; what < 2; what++) {
        kt_sql_array(self, KT_SQL_INT8, n);
        for (size_t i = 0; i < messages->n; i++)
            if (is_chosen(&messages->at[i], list))
                kt_sql_el_int(self,
                              what ? (int64_t)messages->at[i].result->id.run : (int64_t)messages->at[i].result->id.job);
        kt_sql_array_end(self);
    }
}

static void
arg_texts(kt_sql_t *self, const kt_sql_messages_t *messages, size_t n, int what)
{
    char time[KT_RFC3339_BYTES];
    kt_sql_array(self, KT_SQL_TEXT, n);
    for (size_t i = 0; i < messages->n; i++) {
        const kt_result_t *result = messages->at[i].result;
        if (!is_chosen(&messages->at[i], BARE))
            continue;
        switch (what) {
        case KT_FIELD_STORED_AT: kt_sql_el_text(self, kt_clock_rfc3339(result->wall_ms, time)); break;
        case KT_COLUMN_ERROR: kt_sql_el_text(self, result->err ? kt_err_name(result->err) : ""); break;
        default: kt_sql_el_clean(self, result->detail, 512);
        }
    }
    kt_sql_array_end(self);
}

// Failures without features, and such successes of paths that have rows.
static void
put_bare(kt_sql_t *self, const kt_sql_messages_t *messages)
{
    const size_t n = count_chosen(messages, BARE);
    if (!n)
        return;
    arg_ids(self, messages, BARE, n);
    arg_texts(self, messages, n, KT_FIELD_STORED_AT);
    arg_texts(self, messages, n, KT_COLUMN_ERROR);
    arg_texts(self, messages, n, KT_COLUMN_ERROR_DETAIL);
    kt_sql_put(self, KT_SQL_FEATURES_BARE);
}

static void
arg_slices(kt_sql_t *self, const kt_sql_messages_t *messages, size_t n, kt_sql_type_t type)
{
    kt_sql_array(self, type, n);
    for (size_t i = 0; i < messages->n; i++) {
        const kt_sql_message_t *message = &messages->at[i];
        const kt_sql_slice_t    slice   = type == KT_SQL_TEXT ? message->method : message->vector;
        if (is_chosen(message, VECTORS))
            kt_sql_el_bytes(self, messages->bytes.bytes + slice.at, slice.length);
    }
    kt_sql_array_end(self);
}

void
kt_sql_put_vectors(kt_sql_t *self, const kt_sql_messages_t *messages)
{
    const size_t n = count_chosen(messages, VECTORS);
    if (!n)
        return;
    arg_ids(self, messages, VECTORS, n);
    arg_slices(self, messages, n, KT_SQL_TEXT);
    arg_slices(self, messages, n, KT_SQL_BYTEA);
    kt_sql_put(self, KT_SQL_VECTORS_PUT);
}

void
kt_sql_put_features(kt_sql_t *self, const kt_sql_messages_t *messages)
{
    const size_t n = count_chosen(messages, ROWS);
    if (n) {
        kt_sql_row_array(self, self->features->row_type);
        for (size_t i = 0; i < messages->n; i++)
            if (is_chosen(&messages->at[i], ROWS))
                kt_sql_put_bytes(self, messages->bytes.bytes + messages->at[i].row.at, messages->at[i].row.length);
        kt_sql_row_array_end(self, n);
        kt_sql_put(self, KT_SQL_FEATURES_PUT);
    }
    put_bare(self, messages);
}
