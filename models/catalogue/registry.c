#include "models/catalogue/registry.h"

#include "common/file.h"
#include "common/text.h"
#include "models/catalogue/catalogue_private.h"
#include "models/catalogue/fit.h"
#include "models/input/audio_input.h"
#include "models/input/image_input.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 20 };

// The models of the specification that have a fixed number of outputs.
static const struct {
    const char *name;
    int64_t     outputs;
} SPECIFIED[] = {{"genre_classifier", 13}, {"mood_detector", 2}, {"instrument_classifier", 20}};

// A change in progress: the lock, the catalogue, and the record of digests.
typedef struct change {
    const char     *folder;
    int             lock;
    kt_catalogue_t *catalogue;
    kt_verified_t  *verified;
    char           *why;
} change_t;

static kt_err_t
explain_path(char why[KT_CATALOGUE_WHY], kt_err_t err, const char *path)
{
    return kt_text_explain(why, KT_CATALOGUE_WHY, err, "%.180s: %s", path, kt_err_text(err));
}

static void
end_change(change_t *self)
{
    kt_verified_close(&self->verified);
    kt_catalogue_destroy(&self->catalogue);
    if (self->lock >= 0)
        close(self->lock);
}

static kt_err_t
begin_change(change_t *self, const char *folder, bool make, char why[KT_CATALOGUE_WHY])
{
    char path[PATH_MAX];
    *self  = (change_t){.folder = folder, .lock = -1, .why = why};
    why[0] = '\0';
    if (snprintf(path, sizeof path, "%s/models.lock", folder) >= PATH_MAX)
        return explain_path(why, KT_EINVAL, folder);
    kt_err_t err = make ? kt_file_make_folders(path) : KT_OK;
    if (!err && (self->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644)) < 0)
        err = kt_file_write_err_of_errno();
    if (err)
        return explain_path(why, err, err == KT_ENOFILE ? folder : path);
    if (flock(self->lock, LOCK_EX | LOCK_NB))
        err = kt_text_explain(why, KT_CATALOGUE_WHY, KT_EAGAIN, "another program changes the models now: try again");
    if (!err)
        err = kt_catalogue_read(&self->catalogue, folder, why);
    if (err == KT_ENOFILE)
        err = kt_catalogue_new(&self->catalogue);
    if (!err)
        err = kt_verified_open(&self->verified, folder);
    if (err)
        end_change(self);
    return err;
}

static kt_err_t
write_change(change_t *self)
{
    kt_err_t err = kt_catalogue_write(self->catalogue, self->folder);
    if (err)
        explain_path(self->why, err, self->folder);
    return err;
}

static const char *
input_kind(const kt_ktm_t *file)
{
    const json_t *input = kt_json_get(kt_ktm_header(file), "input");
    return input ? kt_json_str(input, "kind", "") : "";
}

// The preprocessing, where the file describes one.
static kt_err_t
check_input(const kt_ktm_t *file, char why[KT_KTM_WHY])
{
    const char       *kind  = input_kind(file);
    kt_audio_input_t *audio = NULL;
    kt_image_input_t *image = NULL;
    kt_err_t          err   = KT_OK;
    if (!strcmp(kind, "audio"))
        err = kt_audio_input_new(&audio, file, why);
    else if (!strcmp(kind, "image") || !strcmp(kind, "frames"))
        err = kt_image_input_new(&image, file, why);
    else if (strcmp(kind, "outputs"))
        err = kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "input: kind is not audio, image, frames or outputs");
    kt_audio_input_destroy(&audio);
    kt_image_input_destroy(&image);
    return err;
}

// Graph and preprocessing of an open file, and whether it fits the entry (NULL: any).
static kt_err_t
check_file(const kt_ktm_t *file, const kt_catalogue_model_t *model, const char *version, char why[KT_CATALOGUE_WHY])
{
    kt_graph_t *graph = NULL;
    kt_err_t    err   = kt_graph_new(&graph, file, why);
    if (!err && model)
        err = kt_model_fit(model, version, file, graph, why);
    kt_graph_destroy(&graph);
    return err ? err : check_input(file, why);
}

