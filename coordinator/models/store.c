#include "coordinator/models/store.h"

#include "common/file.h"
#include "common/log.h"
#include "common/text.h"
#include "coordinator/models/store_private.h"
#include "coordinator/models/view.h"
#include "models/catalogue/registry.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WATCH_MS = 2000 };

static void
look(const kt_model_store_t *self, struct stat *out)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/models.yml", self->folder) >= PATH_MAX || stat(path, out))
        memset(out, 0, sizeof *out);
}

static bool
has_changed(const kt_model_store_t *self)
{
    struct stat now;
    look(self, &now);
    return now.st_dev != self->seen.st_dev || now.st_ino != self->seen.st_ino || now.st_size != self->seen.st_size ||
           now.st_mtim.tv_sec != self->seen.st_mtim.tv_sec || now.st_mtim.tv_nsec != self->seen.st_mtim.tv_nsec;
}

// A valid deployed version becomes a row of the manifest.
static void
add_to_manifest(kt_model_manifest_t *manifest, const kt_catalogue_model_t *model, const kt_digest_t *digest,
                const kt_ktm_t *file)
{
    const kt_catalogue_version_t *version = kt_catalogue_deployed(model);
    if (manifest->n == KT_MODEL_MANIFEST) {
        kt_log_error("MODELS-MANY", "model=%s text=\"more than %d models are deployed\"", model->name,
                     KT_MODEL_MANIFEST);
        return;
    }
    size_t i = manifest->n++;
    (void)kt_text_copy(manifest->at[i].name, sizeof manifest->at[i].name, model->name);
    (void)kt_text_copy(manifest->at[i].version, sizeof manifest->at[i].version, version->version);
    (void)kt_text_copy(manifest->at[i].type, sizeof manifest->at[i].type, model->type);
    (void)kt_text_copy(manifest->at[i].path, sizeof manifest->at[i].path, version->path);
    manifest->at[i].digest = *digest;
    manifest->at[i].bytes  = kt_ktm_bytes(file);
}

static void
read_model(const kt_model_store_t *self, kt_verified_t *verified, const kt_catalogue_model_t *model,
           kt_model_manifest_t *manifest, kt_model_view_t *view)
{
    char        why[KT_CATALOGUE_WHY] = "", quoted[KT_CATALOGUE_WHY];
    kt_digest_t digest                = {{0}};
    kt_ktm_t   *file                  = NULL;
    kt_err_t    err                   = KT_OK;
    if (model->deployed >= 0)
        err = kt_registry_check(self->folder, verified, model, kt_catalogue_deployed(model), &digest, &file, why);
    if (err)
        kt_log_error("MODEL-BAD", "model=%s version=%s err=%s why=\"%s\"", model->name,
                     kt_catalogue_deployed(model)->version, kt_err_name(err), kt_log_quote(quoted, sizeof quoted, why));
    if (file)
        add_to_manifest(manifest, model, &digest, file);
    kt_model_view_add(view, model, file, &digest, err, why);
    kt_ktm_destroy(&file);
}

// The digest of a node's set with these models.
static kt_err_t
digest_of(kt_model_manifest_t *manifest)
{
    char            why[KT_CATALOGUE_WHY];
    kt_catalogue_t *catalogue = NULL;
    kt_err_t        err       = kt_catalogue_new(&catalogue);
    for (size_t i = 0; i < manifest->n && !err; i++) {
        kt_catalogue_version_t version = {.digest = manifest->at[i].digest};
        (void)kt_text_copy(version.version, sizeof version.version, manifest->at[i].version);
        (void)kt_text_copy(version.path, sizeof version.path, manifest->at[i].path);
        err = kt_catalogue_register(catalogue, manifest->at[i].type, manifest->at[i].name, &version, why);
        if (!err)
            err = kt_catalogue_deploy(catalogue, manifest->at[i].name, version.version, why);
    }
    if (!err) {
        kt_catalogue_sample(catalogue, &manifest->sampling);
        kt_catalogue_digest(catalogue, &manifest->digest);
    }
    kt_catalogue_destroy(&catalogue);
    return err;
}

