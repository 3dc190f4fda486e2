// kt_json -- jansson behind a few helpers, so that other code uses only json_t in
// signatures. Parsing is bounded in bytes and depth; non-finite numbers are rejected.
#pragma once

#include "common/buf.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct json_t json_t;

enum { KT_JSON_WHY = 256 };

// The whole text is one JSON object, at most max_bytes, no duplicate keys. why: "line 3: ..." on failure. KT_EMESSAGE.
KT_MUST_USE kt_err_t kt_json_parse(const char *text, size_t length, size_t max_bytes, json_t **out,
                                   char why[KT_JSON_WHY]);
// The same for a reader that needs no tree of the whole: what is left out is checked, but for names that come twice,
// and most often missing from the tree. Most of a message about a file without sound is such.
typedef struct kt_json_leave {
    const char *scalars_of;  // the root's member whose texts, numbers and words are left out
    const char *nulls_of;    // the root's member in whose objects' members nulls are left out
} kt_json_leave_t;
KT_MUST_USE kt_err_t kt_json_parse_part(const char *text, size_t length, size_t max_bytes, const kt_json_leave_t *leave,
                                        json_t **out, char why[KT_JSON_WHY]);
// The quick parser that kt_json_parse tries first, for its test. NULL: the text is no JSON, or nested more than
// max_depth, or has what ordinary messages do not have: \u escapes, integers of 19 digits, duplicate keys.
json_t *kt_json_read(const char *text, size_t length, size_t max_depth);
// One line, keys in insertion order, reals with 9 significant digits. Appends to out (check its err).
void kt_json_write(const json_t *value, kt_buf_t *out);
// The same for other programs: indented lines, reals with 17 digits, so that they are read back as the same number.
void kt_json_write_exact(const json_t *value, kt_buf_t *out);
void kt_json_free(json_t **value_p);

// Building. NULL or false: out of memory. A real that is not finite becomes null.
json_t *kt_json_object(void);
json_t *kt_json_array(void);
bool    kt_json_set(json_t *object, const char *key, json_t *value);  // steals value; false if value is NULL
bool    kt_json_append(json_t *array, json_t *value);                 // steals value
json_t *kt_json_real(double value);                                   // null when not finite
json_t *kt_json_int(int64_t value);
json_t *kt_json_bool(bool value);
json_t *kt_json_text(const char *text);  // NULL text: null; not UTF-8: sanitised
json_t *kt_json_null(void);

// Reading: the member if it is there and of the type, else the fallback.
const json_t *kt_json_get(const json_t *object, const char *key);
const json_t *kt_json_at(const json_t *array, size_t index);
size_t        kt_json_count(const json_t *array_or_object);
const char   *kt_json_key(const json_t *object, size_t index);  // in insertion order; O(index)
const char   *kt_json_str(const json_t *object, const char *key, const char *fallback);
int64_t       kt_json_i64(const json_t *object, const char *key, int64_t fallback);
double        kt_json_f64(const json_t *object, const char *key, double fallback);
bool          kt_json_flag(const json_t *object, const char *key, bool fallback);

// One value.
typedef enum kt_json_kind {
    KT_JSON_NONE,  // NULL: no such member
    KT_JSON_NULL,
    KT_JSON_BOOL,
    KT_JSON_INT,
    KT_JSON_REAL,
    KT_JSON_TEXT,
    KT_JSON_ARRAY,
    KT_JSON_OBJECT,
} kt_json_kind_t;
kt_json_kind_t kt_json_kind(const json_t *value);
const char    *kt_json_string(const json_t *value);  // NULL: not a text
bool           kt_json_integer(const json_t *value, int64_t *out);
bool           kt_json_boolean(const json_t *value, bool *out);
bool           kt_json_is_null(const json_t *value);
bool           kt_json_number(const json_t *value, double *out);  // of an integer or real
void           kt_json_plain(const json_t *value, char *out,
                             size_t capacity);     // a text unquoted, "yes"/"no", else JSON; truncated
json_t        *kt_json_copy(const json_t *value);  // deep
