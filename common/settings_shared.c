#include "common/settings_shared.h"

#include "common/settings_table.h"

#include <stdio.h>
#include <string.h>

static const int ROWS[KT_SHARED_SETTINGS] = {
#define KT_INT(...)
#define KT_SHARED(env, name, ...) KT_SETTING_ROW_##name,
#define KT_REAL(...)
#define KT_BOOL(...)
#define KT_TEXT(...)
#define KT_SECRET(...)
#define KT_ENUM(...)
#define KT_SHARED_ENUM KT_SHARED
#include "common/settings.def"
#undef KT_INT
#undef KT_SHARED
#undef KT_REAL
#undef KT_BOOL
#undef KT_TEXT
#undef KT_SECRET
#undef KT_ENUM
#undef KT_SHARED_ENUM
};

const char *
kt_shared_setting_name(size_t i)
{
    return KT_SETTING_TABLE[ROWS[i]].env;
}

const char *
kt_shared_setting_text(const kt_settings_t *settings, size_t i, char out[KT_SHARED_TEXT])
{
    const kt_setting_row_t *row    = &KT_SETTING_TABLE[ROWS[i]];
    const void             *member = (const char *)settings + row->offset;
    if (row->kind == KT_SETTING_INT)
        snprintf(out, KT_SHARED_TEXT, "%lld", (long long)*(const int64_t *)member);
    else
        snprintf(out, KT_SHARED_TEXT, "%s", *(const char *const *)member);
    return out;
}

bool
kt_settings_is_shared(const char *env)
{
    for (size_t i = 0; i < KT_SHARED_SETTINGS; i++)
        if (strcmp(kt_shared_setting_name(i), env) == 0)
            return true;
    return false;
}

bool
kt_settings_same_shared(const kt_settings_t *a, const kt_settings_t *b)
{
    char of_a[KT_SHARED_TEXT], of_b[KT_SHARED_TEXT];
    for (size_t i = 0; i < KT_SHARED_SETTINGS; i++)
        if (strcmp(kt_shared_setting_text(a, i, of_a), kt_shared_setting_text(b, i, of_b)) != 0)
            return false;
    return true;
}
