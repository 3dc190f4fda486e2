#include "common/settings_shared.h"

#include <string.h>

static const struct {
    const char *env;
    size_t      offset;  // of an int64_t in kt_settings_t
} ROWS[KT_SHARED_SETTINGS] = {
#define KT_INT(...)
#define KT_SHARED(env, name, ...) {env, offsetof(kt_settings_t, name)},
#define KT_REAL(...)
#define KT_BOOL(...)
#define KT_TEXT(...)
#define KT_SECRET(...)
#define KT_ENUM(...)
#include "common/settings.def"
#undef KT_INT
#undef KT_SHARED
#undef KT_REAL
#undef KT_BOOL
#undef KT_TEXT
#undef KT_SECRET
#undef KT_ENUM
};

const char *
kt_shared_setting_name(size_t i)
{
    return ROWS[i].env;
}

int64_t
kt_shared_setting_value(const kt_settings_t *settings, size_t i)
{
    return *(const int64_t *)(const void *)((const char *)settings + ROWS[i].offset);
}

bool
kt_settings_is_shared(const char *env)
{
    for (size_t i = 0; i < KT_SHARED_SETTINGS; i++)
        if (strcmp(ROWS[i].env, env) == 0)
            return true;
    return false;
}

bool
kt_settings_same_shared(const kt_settings_t *a, const kt_settings_t *b)
{
    for (size_t i = 0; i < KT_SHARED_SETTINGS; i++)
        if (kt_shared_setting_value(a, i) != kt_shared_setting_value(b, i))
            return false;
    return true;
}
