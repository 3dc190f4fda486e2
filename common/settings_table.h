// Private to common/settings*.c: the rows of settings.def as data, and the checks of one value.
#pragma once

#include "common/err.h"
#include "common/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum kt_setting_kind {
    KT_SETTING_INT,
    KT_SETTING_REAL,
    KT_SETTING_BOOL,
    KT_SETTING_TEXT,
    KT_SETTING_SECRET,
    KT_SETTING_ENUM
} kt_setting_kind_t;

typedef enum kt_setting_source {
    KT_SETTING_DEFAULT,
    KT_SETTING_FILE,
    KT_SETTING_ENVIRONMENT,
    KT_SETTING_SET
} kt_setting_source_t;

typedef struct kt_setting_row {
    const char       *env;
    kt_setting_kind_t kind;
    size_t            offset;              // of the member in kt_settings_t
    int64_t           min, max;            // INT
    double            min_real, max_real;  // REAL
    size_t            max_bytes;           // TEXT, SECRET
    const char       *choices;             // ENUM: "a|b"
    const char       *default_text;
    const char       *unit;
    const char       *meaning;
} kt_setting_row_t;

enum {
// one index per row, and the number of rows
#define KT_INT(env, name, ...) KT_SETTING_ROW_##name,
#define KT_SHARED KT_INT
#define KT_REAL(env, name, ...) KT_SETTING_ROW_##name,
#define KT_BOOL(env, name, ...) KT_SETTING_ROW_##name,
#define KT_TEXT(env, name, ...) KT_SETTING_ROW_##name,
#define KT_SECRET(env, name, ...) KT_SETTING_ROW_##name,
#define KT_ENUM(env, name, ...) KT_SETTING_ROW_##name,
#define KT_SHARED_ENUM KT_ENUM
#include "common/settings.def"
#undef KT_INT
#undef KT_SHARED
#undef KT_REAL
#undef KT_BOOL
#undef KT_TEXT
#undef KT_SECRET
#undef KT_ENUM
#undef KT_SHARED_ENUM
    KT_SETTING_ROWS
};

extern const kt_setting_row_t KT_SETTING_TABLE[KT_SETTING_ROWS];

// What kt_settings_t.memory points to.
typedef struct kt_settings_memory {
    char   *texts[KT_SETTING_ROWS];    // of TEXT, SECRET and ENUM rows
    uint8_t sources[KT_SETTING_ROWS];  // kt_setting_source_t
} kt_settings_memory_t;

// Does the row permit the word auto, for which the member is 0?
bool kt_setting_has_auto(const kt_setting_row_t *row);
// The row with this name, -1 if there is none.
int kt_setting_find(const char *env);
// The name nearest to an unknown one, NULL if none is similar.
const char *kt_setting_nearest(const char *env);

// Checks the text and sets the member; frees the old text. why: a sentence part.
KT_MUST_USE kt_err_t kt_setting_put(kt_settings_t *self, int row, const char *text, kt_setting_source_t source,
                                    char why[KT_SETTINGS_WHY]);
// The permitted values: "1 to 256", "auto, or 1 to 256", "DEBUG, INFO", "true or false", "at most 64 bytes".
const char *kt_setting_permits(int row, char *out, size_t capacity);
