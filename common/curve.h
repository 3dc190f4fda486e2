// kt_curve -- CURVE key pairs and the two files that hold one. Any thread.
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
// PATH.public and PATH.secret (mode 0600), in a folder that is made when missing (mode 0700); made when missing, whole
// or not at all, and one pair for all when several processes start at once. KT_EIO, KT_EDISK, KT_EACCESS, KT_EINVAL
// (damaged, or the two are no pair).
KT_MUST_USE kt_err_t kt_curve_load_or_make(const char *path, kt_curve_t *out);
