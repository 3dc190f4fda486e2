// Parameters in PostgreSQL's binary formats: numbers are big-endian; an array is dimensions, a flag for nulls, the
// element's type, length and lower bound, then each element as length and bytes.
// Source: PostgreSQL 15, src/backend/utils/adt/arrayfuncs.c (array_send), and the send functions of the types.
#include "common/text.h"
#include "coordinator/ledger/sql/sql.h"

#include <endian.h>
#include <string.h>

static void
add_u32(kt_sql_t *self, uint32_t value)
{
    uint32_t wire = htobe32(value);
    kt_buf_add(&self->bytes, &wire, sizeof wire);
}

static void
add_u64(kt_sql_t *self, uint64_t value)
{
    uint64_t wire = htobe64(value);
    kt_buf_add(&self->bytes, &wire, sizeof wire);
}

static kt_sql_arg_t *
new_arg(kt_sql_t *self, kt_sql_type_t type)
{
    if (self->n_args == KT_SQL_ARGS) {
        self->bytes.err = KT_EFULL;
        self->n_args--;
    }
    kt_sql_arg_t *arg = &self->args[self->n_args++];
    *arg              = (kt_sql_arg_t){.type = type, .at = self->bytes.length};
    return arg;
}

static void
end_arg(kt_sql_t *self)
{
    kt_sql_arg_t *arg = &self->args[self->n_args - 1];
    arg->length       = self->bytes.length - arg->at;
}

void
kt_sql_arg_int(kt_sql_t *self, int64_t value)
{
    new_arg(self, KT_SQL_INT8);
    add_u64(self, (uint64_t)value);
    end_arg(self);
}

