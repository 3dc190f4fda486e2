// The shared settings: those that change a document's bytes (rows KT_SHARED of settings.def, all integers). A
// coordinator sends its values to its nodes, which replace their own. Any thread.
#pragma once

#include "common/settings.h"

enum {
#define KT_INT(...)
#define KT_SHARED(...) +1
#define KT_REAL(...)
#define KT_BOOL(...)
#define KT_TEXT(...)
#define KT_SECRET(...)
#define KT_ENUM(...)
    KT_SHARED_SETTINGS = 0
#include "common/settings.def"
#undef KT_INT
#undef KT_SHARED
#undef KT_REAL
#undef KT_BOOL
#undef KT_TEXT
#undef KT_SECRET
#undef KT_ENUM
};

// Of row i < KT_SHARED_SETTINGS, in the order of settings.def: its environment name, its value.
const char *kt_shared_setting_name(size_t i);
int64_t     kt_shared_setting_value(const kt_settings_t *settings, size_t i);

bool kt_settings_is_shared(const char *env);
bool kt_settings_same_shared(const kt_settings_t *a, const kt_settings_t *b);  // all shared ones are equal
