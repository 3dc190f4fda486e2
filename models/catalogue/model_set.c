#include "models/catalogue/model_set.h"

#include "common/digest.h"
#include "common/text.h"
#include "models/catalogue/fit.h"
#include "models/catalogue/set_private.h"
#include "models/catalogue/verified.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// An open model, shared by all sets that have it.
typedef struct shared_model {
    atomic_size_t references;
    kt_model_t   *model;
    struct stat   facts;  // of its file when it was opened
} shared_model_t;

struct kt_model_set {
    atomic_size_t    references;
    kt_digest_t      digest;
    kt_sampling_t    sampling;
    char             folder[PATH_MAX];
    size_t           n;
    kt_model_entry_t entries[KT_MODEL_SET_MOST];
    shared_model_t  *shared[KT_MODEL_SET_MOST];  // of each entry; NULL: not usable
};

static void
release_shared(shared_model_t **self_p)
{
    shared_model_t *self = *self_p;
    if (self && atomic_fetch_sub(&self->references, 1) == 1) {
        kt_model_destroy(&self->model);
        free(self);
    }
    *self_p = NULL;
}

static kt_err_t
open_shared(shared_model_t **self_p, const char *path, const kt_model_opts_t *opts, char why[KT_KTM_WHY])
{
    shared_model_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->references = 1;
    kt_err_t err     = stat(path, &self->facts) ? KT_ENOFILE : kt_model_open(&self->model, path, opts, why);
    if (err) {
        if (!*why)
            (void)kt_text_explain(why, KT_KTM_WHY, err, "%.180s: %s", path, kt_err_text(err));
        release_shared(&self);
        return err;
    }
    *self_p = self;
    return KT_OK;
}

// The open model of the set before, where its file is still the same one.
static shared_model_t *
take_over(const kt_model_set_t *before, const kt_model_entry_t *entry, const char *path)
{
    struct stat facts;
    for (size_t i = 0; before && i < before->n; i++) {
        const kt_model_entry_t *old    = &before->entries[i];
        shared_model_t         *shared = before->shared[i];
        if (!shared || strcmp(old->name, entry->name) || strcmp(old->version, entry->version) || stat(path, &facts) ||
            facts.st_dev != shared->facts.st_dev || facts.st_ino != shared->facts.st_ino ||
            facts.st_size != shared->facts.st_size || facts.st_mtim.tv_sec != shared->facts.st_mtim.tv_sec ||
            facts.st_mtim.tv_nsec != shared->facts.st_mtim.tv_nsec)
            continue;
        atomic_fetch_add(&shared->references, 1);
        return shared;
    }
    return NULL;
}

static kt_err_t
check_digest(kt_verified_t *verified, const kt_catalogue_version_t *version, char why[KT_KTM_WHY])
{
    kt_digest_t found;
    char        hex[KT_DIGEST_HEX];
    if (kt_digest_is_zero(&version->digest))
        return KT_OK;
    kt_err_t err = kt_verified_digest(verified, version->path, &found);
    if (err)
        return kt_text_explain(why, KT_KTM_WHY, err, "%.180s: %s", version->path, kt_err_text(err));
    if (memcmp(&found, &version->digest, sizeof found))
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "%.100s has SHA-256 %s, which models.yml does not state",
                               version->path, kt_digest_hex(&found, hex));
    return KT_OK;
}

// Fills one entry. What is wrong with it is in its err and why.
static void
open_entry(kt_model_set_t *self, const kt_model_set_t *before, const kt_model_source_t *source,
           const kt_catalogue_model_t *model)
{
    const kt_catalogue_version_t *version = kt_catalogue_deployed(model);
    kt_model_entry_t             *entry   = &self->entries[self->n];
    shared_model_t              **shared  = &self->shared[self->n];
    char                          path[PATH_MAX];
    self->n++;
    *entry = (kt_model_entry_t){.digest = version->digest};
    (void)kt_text_copy(entry->name, sizeof entry->name, model->name);
    (void)kt_text_copy(entry->version, sizeof entry->version, version->version);
    (void)kt_text_copy(entry->type, sizeof entry->type, model->type);
    entry->err = check_digest(source->verified, version, entry->why);
    if (!entry->err && snprintf(path, sizeof path, "%s/%s", source->folder, version->path) >= PATH_MAX)
        entry->err = kt_text_explain(entry->why, sizeof entry->why, KT_ENOFILE, "the path is too long");
    if (!entry->err && !(*shared = take_over(before, entry, path)))
        entry->err = open_shared(shared, path, source->opts, entry->why);
    if (!entry->err)
        entry->err = kt_model_fit(model, version->version, kt_model_file((*shared)->model),
                                  kt_model_graph((*shared)->model), entry->why);
    if (entry->err)
        release_shared(shared);
    else
        entry->model = (*shared)->model;
}

