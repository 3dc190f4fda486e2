#include "models/format/ktm.h"

#include "common/assert.h"
#include "common/file.h"
#include "common/text.h"
#include "models/format/parse.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are used in place");

enum { VERSION = 1, FIXED_BYTES = 32, VERSION_AT = 8, HEADER_AT = 12, CHECKSUM_AT = 16 };

static const uint8_t magic[VERSION_AT] = {0x89, 'K', 'T', 'M', '\r', '\n', 0x1A, '\n'};

static uint32_t
read_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

// What is before the header, and the checksum over all that follows.
static kt_err_t
check_fixed(const uint8_t *bytes, size_t length, char why[KT_KTM_WHY])
{
    if (length < FIXED_BYTES || memcmp(bytes, magic, sizeof magic) != 0)
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "not a .ktm file: %s",
                               length < FIXED_BYTES ? "shorter than 32 bytes" : "it does not begin with \\x89KTM");
    uint32_t version = read_u32(bytes + VERSION_AT), header = read_u32(bytes + HEADER_AT);
    if (version != VERSION)
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODELVERSION, "format version %u; this reader has version %d",
                               version, VERSION);
    if (header > KT_KTM_HEADER)
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "the header has %u bytes, more than %d", header,
                               KT_KTM_HEADER);
    if (header > length - FIXED_BYTES)
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "truncated: the header has %u bytes, the file %zu", header,
                               length);
    XXH128_canonical_t checksum;
    XXH128_canonicalFromHash(&checksum, XXH3_128bits(bytes + FIXED_BYTES, length - FIXED_BYTES));
    if (memcmp(&checksum, bytes + CHECKSUM_AT, sizeof checksum) != 0)
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "wrong checksum: the file is truncated or damaged");
    return KT_OK;
}

static kt_err_t
read_header(kt_ktm_t *self, char why[KT_KTM_WHY])
{
    char     reason[KT_JSON_WHY];
    uint32_t length = read_u32(self->bytes + HEADER_AT);
    kt_err_t err = kt_json_parse((const char *)self->bytes + FIXED_BYTES, length, KT_KTM_HEADER, &self->header, reason);
    if (err)
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "header: %s", reason);
    return kt_ktm_check_header(self->header, why);
}

static kt_err_t
read_data(kt_ktm_t *self, char why[KT_KTM_WHY])
{
    size_t end  = FIXED_BYTES + read_u32(self->bytes + HEADER_AT);
    size_t data = (end + KT_KTM_ALIGN - 1) / KT_KTM_ALIGN * KT_KTM_ALIGN;
    if (data > self->length)
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "truncated: the data would begin at byte %zu of %zu", data,
                               self->length);
    for (size_t at = end; at < data; at++)
        if (self->bytes[at])
            return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "byte %zu between header and data is not zero", at);
    return kt_ktm_read_tensors(self, self->bytes + data, self->length - data, why);
}

// Takes the mapping: destroy unmaps it, also on failure.
static kt_err_t
read_bytes(kt_ktm_t **self_p, const void *bytes, size_t length, bool mapped, char why[KT_KTM_WHY])
{
    kt_err_t  err  = KT_ENOMEM;
    kt_ktm_t *self = calloc(1, sizeof *self);
    if (!self) {
        if (mapped)
            munmap((void *)bytes, length);
        goto fail;
    }
    *self = (kt_ktm_t){.bytes = bytes, .length = length, .mapped = mapped};
    if ((err = check_fixed(bytes, length, why)) || (err = read_header(self, why)) || (err = read_data(self, why)))
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    if (err == KT_ENOMEM)
        (void)kt_text_explain(why, KT_KTM_WHY, err, "%s", kt_err_text(err));
    kt_ktm_destroy(&self);
    return err;
}

kt_err_t
kt_ktm_read(kt_ktm_t **self_p, const void *bytes, size_t length, char why[KT_KTM_WHY])
{
    kt_assert((uintptr_t)bytes % KT_KTM_ALIGN == 0);
    return read_bytes(self_p, bytes, length, false, why);
}

kt_err_t
kt_ktm_open(kt_ktm_t **self_p, const char *path, char why[KT_KTM_WHY])
{
    struct stat facts;
    void       *bytes = MAP_FAILED;
    kt_err_t    err;
    int         fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe would block
    if (fd < 0 || fstat(fd, &facts) != 0) {
        err = kt_file_err_of_errno();
        (void)kt_text_explain(why, KT_KTM_WHY, err, "%s", kt_err_text(err));
        goto close;
    }
    if (!S_ISREG(facts.st_mode) || facts.st_size < FIXED_BYTES) {
        err = kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "not a .ktm file: %s",
                              S_ISREG(facts.st_mode) ? "shorter than 32 bytes" : "not a regular file");
        goto close;
    }
    // Populated: all bytes are read for the checksum at once, and page faults would take longer than the checksum.
    bytes = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (bytes == MAP_FAILED) {
        err = kt_text_explain(why, KT_KTM_WHY, KT_EIO, "the file cannot be mapped");
        goto close;
    }
    // What is not used, as models that a run leaves out, takes no memory: pages come back when tensors are read.
    if (!(err = read_bytes(self_p, bytes, (size_t)facts.st_size, true, why)))
        (void)madvise(bytes, (size_t)facts.st_size, MADV_DONTNEED);
close:
    if (fd >= 0)
        close(fd);
    return err;
}

void
kt_ktm_destroy(kt_ktm_t **self_p)
{
    kt_ktm_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    if (self->mapped)
        munmap((void *)self->bytes, self->length);
    kt_json_free(&self->header);
    kt_names_fini(&self->names);
    free(self->tensors);
    free(self);
}

const char *
kt_ktm_name(const kt_ktm_t *self)
{
    return kt_json_str(self->header, "name", "");
}

const char *
kt_ktm_version(const kt_ktm_t *self)
{
    return kt_json_str(self->header, "version", "");
}

const json_t *
kt_ktm_header(const kt_ktm_t *self)
{
    return self->header;
}

size_t
kt_ktm_bytes(const kt_ktm_t *self)
{
    return self->length;
}

size_t
kt_ktm_tensors(const kt_ktm_t *self)
{
    return self->n_tensors;
}

const kt_ktm_tensor_t *
kt_ktm_tensor(const kt_ktm_t *self, size_t index)
{
    return &self->tensors[index];
}

const kt_ktm_tensor_t *
kt_ktm_find(const kt_ktm_t *self, const char *name)
{
    int index = kt_names_find(&self->names, name);
    return index < 0 ? NULL : &self->tensors[index];
}

kt_err_t
kt_ktm_digest(const kt_ktm_t *self, kt_digest_t *out)
{
    kt_digest_of(self->bytes, self->length, out);
    return KT_OK;
}
