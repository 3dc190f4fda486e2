// kt_model_set -- the deployed models of a folder, opened. A set never changes; a new deployment gives a new set. A
// file holds one set from beginning to end, so that all of its results come from the same versions. Counted references;
// any thread.
#pragma once

#include "models/catalogue/catalogue.h"
#include "models/model.h"

typedef struct kt_model_set    kt_model_set_t;
typedef struct kt_model_folder kt_model_folder_t;

enum { KT_MODEL_SET_MOST = 64 };

// One model that could not be opened is left out, with its reason; the others work.
typedef struct kt_model_entry {
    char        name[64], version[32], type[16];
    kt_model_t *model;  // NULL: not usable
    kt_err_t    err;    // why not
    char        why[KT_KTM_WHY];
    kt_digest_t digest;
} kt_model_entry_t;

// A folder without models.yml gives an empty set. KT_ECATALOGUE: models.yml is not valid; KT_ENOMEM, KT_EIO.
// A stated sha256 is compared with models.verified (verified.h), which register, deploy and fetch keep; a file that is
// not in this record is read whole once and entered. So opening the set reads only headers, however large the files
// are. What models.yml states of shapes and classes is compared with the file (fit.h).
KT_MUST_USE kt_err_t    kt_model_set_open(kt_model_set_t **self_p, const char *folder, const kt_model_opts_t *opts,
                                          char why[KT_CATALOGUE_WHY]);
kt_model_set_t         *kt_model_set_hold(kt_model_set_t *self);
void                    kt_model_set_release(kt_model_set_t **self_p);
size_t                  kt_model_set_count(const kt_model_set_t *self);
const kt_model_entry_t *kt_model_set_at(const kt_model_set_t *self, size_t index);
const kt_model_entry_t *kt_model_set_find(const kt_model_set_t *self, const char *name);  // NULL: not in the catalogue
const kt_digest_t      *kt_model_set_digest(const kt_model_set_t *self);
const char             *kt_model_set_folder(const kt_model_set_t *self);
kt_sampling_t           kt_model_set_sampling(const kt_model_set_t *self);  // what is not stated has its default

// The current set of a folder. refresh looks whether models.yml has changed (device, inode, size, mtime) and opens the
// new set. The old one stays, and why says why, where the new one cannot be opened or lacks a model that works now
// (KT_EMODEL). Models whose files are the same are shared by both. Any thread; refresh may take a second.
KT_MUST_USE kt_err_t kt_model_folder_open(kt_model_folder_t **self_p, const char *folder, const kt_model_opts_t *opts,
                                          char why[KT_CATALOGUE_WHY]);
void                 kt_model_folder_close(kt_model_folder_t **self_p);
KT_MUST_USE kt_err_t kt_model_folder_refresh(kt_model_folder_t *self, bool *changed, char why[KT_CATALOGUE_WHY]);
// The next refresh looks at another folder. KT_EINVAL: the path is too long.
KT_MUST_USE kt_err_t kt_model_folder_move(kt_model_folder_t *self, const char *folder);
kt_model_set_t      *kt_model_folder_set(kt_model_folder_t *self);  // held; release it
