// kt_ktm -- reader of the weight format (models/FORMAT.md). The file is mapped read-only; tensors are used in place and
// shared by all processes that map it. Everything is checked before open returns: bounds, checksum, finite weights.
// Constant after open; any thread.
#pragma once

#include "common/digest.h"
#include "common/err.h"
#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_ktm kt_ktm_t;

enum {
    KT_KTM_NAME    = 64,  // bytes of a name, with NUL
    KT_KTM_RANK    = 6,
    KT_KTM_TENSORS = 8192,
    KT_KTM_NODES   = 4096,
    KT_KTM_HEADER  = 4 << 20,
    KT_KTM_WHY     = 256,
};

typedef enum kt_ktm_type { KT_KTM_F32, KT_KTM_F16, KT_KTM_I8 } kt_ktm_type_t;

typedef struct kt_ktm_tensor {
    const char   *name;
    kt_ktm_type_t type;
    int           rank;
    int64_t       dims[KT_KTM_RANK];
    size_t        count;  // elements
    const void   *data;   // 64-byte aligned, row-major
    const float  *scale;  // KT_KTM_I8: one per index of the first dimension
} kt_ktm_tensor_t;

// KT_ENOFILE, KT_EACCESS, KT_EIO, KT_ENOMEM; KT_EMODEL: not a valid file; KT_EMODELVERSION: another format version.
// why: one line for a person.
KT_MUST_USE kt_err_t kt_ktm_open(kt_ktm_t **self_p, const char *path, char why[KT_KTM_WHY]);
// The same of bytes that the caller keeps, 64-byte aligned (tests, fuzzing).
KT_MUST_USE kt_err_t kt_ktm_read(kt_ktm_t **self_p, const void *bytes, size_t length, char why[KT_KTM_WHY]);
void                 kt_ktm_destroy(kt_ktm_t **self_p);

const char            *kt_ktm_name(const kt_ktm_t *self);
const char            *kt_ktm_version(const kt_ktm_t *self);
const json_t          *kt_ktm_header(const kt_ktm_t *self);  // borrowed
size_t                 kt_ktm_bytes(const kt_ktm_t *self);   // of the file
size_t                 kt_ktm_tensors(const kt_ktm_t *self);
const kt_ktm_tensor_t *kt_ktm_tensor(const kt_ktm_t *self, size_t index);
const kt_ktm_tensor_t *kt_ktm_find(const kt_ktm_t *self, const char *name);  // NULL: none
// SHA-256 of the file, by which the coordinator hands out models. Reads the whole file. KT_EIO.
KT_MUST_USE kt_err_t kt_ktm_digest(const kt_ktm_t *self, kt_digest_t *out);
