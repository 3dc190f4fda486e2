// kt_registry -- changes of a model folder on disk: register, deploy, roll back, retire. Each takes the folder's lock
// (models.lock), reads models.yml, checks the file concerned, and writes models.yml in one step; a program that is
// killed at any moment leaves the old state or the new one. Any thread, several processes; blocks for disk.
#pragma once

#include "models/catalogue/catalogue.h"
#include "models/catalogue/verified.h"
#include "models/format/ktm.h"

enum { KT_REGISTRY_FILE_BYTES = 512 << 20 };  // of one model file

typedef struct kt_registered {
    char        name[64], version[32], type[16];
    kt_digest_t digest;
} kt_registered_t;

// The errors of all: KT_EAGAIN: another program holds the lock; KT_ECATALOGUE: models.yml is not valid, or the file
// does not fit its entry; KT_EMODEL, KT_EMODELVERSION, KT_EOPERATOR: of the file; KT_ENOTFOUND, KT_EINVAL, KT_EFULL: as
// the changes of kt_catalogue; KT_EWRITE, KT_EDISK, KT_EIO, KT_ENOMEM. After an error nothing has changed.

// Checks a file and copies it into the folder as NAME_vVERSION.ktm. type: NULL: by the file's preprocessing. A folder
// that does not exist is made. The names of the specification expect their numbers of classes.
KT_MUST_USE kt_err_t kt_registry_register(const char *folder, const char *file, const char *type, kt_registered_t *out,
                                          char why[KT_CATALOGUE_WHY]);
KT_MUST_USE kt_err_t kt_registry_deploy(const char *folder, const char *name, const char *version,
                                        char why[KT_CATALOGUE_WHY]);
// version: of what is deployed now.
KT_MUST_USE kt_err_t kt_registry_rollback(const char *folder, const char *name, char version[32],
                                          char why[KT_CATALOGUE_WHY]);
KT_MUST_USE kt_err_t kt_registry_retire(const char *folder, const char *name, const char *version,
                                        char why[KT_CATALOGUE_WHY]);

// kt_catalogue_digest with the real digests of the deployed files, stated or not. KT_ENOFILE: no models.yml, or no
// file.
KT_MUST_USE kt_err_t kt_registry_digest(const char *folder, kt_digest_t *out);

// Opens the file of a version and checks its SHA-256, its graph, its preprocessing and whether it fits the entry.
// *digest: the real one. out may be NULL; else close it.
KT_MUST_USE kt_err_t kt_registry_check(const char *folder, kt_verified_t *verified, const kt_catalogue_model_t *model,
                                       const kt_catalogue_version_t *version, kt_digest_t *digest, kt_ktm_t **out,
                                       char why[KT_CATALOGUE_WHY]);
