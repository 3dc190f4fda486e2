// kt_buf -- a growing byte buffer with a hard bound, in which messages and documents are built. One thread. A failed
// append leaves the content unchanged and sets err, so that a chain of appends is checked once, at the end.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct kt_buf {
    char    *bytes;  // NULL before the first append; NUL-terminated beyond `length`
    size_t   length;
    size_t   capacity;
    size_t   max_bytes;
    kt_err_t err;  // KT_OK, or the first failure: KT_ENOMEM, KT_EFULL (would pass max_bytes)
} kt_buf_t;

void  kt_buf_init(kt_buf_t *self, size_t max_bytes);  // allocates nothing yet
void  kt_buf_fini(kt_buf_t *self);                    // idempotent
void  kt_buf_clear(kt_buf_t *self);                   // keeps the memory, resets err
void  kt_buf_add(kt_buf_t *self, const void *bytes, size_t length);
void  kt_buf_str(kt_buf_t *self, const char *text);
void  kt_buf_fmt(kt_buf_t *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *kt_buf_take(kt_buf_t *self, size_t *length);  // the bytes (free() them), NULL if an append failed; empties self