kt_err_t
kt_model_set_open_after(kt_model_set_t **self_p, const kt_model_set_t *before, const char *folder,
                        const kt_model_opts_t *opts, char why[KT_CATALOGUE_WHY])
{
    kt_catalogue_t   *catalogue = NULL;
    kt_model_source_t source    = {.folder = folder, .opts = opts};
    kt_model_set_t   *self      = calloc(1, sizeof *self);
    why[0]                      = '\0';
    if (!self)
        return KT_ENOMEM;
    self->references = 1;
    (void)kt_text_copy(self->folder, sizeof self->folder, folder);
    kt_err_t err = kt_catalogue_read(&catalogue, folder, why);
    if (err == KT_ENOFILE)
        err = kt_catalogue_new(&catalogue);
    if (!err)
        err = kt_verified_open(&source.verified, folder);
    for (size_t i = 0; !err && i < kt_catalogue_count(catalogue); i++) {
        const kt_catalogue_model_t *model = kt_catalogue_at(catalogue, i);
        if (model->deployed >= 0 && self->n == KT_MODEL_SET_MOST)
            err = kt_text_explain(why, KT_CATALOGUE_WHY, KT_ECATALOGUE, "more than %d models are deployed",
                                  KT_MODEL_SET_MOST);
        else if (model->deployed >= 0)
            open_entry(self, before, &source, model);
    }
    if (!err) {
        kt_catalogue_digest(catalogue, &self->digest);
        self->sampling = kt_catalogue_sampling(catalogue);
    }
    kt_verified_close(&source.verified);
    kt_catalogue_destroy(&catalogue);
    if (err)
        kt_model_set_release(&self);
    else
        *self_p = self;
    return err;
}

kt_err_t
kt_model_set_open(kt_model_set_t **self_p, const char *folder, const kt_model_opts_t *opts, char why[KT_CATALOGUE_WHY])
{
    return kt_model_set_open_after(self_p, NULL, folder, opts, why);
}

kt_model_set_t *
kt_model_set_hold(kt_model_set_t *self)
{
    atomic_fetch_add(&self->references, 1);
    return self;
}

void
kt_model_set_release(kt_model_set_t **self_p)
{
    kt_model_set_t *self = *self_p;
    *self_p              = NULL;
    if (!self || atomic_fetch_sub(&self->references, 1) > 1)
        return;
    for (size_t i = 0; i < self->n; i++)
        release_shared(&self->shared[i]);
    free(self);
}

size_t
kt_model_set_count(const kt_model_set_t *self)
{
    return self->n;
}

const kt_model_entry_t *
kt_model_set_at(const kt_model_set_t *self, size_t index)
{
    return &self->entries[index];
}

const kt_model_entry_t *
kt_model_set_find(const kt_model_set_t *self, const char *name)
{
    for (size_t i = 0; i < self->n; i++)
        if (!strcmp(self->entries[i].name, name))
            return &self->entries[i];
    return NULL;
}

const kt_digest_t *
kt_model_set_digest(const kt_model_set_t *self)
{
    return &self->digest;
}

const char *
kt_model_set_folder(const kt_model_set_t *self)
{
    return self->folder;
}

kt_sampling_t
kt_model_set_sampling(const kt_model_set_t *self)
{
    return (kt_sampling_t){self->sampling.hz > 0 ? self->sampling.hz : KT_SAMPLE_HZ,
                           self->sampling.most ? self->sampling.most : KT_SAMPLE_MAX};
}