void
kt_sql_arg_u64(kt_sql_t *self, uint64_t value)
{
    kt_sql_arg_int(self, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

void
kt_sql_arg_bytes(kt_sql_t *self, const void *bytes, size_t length)
{
    new_arg(self, KT_SQL_BYTEA);
    kt_buf_add(&self->bytes, bytes ? bytes : "", length);
    end_arg(self);
}

void
kt_sql_arg_text(kt_sql_t *self, const char *text)
{
    new_arg(self, KT_SQL_TEXT);
    if (text)
        kt_buf_add(&self->bytes, text, strlen(text));
    end_arg(self);
}

void
kt_sql_arg_null(kt_sql_t *self)
{
    new_arg(self, KT_SQL_TEXT)->null = true;
}

static void
new_array(kt_sql_t *self, kt_sql_type_t type, uint32_t element, size_t n)
{
    kt_sql_arg_t *arg = new_arg(self, type);
    arg->array        = true;
    arg->n            = n;
    add_u32(self, n ? 1 : 0);
    add_u32(self, 1);
    add_u32(self, element);
    if (!n)
        return;
    add_u32(self, (uint32_t)n);
    add_u32(self, 1);
}

void
kt_sql_array(kt_sql_t *self, kt_sql_type_t type, size_t n)
{
    // Numbers of the types in pg_type, which never change.
    static const uint32_t OIDS[] = {[KT_SQL_INT8] = 20, [KT_SQL_FLOAT8] = 701, [KT_SQL_TEXT] = 25, [KT_SQL_BYTEA] = 17};
    new_array(self, type, OIDS[type], n);
}

void
kt_sql_array_end(kt_sql_t *self)
{
    end_arg(self);
}

static void
el_null(kt_sql_t *self)
{
    add_u32(self, UINT32_MAX);
}

void
kt_sql_el_int(kt_sql_t *self, int64_t value)
{
    add_u32(self, sizeof value);
    add_u64(self, (uint64_t)value);
}

void
kt_sql_el_real(kt_sql_t *self, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    add_u32(self, sizeof bits);
    add_u64(self, bits);
}

void
kt_sql_el_bytes(kt_sql_t *self, const void *bytes, size_t length)
{
    if (length > INT32_MAX) {
        self->bytes.err = KT_EFULL;
        return;
    }
    add_u32(self, (uint32_t)length);
    if (length)
        kt_buf_add(&self->bytes, bytes, length);
}

void
kt_sql_el_text(kt_sql_t *self, const char *text)
{
    kt_sql_el_bytes(self, text, text ? strlen(text) : 0);
}

void
kt_sql_el_clean(kt_sql_t *self, const char *text, size_t capacity)
{
    char clean[512];
    kt_text_sanitize(clean, capacity < sizeof clean ? capacity : sizeof clean, text ? text : "",
                     text ? strlen(text) : 0);
    kt_sql_el_text(self, clean);
}

void
kt_sql_el_some(kt_sql_t *self, const void *bytes, size_t length)
{
    if (bytes)
        kt_sql_el_bytes(self, bytes, length);
    else
        el_null(self);
}

void
kt_sql_el_digest(kt_sql_t *self, const kt_digest_t *digest)
{
    static const kt_digest_t none;
    if (memcmp(digest, &none, sizeof none) == 0)
        el_null(self);
    else
        kt_sql_el_bytes(self, digest->bytes, sizeof digest->bytes);
}

void
kt_sql_column(kt_sql_t *self, kt_sql_member_t member, size_t n, const void *at, size_t stride)
{
    kt_sql_array(self, KT_SQL_INT8, n);
    for (size_t i = 0; i < n; i++) {
        const void *from = (const char *)at + i * stride;
        switch (member) {
        case KT_SQL_U64: {
            uint64_t value = *(const uint64_t *)from;
            kt_sql_el_int(self, value > INT64_MAX ? INT64_MAX : (int64_t)value);
            break;
        }
        case KT_SQL_U32: kt_sql_el_int(self, *(const uint32_t *)from); break;
        case KT_SQL_I64: kt_sql_el_int(self, *(const int64_t *)from); break;
        case KT_SQL_I32: kt_sql_el_int(self, *(const int32_t *)from); break;
        }
    }
    kt_sql_array_end(self);
}

void
kt_sql_row_array(kt_sql_t *self, uint32_t type)
{
    new_array(self, KT_SQL_ROW, type, 1);
}

void
kt_sql_row_array_end(kt_sql_t *self, size_t n)
{
    enum { COUNT_AT = 3 * sizeof(uint32_t) };
    kt_sql_arg_t *arg  = &self->args[self->n_args - 1];
    uint32_t      wire = htobe32((uint32_t)n);
    if (self->bytes.err)
        return;
    if (!n) {
        self->bytes.length = arg->at;
        self->n_args--;
        return;
    }
    memcpy(self->bytes.bytes + arg->at + COUNT_AT, &wire, sizeof wire);
    arg->n = n;
    end_arg(self);
}

// The length of what follows is written when it ends.
static size_t
open_length(kt_sql_t *self)
{
    size_t at = self->bytes.length;
    add_u32(self, 0);
    return at;
}

size_t
kt_sql_row(kt_sql_t *self, size_t fields)
{
    size_t at = open_length(self);
    add_u32(self, (uint32_t)fields);
    return at;
}

size_t
kt_sql_field(kt_sql_t *self, uint32_t type)
{
    add_u32(self, type);
    return open_length(self);
}

void
kt_sql_close(kt_sql_t *self, size_t at)
{
    uint32_t wire = htobe32((uint32_t)(self->bytes.length - at - sizeof wire));
    if (!self->bytes.err)
        memcpy(self->bytes.bytes + at, &wire, sizeof wire);
}

void
kt_sql_field_null(kt_sql_t *self, uint32_t type)
{
    const uint32_t wire[2] = {htobe32(type), UINT32_MAX};
    kt_buf_add(&self->bytes, wire, sizeof wire);
}

void
kt_sql_put_u32(kt_sql_t *self, uint32_t value)
{
    add_u32(self, value);
}

void
kt_sql_put_u64(kt_sql_t *self, uint64_t value)
{
    add_u64(self, value);
}

void
kt_sql_put_bytes(kt_sql_t *self, const void *bytes, size_t length)
{
    if (length)
        kt_buf_add(&self->bytes, bytes, length);
}