kt_err_t
kt_registry_check(const char *folder, kt_verified_t *verified, const kt_catalogue_model_t *model,
                  const kt_catalogue_version_t *version, kt_digest_t *digest, kt_ktm_t **out,
                  char why[KT_CATALOGUE_WHY])
{
    char      path[PATH_MAX];
    kt_ktm_t *file = NULL;
    kt_err_t  err  = kt_verified_digest(verified, version->path, digest);
    if (err)
        return explain_path(why, err, version->path);
    if (!kt_digest_is_zero(&version->digest) && memcmp(digest, &version->digest, sizeof *digest))
        return kt_text_explain(why, KT_CATALOGUE_WHY, KT_EMODEL, "%.150s: its SHA-256 is not the one in models.yml",
                               version->path);
    if (snprintf(path, sizeof path, "%s/%s", folder, version->path) >= PATH_MAX)
        return explain_path(why, KT_EINVAL, version->path);
    why[0] = '\0';
    err    = kt_ktm_open(&file, path, why);
    if (!err)
        err = check_file(file, model, version->version, why);
    if (err && !*why)
        explain_path(why, err, version->path);
    if (!err && out) {
        *out = file;
        file = NULL;
    }
    kt_ktm_destroy(&file);
    return err;
}

// The type by the preprocessing: an output of other models is of the type that the caller states.
static const char *
type_of(const kt_ktm_t *file)
{
    const char *kind = input_kind(file);
    return !strcmp(kind, "image") || !strcmp(kind, "frames") ? "video" : "audio";
}

// Copies the file to a temporary one in the folder, synced, at most KT_REGISTRY_FILE_BYTES.
static kt_err_t
copy_file(const char *from, const char *temporary)
{
    int in         = open(from, O_RDONLY | O_CLOEXEC),
        out        = in < 0 ? -1 : open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    char    *block = malloc(COPY_BYTES);
    kt_err_t err   = !block    ? KT_ENOMEM
                     : in < 0  ? kt_file_err_of_errno()
                     : out < 0 ? kt_file_write_err_of_errno()
                               : KT_OK;
    size_t   total = 0;
    for (ssize_t n = 1; !err && n > 0;) {
        n = read(in, block, COPY_BYTES);
        total += n > 0 ? (size_t)n : 0;
        if (n < 0)
            err = KT_EIO;
        else if (total > KT_REGISTRY_FILE_BYTES)
            err = KT_EMODEL;
        else if (n > 0 && write(out, block, (size_t)n) != n)
            err = kt_file_write_err_of_errno();
    }
    if (!err && fsync(out))
        err = kt_file_write_err_of_errno();
    free(block);
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return err;
}

// A path may not be that of another version: its file would be replaced.
static bool
path_is_taken(const kt_catalogue_t *catalogue, const char *path)
{
    for (size_t i = 0; i < kt_catalogue_count(catalogue); i++) {
        const kt_catalogue_model_t *model = kt_catalogue_at(catalogue, i);
        for (size_t j = 0; j < model->n_versions; j++)
            if (!strcmp(model->versions[j].path, path))
                return true;
    }
    return false;
}

// In memory: the new version; a new name of the specification with its number of outputs.
static kt_err_t
enter_version(change_t *self, const char *type, const char *name, const kt_catalogue_version_t *version)
{
    bool     known = kt_catalogue_find(self->catalogue, name) != NULL;
    kt_err_t err   = kt_catalogue_register(self->catalogue, type, name, version, self->why);
    for (size_t i = 0; !err && !known && i < sizeof SPECIFIED / sizeof *SPECIFIED; i++)
        if (!strcmp(SPECIFIED[i].name, name))
            kt_catalogue_expect(self->catalogue, name, SPECIFIED[i].outputs);
    return err;
}

// The file's name and version decide those of the entry.
static kt_err_t
describe(change_t *self, const char *temporary, const char *type, kt_registered_t *out, kt_catalogue_version_t *version)
{
    kt_ktm_t *file = NULL;
    kt_err_t  err  = kt_ktm_open(&file, temporary, self->why);
    if (err)
        return err;
    *version = (kt_catalogue_version_t){.status = KT_MODEL_REGISTERED};
    if (!kt_catalogue_is_name(kt_ktm_name(file)) ||
        !kt_text_copy(version->version, sizeof version->version, kt_ktm_version(file)))
        err = kt_text_explain(self->why, KT_CATALOGUE_WHY, KT_EMODEL, "its name or version is not valid");
    if (!err)
        err = kt_ktm_digest(file, &version->digest);
    if (!err) {
        snprintf(version->path, sizeof version->path, "%s_v%s.ktm", kt_ktm_name(file), version->version);
        *out = (kt_registered_t){.digest = version->digest};
        (void)kt_text_copy(out->name, sizeof out->name, kt_ktm_name(file));
        (void)kt_text_copy(out->version, sizeof out->version, version->version);
        (void)kt_text_copy(out->type, sizeof out->type, type ? type : type_of(file));
        err = path_is_taken(self->catalogue, version->path)
                  ? kt_text_explain(self->why, KT_CATALOGUE_WHY, KT_EINVAL, "%s %s is registered already", out->name,
                                    version->version)
                  : enter_version(self, out->type, out->name, version);
    }
    if (!err)
        err = check_file(file, kt_catalogue_find(self->catalogue, out->name), version->version, self->why);
    kt_ktm_destroy(&file);
    return err;
}

