#include "coordinator/ledger/sql/sql.h"

#include "common/text.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

void
kt_sql_init(kt_sql_t *self, const kt_ledger_ops_t *ops, const kt_sql_driver_t *driver, bool writer)
{
    self->base.ops = ops;
    self->driver   = driver;
    self->writer   = writer;
    kt_buf_init(&self->bytes, KT_SQL_BYTES);
    kt_rule_turns_init(self->turns);
}

static void
new_pipeline(kt_sql_t *self)
{
    kt_buf_clear(&self->bytes);
    self->n_args = self->n_put = 0;
    self->has_run              = false;
    self->put_err              = KT_OK;
}

static kt_err_t
begin(kt_sql_t *self, bool write)
{
    if (write && !self->writer)
        return KT_EACCESS;
    new_pipeline(self);
    return self->driver->begin(self, write);
}

void
kt_sql_write(kt_sql_t *self)
{
    new_pipeline(self);
    self->driver->write(self);
}

static size_t
put(kt_sql_t *self, kt_sql_id_t id, const char *sql)
{
    if (self->has_run) {  // the parameters are those of a new pipeline already
        self->n_put   = 0;
        self->has_run = false;
        self->put_err = KT_OK;
    }
    if (!self->put_err && self->bytes.err)
        self->put_err = self->bytes.err == KT_EFULL ? KT_EBADDATA : self->bytes.err;
    if (!self->put_err && self->n_put == KT_SQL_ANSWERS)
        self->put_err = KT_EINVAL;
    if (!self->put_err)
        self->driver->put(self, id, sql);
    self->n_args    = 0;
    self->max_bytes = 0;
    kt_buf_clear(&self->bytes);
    return self->n_put++;
}

size_t
kt_sql_put(kt_sql_t *self, kt_sql_id_t id)
{
    return put(self, id, NULL);
}

size_t
kt_sql_put_text(kt_sql_t *self, const char *sql)
{
    return put(self, KT_SQL_COUNT, sql);
}

kt_err_t
kt_sql_run(kt_sql_t *self)
{
    self->has_run = true;
    return self->driver->run(self);
}

kt_err_t
kt_sql_commit(kt_sql_t *self)
{
    self->has_run = true;
    return self->driver->commit(self);
}

bool
kt_sql_try(kt_sql_t *self, bool write, kt_err_t *err, int *tries)
{
    if (*tries)
        self->driver->end(self);
    while ((!*tries || *err == KT_EAGAIN) && *tries < KT_SQL_TRIES) {
        ++*tries;
        if (!(*err = begin(self, write)))
            return true;
        self->driver->end(self);
    }
    *err = *err == KT_EAGAIN ? KT_EIO : *err;
    return false;
}

size_t
kt_sql_rows(const kt_sql_t *self, size_t k)
{
    return self->driver->rows(self, k);
}

const char *
kt_sql_cell(const kt_sql_t *self, size_t k, size_t row, int column, size_t *length)
{
    return self->driver->cell(self, k, row, column, length);
}

static uint64_t
read_u64(const kt_sql_t *self, size_t k, size_t row, int column)
{
    uint64_t    wire = 0;
    size_t      length;
    const char *bytes = kt_sql_cell(self, k, row, column, &length);
    if (bytes && length == sizeof wire)
        memcpy(&wire, bytes, sizeof wire);
    return be64toh(wire);
}

int64_t
kt_sql_int(const kt_sql_t *self, size_t k, size_t row, int column)
{
    return (int64_t)read_u64(self, k, row, column);
}

double
kt_sql_real(const kt_sql_t *self, size_t k, size_t row, int column)
{
    double   value;
    uint64_t bits = read_u64(self, k, row, column);
    memcpy(&value, &bits, sizeof value);
    return value;
}

void
kt_sql_text(const kt_sql_t *self, size_t k, size_t row, int column, char *out, size_t capacity)
{
    size_t      length;
    const char *bytes = kt_sql_cell(self, k, row, column, &length);
    kt_text_sanitize(out, capacity, bytes ? bytes : "", length);
}

kt_err_t
kt_sql_copy(const kt_sql_t *self, size_t k, size_t row, int column, char **out, size_t *length)
{
    const char *bytes = kt_sql_cell(self, k, row, column, length);
    char       *copy  = malloc(*length + 1);
    if (!copy)
        return KT_ENOMEM;
    if (bytes)
        memcpy(copy, bytes, *length);
    copy[*length] = '\0';
    *out          = copy;
    return KT_OK;
}

bool
kt_sql_is_digest(const kt_sql_t *self, size_t k, size_t row, int column, const kt_digest_t *digest)
{
    static const kt_digest_t none;
    size_t                   length;
    const char              *stored = kt_sql_cell(self, k, row, column, &length);
    if (!stored)
        return memcmp(digest, &none, sizeof none) == 0;
    return length == KT_DIGEST_BYTES && memcmp(stored, digest->bytes, length) == 0;
}
