// kt_curve -- CURVE key pairs and the two files of a pair. Any thread.
#pragma once

#include "common/err.h"

#include <stdbool.h>

enum { KT_CURVE_TEXT = 41 };

typedef struct kt_curve {
    char public_key[KT_CURVE_TEXT];  // Z85
    char secret_key[KT_CURVE_TEXT];
} kt_curve_t;

KT_MUST_USE kt_err_t kt_curve_new(kt_curve_t *out);
bool                 kt_curve_is_key(const char *text);  // 40 characters of Z85
// Reads PATH.public and PATH.secret (mode 0600); makes them, and their folder (mode 0700), if they are missing. Several
// processes that start at once get the same pair. KT_EIO, KT_EDISK, KT_EACCESS, KT_EINVAL (damaged, or the keys do not
// belong together).
KT_MUST_USE kt_err_t kt_curve_load_or_make(const char *path, kt_curve_t *out);