kt_err_t
kt_registry_register(const char *folder, const char *file, const char *type, kt_registered_t *out,
                     char why[KT_CATALOGUE_WHY])
{
    char                   temporary[PATH_MAX], path[PATH_MAX];
    change_t               change;
    kt_catalogue_version_t version;
    kt_digest_t            digest;
    if (snprintf(temporary, sizeof temporary, "%s/models.new", folder) >= PATH_MAX)
        return explain_path(why, KT_EINVAL, folder);
    kt_err_t err = begin_change(&change, folder, true, why);
    if (err)
        return err;
    err = copy_file(file, temporary);
    if (err)
        explain_path(why, err, file);
    if (!err)
        err = describe(&change, temporary, type, out, &version);
    if (!err && (snprintf(path, sizeof path, "%s/%s", folder, version.path) >= PATH_MAX || rename(temporary, path)))
        err = explain_path(why, KT_EIO, temporary);
    if (!err)
        err = write_change(&change);
    if (!err)
        (void)!kt_verified_digest(change.verified, version.path, &digest);  // for the next start
    if (err && !*why)
        explain_path(why, err, file);
    unlink(temporary);
    end_change(&change);
    return err;
}

// Checks what is deployed now, and writes.
static kt_err_t
finish_deployment(change_t *self, const char *name)
{
    const kt_catalogue_model_t *model = kt_catalogue_find(self->catalogue, name);
    kt_digest_t                 digest;
    kt_err_t                    err =
        kt_registry_check(self->folder, self->verified, model, kt_catalogue_deployed(model), &digest, NULL, self->why);
    return err ? err : write_change(self);
}

kt_err_t
kt_registry_deploy(const char *folder, const char *name, const char *version, char why[KT_CATALOGUE_WHY])
{
    change_t change;
    kt_err_t err = begin_change(&change, folder, false, why);
    if (err)
        return err;
    err = kt_catalogue_deploy(change.catalogue, name, version, why);
    if (!err)
        err = finish_deployment(&change, name);
    end_change(&change);
    return err;
}

kt_err_t
kt_registry_rollback(const char *folder, const char *name, char version[32], char why[KT_CATALOGUE_WHY])
{
    change_t change;
    kt_err_t err = begin_change(&change, folder, false, why);
    if (err)
        return err;
    err = kt_catalogue_rollback(change.catalogue, name, why);
    if (!err)
        err = finish_deployment(&change, name);
    if (!err)
        (void)kt_text_copy(version, 32, kt_catalogue_deployed(kt_catalogue_find(change.catalogue, name))->version);
    end_change(&change);
    return err;
}

kt_err_t
kt_registry_retire(const char *folder, const char *name, const char *version, char why[KT_CATALOGUE_WHY])
{
    change_t change;
    kt_err_t err = begin_change(&change, folder, false, why);
    if (err)
        return err;
    err = kt_catalogue_retire(change.catalogue, name, version, why);
    if (!err)
        err = write_change(&change);
    end_change(&change);
    return err;
}

kt_err_t
kt_registry_digest(const char *folder, kt_digest_t *out)
{
    char            why[KT_CATALOGUE_WHY];
    kt_catalogue_t *catalogue = NULL;
    kt_verified_t  *verified  = NULL;
    kt_err_t        err       = kt_catalogue_read(&catalogue, folder, why);
    if (!err)
        err = kt_verified_open(&verified, folder);
    for (size_t i = 0; !err && i < catalogue->n; i++) {
        kt_catalogue_model_t *model = catalogue->models[i];
        if (model->deployed >= 0)
            err = kt_verified_digest(verified, model->versions[model->deployed].path,
                                     &model->versions[model->deployed].digest);
    }
    if (!err)
        kt_catalogue_digest(catalogue, out);
    kt_verified_close(&verified);
    kt_catalogue_destroy(&catalogue);
    return err;
}