static void
replace_state(kt_model_store_t *self, bool exists, const kt_model_manifest_t *manifest, size_t loaded, json_t *view)
{
    char hex[KT_DIGEST_HEX];
    pthread_mutex_lock(&self->lock);
    json_t *before = self->view;
    self->sequence++;
    self->exists   = exists;
    self->manifest = *manifest;
    self->loaded   = loaded;
    self->view     = view;
    pthread_mutex_unlock(&self->lock);
    kt_json_free(&before);
    if (exists)
        kt_log_info("MODELS-READ", "folder=\"%s\" deployed=%zu digest=%s", self->folder, manifest->n,
                    kt_digest_hex(&manifest->digest, hex));
}

void
kt_model_store_reload(kt_model_store_t *self)
{
    char                 why[KT_CATALOGUE_WHY] = "", quoted[KT_CATALOGUE_WHY];
    kt_catalogue_t      *catalogue             = NULL;
    kt_verified_t       *verified              = NULL;
    kt_model_view_t      view                  = {.models = kt_json_array()};
    kt_model_manifest_t *manifest              = calloc(1, sizeof *manifest);
    look(self, &self->seen);
    kt_err_t err    = manifest && view.models ? kt_catalogue_read(&catalogue, self->folder, why) : KT_ENOMEM;
    bool     exists = !err;
    if (err == KT_ENOFILE)
        err = kt_catalogue_new(&catalogue);
    if (!err)
        err = kt_verified_open(&verified, self->folder);
    for (size_t i = 0; !err && i < kt_catalogue_count(catalogue); i++)
        read_model(self, verified, kt_catalogue_at(catalogue, i), manifest, &view);
    kt_verified_close(&verified);
    if (!err) {
        manifest->sampling = kt_catalogue_sampling(catalogue);
        err                = digest_of(manifest);
    }
    json_t *body = err ? NULL : kt_model_view_finish(&view, catalogue, &manifest->digest);
    if (body)
        replace_state(self, exists, manifest, view.loaded, body);
    else
        kt_json_free(&view.models);
    if (err)
        kt_log_error("MODELS-BAD", "folder=\"%s\" err=%s why=\"%s\"", self->folder, kt_err_name(err),
                     kt_log_quote(quoted, sizeof quoted, why));
    if (!err && kt_catalogue_differs(catalogue, self->settings, why))
        kt_log_warn("MODELS-SETTINGS", "text=\"feature_extraction of models.yml is not used: %s\"", why);
    kt_catalogue_destroy(&catalogue);
    free(manifest);
}

// The path and size of a deployed file. False: none has this digest.
static bool
find_file(kt_model_store_t *self, kt_model_part_t *part, char path[PATH_MAX])
{
    bool found = false;
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->manifest.n && !found; i++) {
        if (memcmp(&self->manifest.at[i].digest, &part->digest, sizeof part->digest))
            continue;
        found       = snprintf(path, PATH_MAX, "%s/%s", self->folder, self->manifest.at[i].path) < PATH_MAX;
        part->total = self->manifest.at[i].bytes;
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}

static void
read_part(kt_model_store_t *self, kt_model_part_t *part)
{
    char path[PATH_MAX];
    part->err = !find_file(self, part, path) ? KT_ENOTFOUND : part->offset >= part->total ? KT_EINVAL : KT_OK;
    int fd    = part->err ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        part->err = part->err ? part->err : KT_EIO;
        return;
    }
    uint64_t left   = part->total - part->offset;
    size_t   length = left < KT_MODEL_PART_BYTES ? (size_t)left : KT_MODEL_PART_BYTES;
    ssize_t  n      = pread(fd, part->bytes, length, (off_t)part->offset);
    if (n == (ssize_t)length)
        part->length = length;
    else
        part->err = KT_EIO;
    close(fd);
}

