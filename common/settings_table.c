#include "common/settings_table.h"

#include "common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NAME_BYTES = 64, CHOICE_BYTES = 64, PERMITS_BYTES = 160, SHOWN_BYTES = 80 };

#define ROW(env, kind, name, ...) {env, KT_SETTING_##kind, offsetof(kt_settings_t, name), __VA_ARGS__},
const kt_setting_row_t KT_SETTING_TABLE[KT_SETTING_ROWS] = {
#define KT_INT(env, name, min, max, def, unit, meaning)                                                                \
    ROW(env, INT, name, min, max, 0, 0, 0, NULL, #def, unit, meaning)
#define KT_SHARED KT_INT
#define KT_REAL(env, name, min, max, def, unit, meaning)                                                               \
    ROW(env, REAL, name, 0, 0, min, max, 0, NULL, #def, unit, meaning)
#define KT_BOOL(env, name, def, meaning) ROW(env, BOOL, name, 0, 0, 0, 0, 0, NULL, #def, "", meaning)
#define KT_TEXT(env, name, max_bytes, def, meaning) ROW(env, TEXT, name, 0, 0, 0, 0, max_bytes, NULL, def, "", meaning)
#define KT_SECRET(env, name, max_bytes, def, meaning)                                                                  \
    ROW(env, SECRET, name, 0, 0, 0, 0, max_bytes, NULL, def, "", meaning)
#define KT_ENUM(env, name, choices, def, meaning) ROW(env, ENUM, name, 0, 0, 0, 0, 0, choices, def, "", meaning)
#define KT_SHARED_ENUM KT_ENUM
#include "common/settings.def"
};
#undef KT_INT
#undef KT_SHARED
#undef KT_REAL
#undef KT_BOOL
#undef KT_TEXT
#undef KT_SECRET
#undef KT_ENUM
#undef KT_SHARED_ENUM

bool
kt_setting_has_auto(const kt_setting_row_t *row)
{
    return row->kind == KT_SETTING_INT && strcmp(row->default_text, "auto") == 0;
}

int
kt_setting_find(const char *env)
{
    for (int row = 0; row < KT_SETTING_ROWS; row++)
        if (strcmp(KT_SETTING_TABLE[row].env, env) == 0)
            return row;
    return -1;
}

static size_t
smaller_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Levenshtein distance; both names are shorter than NAME_BYTES.
static size_t
edit_distance(const char *a, const char *b)
{
    size_t costs[NAME_BYTES];
    size_t length = strlen(b);
    for (size_t j = 0; j <= length; j++)
        costs[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = costs[0];
        costs[0]        = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t swapped = diagonal + (a[i] != b[j]);
            diagonal       = costs[j + 1];
            costs[j + 1]   = smaller_size(swapped, smaller_size(costs[j], costs[j + 1]) + 1);
        }
    }
    return costs[length];
}

const char *
kt_setting_nearest(const char *env)
{
    const char *nearest = NULL;
    size_t      length  = strnlen(env, NAME_BYTES);
    size_t      best    = 1 + length / 3;  // a name with more than a third changed is not a typing error
    if (length >= NAME_BYTES)
        return NULL;
    for (int row = 0; row < KT_SETTING_ROWS; row++) {
        size_t far = edit_distance(env, KT_SETTING_TABLE[row].env);
        if (far < best) {
            best    = far;
            nearest = KT_SETTING_TABLE[row].env;
        }
    }
    return nearest;
}

const char *
kt_setting_permits(int row, char *out, size_t capacity)
{
    const kt_setting_row_t *r = &KT_SETTING_TABLE[row];
    switch (r->kind) {
    case KT_SETTING_INT:
        snprintf(out, capacity, "%s%lld to %lld", kt_setting_has_auto(r) ? "auto, or " : "", (long long)r->min,
                 (long long)r->max);
        break;
    case KT_SETTING_REAL: snprintf(out, capacity, "%g to %g", r->min_real, r->max_real); break;
    case KT_SETTING_BOOL: snprintf(out, capacity, "true or false"); break;
    case KT_SETTING_TEXT:
    case KT_SETTING_SECRET: snprintf(out, capacity, "at most %zu bytes", r->max_bytes); break;
    case KT_SETTING_ENUM: snprintf(out, capacity, "%s", r->choices); break;
    }
    for (char *at = out; r->kind == KT_SETTING_ENUM && (at = strchr(at, '|'));)
        *at = ',';
    return out;
}

static bool
to_bool(const char *text, bool *out)
{
    static const char *const words[2][4] = {{"false", "no", "off", "0"}, {"true", "yes", "on", "1"}};
    for (int value = 0; value < 2; value++)
        for (int i = 0; i < 4; i++)
            if (strcasecmp(text, words[value][i]) == 0) {
                *out = value;
                return true;
            }
    return false;
}

// The choice in the spelling of the table; NULL if there is no such choice.
static const char *
to_choice(const kt_setting_row_t *r, const char *text, char choice[CHOICE_BYTES])
{
    if (strcmp(r->env, "ANALYZER_LOG_LEVEL") == 0 && strcasecmp(text, "WARN") == 0)
        text = "WARNING";
    for (const char *at = r->choices; *at;) {
        size_t length = strcspn(at, "|");
        if (length < CHOICE_BYTES && strlen(text) == length && strncasecmp(text, at, length) == 0) {
            memcpy(choice, at, length);
            choice[length] = '\0';
            return choice;
        }
        at += length + (at[length] == '|');
    }
    return NULL;
}

// Values are written to logs and files, so they have no control characters.
static bool
is_permitted_text(const kt_setting_row_t *r, const char *text)
{
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            return false;
    return strlen(text) <= r->max_bytes;
}

static kt_err_t
put_setting_text(kt_settings_t *self, int row, const char *text)
{
    const kt_setting_row_t *r      = &KT_SETTING_TABLE[row];
    kt_settings_memory_t   *memory = self->memory;
    char                   *copy   = strdup(text);
    if (!copy)
        return KT_ENOMEM;
    free(memory->texts[row]);
    memory->texts[row]                         = copy;
    *(const char **)((char *)self + r->offset) = copy;
    return KT_OK;
}

static kt_err_t
put_setting_value(kt_settings_t *self, int row, const char *text)
{
    const kt_setting_row_t *r      = &KT_SETTING_TABLE[row];
    void                   *member = (char *)self + r->offset;
    char                    choice[CHOICE_BYTES];
    switch (r->kind) {
    case KT_SETTING_INT:
        if (kt_setting_has_auto(r) && strcasecmp(text, "auto") == 0) {
            *(int64_t *)member = 0;
            return KT_OK;
        }
        return kt_text_to_i64(text, r->min, r->max, member);
    case KT_SETTING_REAL: return kt_text_to_f64(text, r->min_real, r->max_real, member);
    case KT_SETTING_BOOL: return to_bool(text, member) ? KT_OK : KT_EINVAL;
    case KT_SETTING_ENUM: return to_choice(r, text, choice) ? put_setting_text(self, row, choice) : KT_EINVAL;
    default: return is_permitted_text(r, text) ? put_setting_text(self, row, text) : KT_EINVAL;
    }
}

kt_err_t
kt_setting_put(kt_settings_t *self, int row, const char *text, kt_setting_source_t source, char why[KT_SETTINGS_WHY])
{
    const kt_setting_row_t *r = &KT_SETTING_TABLE[row];
    char                    permits[PERMITS_BYTES], shown[SHOWN_BYTES], reason[KT_TEST_FAULT_WHY];
    kt_test_faults_t        faults = self->test_faults;
    int64_t                 n_fft;
    kt_err_t                err;
    if (row == KT_SETTING_ROW_test_fault && kt_test_faults_parse(&faults, KT_TEST_FAULT_IN_ANALYSIS, text, reason)) {
        snprintf(why, KT_SETTINGS_WHY, "%s: %s", r->env, reason);
        return KT_ESETTING;
    }
    // The kernels require a power of two, which bounds cannot express.
    if (row == KT_SETTING_ROW_n_fft && !kt_text_to_i64(text, 1, INT64_MAX, &n_fft) && (n_fft & (n_fft - 1)))
        err = KT_EINVAL;
    else
        err = put_setting_value(self, row, text);
    if (!err) {
        self->test_faults                                    = faults;
        ((kt_settings_memory_t *)self->memory)->sources[row] = (uint8_t)source;
        return KT_OK;
    }
    kt_text_sanitize(shown, sizeof shown, text, strlen(text));
    snprintf(why, KT_SETTINGS_WHY, "%s=%s is not permitted: %s%s%s%s", r->env,
             r->kind == KT_SETTING_SECRET ? "***" : shown, kt_setting_permits(row, permits, sizeof permits),
             *r->unit ? " " : "", r->unit,
             row == KT_SETTING_ROW_n_fft                                  ? ", a power of two"
             : r->kind == KT_SETTING_TEXT || r->kind == KT_SETTING_SECRET ? " without control characters"
                                                                          : "");
    if (err == KT_ENOMEM)
        snprintf(why, KT_SETTINGS_WHY, "%s: out of memory", r->env);
    return err == KT_ENOMEM ? err : KT_ESETTING;
}
