// The files of a coordinator's model set in the node's own folder: SHA256.ktm each, models.yml over them, fetch.part
// while one is fetched. Private to node/models. One thread; blocks for disk.
#pragma once

#include "common/digest.h"
#include "common/err.h"
#include "models/catalogue/catalogue.h"
#include "proto/wire.h"

#include <stdbool.h>

enum { KT_MODEL_TARGET = 64 };

typedef struct kt_model_file {
    char        name[64], version[32], type[16];
    kt_digest_t digest;
    uint64_t    bytes;
} kt_model_file_t;

// The set that a MODELS message names.
typedef struct kt_model_target {
    bool            exists;  // the coordinator has a catalogue
    kt_digest_t     digest;  // of the set
    kt_sampling_t   sampling;
    size_t          n;
    kt_model_file_t at[KT_MODEL_TARGET];
} kt_model_target_t;

// free() it. NULL: not valid (names, versions, digests, sizes), or out of memory.
kt_model_target_t *kt_model_target_of(const kt_msg_models_t *msg);

// The first file that is not there with its size and SHA-256. KT_ENOTFOUND: all are there. KT_EINVAL, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_model_cache_missing(const char *folder, const kt_model_target_t *target, size_t *index);
// Makes the folder and an empty fetch.part; *fd is the caller's. KT_EWRITE, KT_EDISK, KT_EIO, KT_EINVAL.
KT_MUST_USE kt_err_t kt_model_cache_begin(const char *folder, int *fd);
// Checks the SHA-256 of fetch.part and gives it its name. KT_EMODEL: it has another; KT_EDISK, KT_EIO, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_model_cache_finish(const char *folder, int fd, const kt_model_file_t *file);
// Writes models.yml for the target, whose files are there, and deletes files of neither this set nor the one before.
// KT_EMODEL: the set does not have the digest that MODELS states; KT_EDISK, KT_EIO, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_model_cache_write(const char *folder, const kt_model_target_t *target);