static void *
store_main(void *argument)
{
    kt_model_store_t *self = argument;
    kt_err_t          err;
    do {
        void  *popped = NULL;
        size_t n      = 0;
        err           = kt_queue_pop(self->requests, &popped, 1, &n, WATCH_MS);
        if (!err) {
            kt_model_part_t *part = popped;
            read_part(self, part);
            if (kt_queue_push(self->parts, &part))
                free(part);  // the node asks again
        } else if (err == KT_ETIME && has_changed(self)) {
            pthread_mutex_lock(&self->changing);
            if (has_changed(self))
                kt_model_store_reload(self);
            pthread_mutex_unlock(&self->changing);
        }
    } while (err != KT_ECLOSED);
    return NULL;
}

kt_err_t
kt_model_store_new(kt_model_store_t **self_p, const kt_settings_t *settings)
{
    kt_model_store_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->settings = settings;
    pthread_mutex_init(&self->changing, NULL);
    pthread_mutex_init(&self->lock, NULL);
    kt_err_t err = kt_settings_model_dir(settings, self->folder, sizeof self->folder) ? KT_OK : KT_EINVAL;
    if (!err)
        err = kt_queue_new(&self->requests, KT_MODEL_PARTS);
    if (!err)
        err = kt_queue_new(&self->parts, KT_MODEL_PARTS);
    if (err)
        goto fail;
    kt_model_store_reload(self);
    if (!self->view) {  // models.yml is not valid: the view of an empty folder
        kt_model_manifest_t none = {.n = 0};
        kt_model_view_t     view = {.models = kt_json_array()};
        replace_state(self, false, &none, 0, kt_model_view_finish(&view, NULL, &none.digest));
    }
    err = pthread_create(&self->thread, NULL, store_main, self) ? KT_ESYSTEM : KT_OK;
    if (err)
        goto fail;
    self->running = true;
    *self_p       = self;
    return KT_OK;
fail:
    kt_model_store_destroy(&self);
    return err;
}

void
kt_model_store_destroy(kt_model_store_t **self_p)
{
    kt_model_store_t *self = *self_p;
    if (!self)
        return;
    if (self->running) {
        kt_queue_close(self->requests);
        pthread_join(self->thread, NULL);
    }
    for (kt_model_part_t *part; self->parts && (part = kt_model_store_part(self));)
        free(part);
    kt_queue_destroy(&self->requests);
    kt_queue_destroy(&self->parts);
    kt_json_free(&self->view);
    pthread_mutex_destroy(&self->changing);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

bool
kt_model_store_manifest(kt_model_store_t *self, uint64_t *sequence, bool *exists, kt_model_manifest_t *out)
{
    pthread_mutex_lock(&self->lock);
    bool changed = *sequence != self->sequence;
    if (changed) {
        *sequence = self->sequence;
        *exists   = self->exists;
        *out      = self->manifest;
    }
    pthread_mutex_unlock(&self->lock);
    return changed;
}

kt_err_t
kt_model_store_fetch(kt_model_store_t *self, uint64_t node, const kt_digest_t *digest, uint64_t offset)
{
    kt_model_part_t *part = malloc(sizeof *part + KT_MODEL_PART_BYTES);
    if (!part)
        return KT_ENOMEM;
    *part        = (kt_model_part_t){.node = node, .digest = *digest, .offset = offset};
    kt_err_t err = kt_queue_push(self->requests, &part);
    free(part);
    return err;
}

int
kt_model_store_fd(kt_model_store_t *self)
{
    return kt_queue_fd(self->parts);
}

kt_model_part_t *
kt_model_store_part(kt_model_store_t *self)
{
    void  *popped = NULL;
    size_t n      = 0;
    return kt_queue_pop(self->parts, &popped, 1, &n, 0) ? NULL : popped;
}

json_t *
kt_model_store_view(kt_model_store_t *self)
{
    pthread_mutex_lock(&self->lock);
    json_t *view = self->view ? kt_json_copy(self->view) : NULL;
    pthread_mutex_unlock(&self->lock);
    return view;
}

size_t
kt_model_store_loaded(kt_model_store_t *self)
{
    pthread_mutex_lock(&self->lock);
    size_t loaded = self->loaded;
    pthread_mutex_unlock(&self->lock);
    return loaded;
}
