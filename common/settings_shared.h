// The shared settings: those that change a document's bytes (rows KT_SHARED and KT_SHARED_ENUM of settings.def). A
// coordinator sends its values, as text, to its nodes, which replace their own. Any thread.
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
#define KT_SHARED_ENUM(...) +1
    KT_SHARED_SETTINGS = 0
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

enum { KT_SHARED_TEXT = 64 };  // bytes of a value as text, with NUL

// Of row i < KT_SHARED_SETTINGS, in the order of settings.def: its environment name; its value, as kt_settings_set
// reads it. Both return a text, kt_shared_setting_text returns out.
const char *kt_shared_setting_name(size_t i);
const char *kt_shared_setting_text(const kt_settings_t *settings, size_t i, char out[KT_SHARED_TEXT]);

bool kt_settings_is_shared(const char *env);
bool kt_settings_same_shared(const kt_settings_t *a, const kt_settings_t *b);  // all shared ones are equal
