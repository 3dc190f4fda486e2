#include "coordinator/cli/models/tensor.h"

#include "common/file.h"
#include "common/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, HEADER = 256, PREFIX = 10 };
static const char MAGIC[] = "\x93NUMPY\x01";

static float *
values_new(size_t count)
{
    return aligned_alloc(ALIGN, (count * sizeof(float) + ALIGN) / ALIGN * ALIGN);
}

// Elements of these dimensions; 0: out of range.
static size_t
count_of(int rank, const int64_t *dims)
{
    size_t count = 1;
    if (rank < 1 || rank > KT_KTM_RANK)
        return 0;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 1 || dims[i] > INT32_MAX / (int64_t)count)
            return 0;
        count *= (size_t)dims[i];
    }
    return count;
}

kt_err_t
kt_tensor_new(kt_tensor_t *out, int rank, const int64_t *dims)
{
    kt_tensor_t self = {.rank = rank, .count = count_of(rank, dims)};
    if (self.count == 0)
        return KT_EINVAL;
    memcpy(self.dims, dims, (size_t)rank * sizeof *dims);
    self.values = values_new(self.count);
    if (!self.values)
        return KT_ENOMEM;
    memset(self.values, 0, self.count * sizeof *self.values);
    *out = self;
    return KT_OK;
}

void
kt_tensor_fini(kt_tensor_t *self)
{
    free(self->values);
    *self = (kt_tensor_t){0};
}

kt_err_t
kt_tensor_append(kt_tensor_t *self, int rank, const int64_t *dims, const float *values)
{
    const size_t more = count_of(rank, dims);
    kt_tensor_t  grown;
    int64_t      total[KT_KTM_RANK] = {0};
    if (more == 0 || (self->rank && self->rank != rank))
        return KT_EINVAL;
    memcpy(total, dims, (size_t)rank * sizeof *total);
    total[0] += self->rank ? self->dims[0] : 0;
    const kt_err_t err = kt_tensor_new(&grown, rank, total);
    if (err)
        return err;
    if (self->count)
        memcpy(grown.values, self->values, self->count * sizeof *grown.values);
    memcpy(grown.values + self->count, values, more * sizeof *grown.values);
    kt_tensor_fini(self);
    *self = grown;
    return KT_OK;
}

const char *
kt_tensor_shape(const kt_tensor_t *self, char out[128])
{
    int n = snprintf(out, 128, "[");
    for (int i = 0; i < self->rank && n < 100; i++)
        n += snprintf(out + n, 128 - (size_t)n, "%s%lld", i ? ", " : "", (long long)self->dims[i]);
    snprintf(out + n, 128 - (size_t)n, "]");
    return out;
}

// Dimensions from "'shape': (12, 50)".
static int
read_shape(const char *header, int64_t dims[KT_KTM_RANK])
{
    const char *at   = strstr(header, "'shape':");
    int         rank = 0;
    at               = at ? strchr(at, '(') : NULL;
    while (at && rank < KT_KTM_RANK) {
        char           *end;
        const long long value = strtoll(at + 1, &end, 10);
        if (end == at + 1)
            break;
        dims[rank++] = value;
        at           = *end == ',' ? end : NULL;
    }
    return rank;
}

static kt_err_t
read_values(kt_tensor_t *out, FILE *file, size_t size)
{
    uint8_t *raw = malloc(out->count * size);
    if (!raw)
        return KT_ENOMEM;
    kt_err_t err = fread(raw, size, out->count, file) == out->count ? KT_OK : KT_EFORMAT;
    for (size_t i = 0; !err && size == 1 && i < out->count; i++)
        out->values[i] = raw[i];
    if (!err && size == sizeof(float))
        memcpy(out->values, raw, out->count * size);
    free(raw);
    return err;
}

kt_err_t
kt_tensor_read(kt_tensor_t *out, const char *path, bool bytes, char why[KT_TENSOR_WHY])
{
    const size_t size = bytes ? 1 : sizeof(float);
    const char  *kind = bytes ? "'|u1'" : "'<f4'";
    uint8_t      prefix[PREFIX];
    char         header[1 << 16] = "";
    int64_t      dims[KT_KTM_RANK];
    kt_tensor_t  self = {0};
    kt_err_t     err  = KT_EFORMAT;
    FILE        *file = fopen(path, "rb");
    if (!file)
        return kt_text_explain(why, KT_TENSOR_WHY, kt_file_err_of_errno(), "%s", strerror(errno));
    const bool   known  = fread(prefix, 1, PREFIX, file) == PREFIX && memcmp(prefix, MAGIC, 7) == 0;
    const size_t length = known ? prefix[8] | (size_t)prefix[9] << 8 : sizeof header;
    if (length >= sizeof header || fread(header, 1, length, file) != length)
        (void)kt_text_explain(why, KT_TENSOR_WHY, err, "not a .npy file of version 1");
    else if (!strstr(header, kind) || !strstr(header, "'fortran_order': False"))
        (void)kt_text_explain(why, KT_TENSOR_WHY, err, "the elements must be %s, row-major", kind);
    else if ((err = kt_tensor_new(&self, read_shape(header, dims), dims)))
        (void)kt_text_explain(why, KT_TENSOR_WHY, err, "the shape is out of range");
    else if ((err = read_values(&self, file, size)))
        (void)kt_text_explain(why, KT_TENSOR_WHY, err, "the file is truncated");
    fclose(file);
    if (err)
        kt_tensor_fini(&self);
    else
        *out = self;
    return err == KT_EINVAL ? KT_EFORMAT : err;
}

kt_err_t
kt_tensor_write(const kt_tensor_t *self, const char *path)
{
    char header[HEADER] = "", shape[128];
    kt_tensor_shape(self, shape);
    shape[strlen(shape) - 1] = '\0';  // [12, 50] becomes (12, 50,)
    memcpy(header, MAGIC, 7);         // NOLINT(bugprone-not-null-terminated-result): bytes of a file
    const int n = snprintf(header + PREFIX, HEADER - PREFIX,
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (%s,), }", shape + 1);
    memset(header + PREFIX + n, ' ', (size_t)(HEADER - PREFIX - n));
    header[HEADER - 1] = '\n';
    header[8]          = (char)(uint8_t)(HEADER - PREFIX);
    errno              = 0;
    FILE *file         = fopen(path, "wb");
    if (!file)
        return kt_file_write_err_of_errno();
    bool written = fwrite(header, 1, HEADER, file) == HEADER &&
                   fwrite(self->values, sizeof *self->values, self->count, file) == self->count;
    written = fclose(file) == 0 && written;
    return written ? KT_OK : kt_file_write_err_of_errno();
}
