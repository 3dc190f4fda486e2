// kt_model_store -- the coordinator's model folder (kt_settings_model_dir): what is deployed, changes to it, and the
// bytes that nodes fetch. A thread reads the files and watches models.yml, so that neither the loop nor a view waits
// for a disk. A models.yml that becomes invalid changes nothing until it is valid again.
#pragma once

#include "common/digest.h"
#include "common/err.h"
#include "common/json.h"
#include "common/settings.h"
#include "models/catalogue/catalogue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_model_store kt_model_store_t;

enum {
    KT_MODEL_MANIFEST     = 64,
    KT_MODEL_PART_BYTES   = 256 << 10,  // of a file, per message to a node
    KT_MODEL_PARTS        = 64,         // requests of nodes that wait; a node repeats one that is dropped
    KT_MODEL_UPLOADS      = 8,          // at once
    KT_MODEL_UPLOAD_BYTES = 4 << 20,    // per request
};

// What nodes run: name, version, type and file of each deployed model that is valid.
typedef struct kt_model_manifest {
    kt_digest_t   digest;  // kt_catalogue_digest of them; zero: none is deployed
    kt_sampling_t sampling;
    size_t        n;
    struct {
        char        name[64], version[32], type[16], path[256];
        kt_digest_t digest;
        uint64_t    bytes;
    } at[KT_MODEL_MANIFEST];
} kt_model_manifest_t;

// A part of a file for a node; free() it.
typedef struct kt_model_part {
    uint64_t    node;  // the node that requested it
    kt_digest_t digest;
    uint64_t    offset, total;
    kt_err_t    err;  // KT_ENOTFOUND: no deployed model has this digest; KT_EINVAL: beyond its end; KT_EIO
    size_t      length;
    char        bytes[];
} kt_model_part_t;

// Borrows settings. Reads the folder once before it returns. KT_ENOMEM, KT_ESYSTEM, KT_EINVAL (its path is too long).
KT_MUST_USE kt_err_t kt_model_store_new(kt_model_store_t **self_p, const kt_settings_t *settings);
void                 kt_model_store_destroy(kt_model_store_t **self_p);

// Any thread. False: *sequence is that of the present state, which the caller has. There is no catalogue until *exists.
bool kt_model_store_manifest(kt_model_store_t *self, uint64_t *sequence, bool *exists, kt_model_manifest_t *out);
// Loop thread. The part arrives in the queue whose descriptor is kt_model_store_fd. KT_EFULL, KT_ENOMEM: dropped.
KT_MUST_USE kt_err_t kt_model_store_fetch(kt_model_store_t *self, uint64_t node, const kt_digest_t *digest,
                                          uint64_t offset);
int                  kt_model_store_fd(kt_model_store_t *self);
kt_model_part_t     *kt_model_store_part(kt_model_store_t *self);  // NULL: none; free() it

// HTTP threads. The body of GET /v1/models; NULL: out of memory.
json_t *kt_model_store_view(kt_model_store_t *self);
size_t  kt_model_store_loaded(kt_model_store_t *self);
// Part of a file with this SHA-256; *received: bytes so far, where the next part has to begin. KT_EINVAL: it does not
// begin there; KT_EFULL: too large, or too many uploads; KT_EWRITE, KT_EDISK, KT_EIO.
KT_MUST_USE kt_err_t kt_model_store_upload(kt_model_store_t *self, const kt_digest_t *digest, uint64_t offset,
                                           const char *bytes, size_t length, uint64_t *received,
                                           char why[KT_CATALOGUE_WHY]);
// Registers an uploaded file; type NULL: by its preprocessing. *out: name, version and type. The errors of
// kt_registry_register, KT_ENOTFOUND: no such upload; KT_EMODEL: its bytes have another SHA-256.
KT_MUST_USE kt_err_t kt_model_store_register(kt_model_store_t *self, const kt_digest_t *digest, const char *type,
                                             json_t **out, char why[KT_CATALOGUE_WHY]);
// The errors of kt_registry_deploy and its siblings. version: NULL for a rollback.
typedef enum kt_model_change { KT_MODEL_DEPLOY, KT_MODEL_ROLLBACK, KT_MODEL_RETIRE } kt_model_change_t;
KT_MUST_USE kt_err_t kt_model_store_change(kt_model_store_t *self, kt_model_change_t change, const char *name,
                                           const char *version, json_t **out, char why[KT_CATALOGUE_WHY]);
