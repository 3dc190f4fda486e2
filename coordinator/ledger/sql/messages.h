// kt_sql_messages -- what is stored of the messages of a group of results. Each message is parsed once: its row of
// features, its vector and the members that say whose it is are kept as bytes, and the tree is freed. Private to
// ledger/. One thread.
#pragma once

#include "coordinator/ledger/sql/sql.h"

// A text or bytes within kt_sql_messages_t.bytes.
typedef struct kt_sql_slice {
    size_t at, length;
} kt_sql_slice_t;

typedef struct kt_sql_message {
    const kt_result_t *result;
    bool               has_row, has_vector;
    bool               whole;                  // it is a JSON object
    kt_sql_slice_t     message_id, file_path;  // of length 0: it has none
    bool               stored, bare;    // the caller's: it is stored; its row of features holds only how it ended
    kt_sql_slice_t     row;             // as a row of feature_rows in the database's format
    kt_sql_slice_t     vector, method;  // doubles, little-endian
} kt_sql_message_t;

typedef struct kt_sql_messages {
    kt_sql_message_t *at;  // as the results
    size_t            n;
    kt_buf_t          bytes;
} kt_sql_messages_t;

// A stored message of an answer, malloc'ed. What is no JSON object, because somebody changed it, is left out: *damaged.
KT_MUST_USE kt_err_t kt_sql_message(const kt_sql_t *self, size_t k, size_t row, int column, char **out, size_t *length,
                                    bool *damaged);
// Within a try, before its first parameter: the columns of a row are those of the connection. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_sql_messages_read(kt_sql_t *self, const kt_result_t *results, size_t n, kt_sql_messages_t *out);
void                 kt_sql_messages_fini(kt_sql_messages_t *self);
