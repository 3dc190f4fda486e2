// Parameters in PostgreSQL's binary formats: numbers are big-endian; an array is dimensions, a flag for nulls, the
// element's type, length and lower bound, then each element as length and bytes.
// Source: PostgreSQL 15, src/backend/utils/adt/arrayfuncs.c (array_send), and the send functions of the types.
#include "coordinator/ledger/postgres/postgres.h"

#include <endian.h>
#include <string.h>

static void
add_u32(kt_pg_t *self, uint32_t value)
{
    uint32_t wire = htobe32(value);
    kt_buf_add(&self->bytes, &wire, sizeof wire);
}

static void
add_u64(kt_pg_t *self, uint64_t value)
{
    uint64_t wire = htobe64(value);
    kt_buf_add(&self->bytes, &wire, sizeof wire);
}

static kt_pg_arg_t *
new_arg(kt_pg_t *self)
{
    if (self->n_args == KT_PG_ARGS) {
        self->bytes.err = KT_EFULL;
        self->n_args--;
    }
    kt_pg_arg_t *arg = &self->args[self->n_args++];
    *arg             = (kt_pg_arg_t){.at = self->bytes.length};
    return arg;
}

static void
end_arg(kt_pg_t *self)
{
    kt_pg_arg_t *arg = &self->args[self->n_args - 1];
    arg->length      = self->bytes.length - arg->at;
}

void
kt_pg_arg_int(kt_pg_t *self, int64_t value)
{
    new_arg(self);
    add_u64(self, (uint64_t)value);
    end_arg(self);
}

void
kt_pg_arg_bytes(kt_pg_t *self, const void *bytes, size_t length)
{
    new_arg(self);
    kt_buf_add(&self->bytes, bytes ? bytes : "", length);
    end_arg(self);
}

void
kt_pg_arg_text(kt_pg_t *self, const char *text)
{
    kt_pg_arg_bytes(self, text, text ? strlen(text) : 0);
}

void
kt_pg_arg_null(kt_pg_t *self)
{
    new_arg(self)->null = true;
}

void
kt_pg_array(kt_pg_t *self, kt_pg_type_t type, size_t n)
{
    // Numbers of the types in pg_type, which never change.
    static const uint32_t OIDS[] = {
        [KT_PG_INT8] = 20, [KT_PG_FLOAT8] = 701, [KT_PG_TEXT] = 25, [KT_PG_BYTEA] = 17, [KT_PG_BOOL] = 16};
    new_arg(self);
    add_u32(self, n ? 1 : 0);
    add_u32(self, 1);
    add_u32(self, OIDS[type]);
    if (!n)
        return;
    add_u32(self, (uint32_t)n);
    add_u32(self, 1);
}

void
kt_pg_array_end(kt_pg_t *self)
{
    end_arg(self);
}

void
kt_pg_el_int(kt_pg_t *self, int64_t value)
{
    add_u32(self, sizeof value);
    add_u64(self, (uint64_t)value);
}

void
kt_pg_el_real(kt_pg_t *self, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    add_u32(self, sizeof bits);
    add_u64(self, bits);
}

void
kt_pg_el_bool(kt_pg_t *self, bool value)
{
    char byte = value;
    add_u32(self, 1);
    kt_buf_add(&self->bytes, &byte, 1);
}

void
kt_pg_el_bytes(kt_pg_t *self, const void *bytes, size_t length)
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
kt_pg_el_text(kt_pg_t *self, const char *text)
{
    kt_pg_el_bytes(self, text, text ? strlen(text) : 0);
}

void
kt_pg_el_digest(kt_pg_t *self, const kt_digest_t *digest)
{
    static const kt_digest_t none;
    if (memcmp(digest, &none, sizeof none) == 0)
        add_u32(self, UINT32_MAX);
    else
        kt_pg_el_bytes(self, digest->bytes, sizeof digest->bytes);
}
