#include "common/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 256 };

void
kt_buf_init(kt_buf_t *self, size_t max_bytes)
{
    *self = (kt_buf_t){.max_bytes = max_bytes};
}

void
kt_buf_fini(kt_buf_t *self)
{
    free(self->bytes);
    kt_buf_init(self, self->max_bytes);
}

void
kt_buf_clear(kt_buf_t *self)
{
    self->length = 0;
    self->err    = KT_OK;
    if (self->bytes)
        self->bytes[0] = '\0';
}

static bool
buf_fail(kt_buf_t *self, kt_err_t err)
{
    self->err = err;
    return false;
}

// Reserves `more` bytes and the NUL. After a failure every append fails, so that the content has no gaps.
static bool
buf_reserve(kt_buf_t *self, size_t more)
{
    if (self->err)
        return false;
    if (more > self->max_bytes - self->length)
        return buf_fail(self, KT_EFULL);
    size_t need = self->length + more;
    if (need < self->capacity)
        return true;
    size_t capacity = self->capacity ? self->capacity : FIRST_BYTES;
    while (capacity <= need && capacity <= SIZE_MAX / 2)
        capacity *= 2;
    if (capacity <= need)
        return buf_fail(self, KT_ENOMEM);
    char *bytes = realloc(self->bytes, capacity);
    if (!bytes)
        return buf_fail(self, KT_ENOMEM);
    self->bytes    = bytes;
    self->capacity = capacity;
    return true;
}

void
kt_buf_add(kt_buf_t *self, const void *bytes, size_t length)
{
    if (!buf_reserve(self, length))
        return;
    if (length)
        memcpy(self->bytes + self->length, bytes, length);
    self->length += length;
    self->bytes[self->length] = '\0';
}

void
kt_buf_str(kt_buf_t *self, const char *text)
{
    kt_buf_add(self, text, strlen(text));
}

void
kt_buf_fmt(kt_buf_t *self, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0) {
        if (!self->err)
            self->err = KT_ENOMEM;
    } else if (buf_reserve(self, (size_t)length)) {
        vsnprintf(self->bytes + self->length, (size_t)length + 1, format, again);
        self->length += (size_t)length;
    }
    va_end(again);
    va_end(arguments);
}

char *
kt_buf_take(kt_buf_t *self, size_t *length)
{
    kt_buf_add(self, "", 0);  // so that an empty buffer gives an empty text
    if (self->err) {
        kt_buf_fini(self);
        return NULL;
    }
    char *bytes = self->bytes;
    if (length)
        *length = self->length;
    kt_buf_init(self, self->max_bytes);
    return bytes;
}
