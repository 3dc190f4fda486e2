#include "node/models/cache.h"

#include "common/file.h"
#include "common/log.h"
#include "models/catalogue/catalogue.h"
#include "models/catalogue/registry.h"
#include "models/catalogue/verified.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_NAME = KT_DIGEST_HEX + 4 };

static const char *
file_name(const kt_digest_t *digest, char out[FILE_NAME])
{
    char hex[KT_DIGEST_HEX];
    snprintf(out, FILE_NAME, "%s.ktm", kt_digest_hex(digest, hex));
    return out;
}

static bool
take_digest(kt_digest_t *out, kt_bytes_t bytes)
{
    if (bytes.n != sizeof out->bytes)
        return false;
    memcpy(out->bytes, bytes.at, sizeof out->bytes);
    return true;
}

kt_model_target_t *
kt_model_target_of(const kt_msg_models_t *msg)
{
    kt_model_target_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->exists = msg->digest.n > 0;
    bool valid   = !self->exists || take_digest(&self->digest, msg->digest);
    valid        = valid && msg->items.n <= KT_MODEL_TARGET && msg->sample_hz >= 0 && msg->sample_hz <= 1000 &&
            msg->sample_max <= INT32_MAX;
    self->sampling = (kt_sampling_t){valid ? msg->sample_hz : 0, valid ? (int64_t)msg->sample_max : 0};
    for (size_t i = 0; valid && i < msg->items.n; i++) {
        const kt_wire_model_t *item = &msg->items.at[i];
        kt_model_file_t       *file = &self->at[self->n++];
        kt_bytes_copy(file->name, sizeof file->name, item->name);
        kt_bytes_copy(file->version, sizeof file->version, item->version);
        kt_bytes_copy(file->type, sizeof file->type, item->type);
        file->bytes = item->bytes;
        valid       = take_digest(&file->digest, item->digest) && file->bytes && file->bytes <= KT_REGISTRY_FILE_BYTES;
    }
    if (!valid) {
        free(self);
        return NULL;
    }
    return self;
}

kt_err_t
kt_model_cache_missing(const char *folder, const kt_model_target_t *target, size_t *index)
{
    kt_verified_t *verified = NULL;
    char           name[FILE_NAME];
    kt_digest_t    digest;
    kt_err_t       err = kt_verified_open(&verified, folder);
    if (err)
        return err;
    err = KT_ENOTFOUND;
    for (size_t i = 0; i < target->n && err == KT_ENOTFOUND; i++) {
        kt_err_t found = kt_verified_digest(verified, file_name(&target->at[i].digest, name), &digest);
        if (!found && !memcmp(&digest, &target->at[i].digest, sizeof digest))
            continue;
        *index = i;
        err    = KT_OK;
    }
    kt_verified_close(&verified);
    return err;
}

static bool
part_path(const char *folder, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s/fetch.part", folder) < PATH_MAX;
}

kt_err_t
kt_model_cache_begin(const char *folder, int *fd)
{
    char     path[PATH_MAX];
    kt_err_t err = part_path(folder, path) ? kt_file_make_folders(path) : KT_EINVAL;
    if (err)
        return err;
    *fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return *fd < 0 ? kt_file_write_err_of_errno() : KT_OK;
}

kt_err_t
kt_model_cache_finish(const char *folder, int fd, const kt_model_file_t *file)
{
    char           from[PATH_MAX], to[PATH_MAX], name[FILE_NAME];
    kt_digest_t    digest;
    kt_verified_t *verified = NULL;
    if (!part_path(folder, from) ||
        snprintf(to, sizeof to, "%s/%s", folder, file_name(&file->digest, name)) >= PATH_MAX)
        return KT_EINVAL;
    kt_err_t err = fsync(fd) ? kt_file_write_err_of_errno() : kt_digest_of_fd(fd, &digest);
    if (!err && memcmp(&digest, &file->digest, sizeof digest))
        err = KT_EMODEL;
    if (!err && rename(from, to))
        err = kt_file_write_err_of_errno();
    if (err) {
        unlink(from);
        return err;
    }
    if (!kt_verified_open(&verified, folder)) {
        (void)!kt_verified_digest(verified, name, &digest);  // for the next start
        kt_verified_close(&verified);
    }
    return KT_OK;
}

static bool
catalogue_has(const kt_catalogue_t *catalogue, const char *path)
{
    for (size_t i = 0; catalogue && i < kt_catalogue_count(catalogue); i++) {
        const kt_catalogue_version_t *version = kt_catalogue_deployed(kt_catalogue_at(catalogue, i));
        if (version && !strcmp(version->path, path))
            return true;
    }
    return false;
}

// Deletes models that are in neither catalogue. An open file lives until its set ends.
static void
delete_others(const char *folder, const kt_catalogue_t *now, const kt_catalogue_t *before)
{
    char path[PATH_MAX];
    DIR *open = opendir(folder);
    if (!open)
        return;
    for (const struct dirent *entry; (entry = readdir(open));) {
        size_t length = strlen(entry->d_name);
        if (length == FILE_NAME - 1 && !strcmp(entry->d_name + length - 4, ".ktm") &&
            !catalogue_has(now, entry->d_name) && !catalogue_has(before, entry->d_name) &&
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < PATH_MAX)
            unlink(path);
    }
    closedir(open);
}

kt_err_t
kt_model_cache_write(const char *folder, const kt_model_target_t *target)
{
    char            why[KT_CATALOGUE_WHY], path[PATH_MAX];
    kt_digest_t     digest;
    kt_catalogue_t *now = NULL, *before = NULL;
    kt_err_t        err = part_path(folder, path) ? kt_file_make_folders(path) : KT_EINVAL;
    if (!err)
        err = kt_catalogue_new(&now);
    for (size_t i = 0; i < target->n && !err; i++) {
        const kt_model_file_t *file    = &target->at[i];
        kt_catalogue_version_t version = {.digest = file->digest};
        char                   name[FILE_NAME];
        snprintf(version.version, sizeof version.version, "%s", file->version);
        snprintf(version.path, sizeof version.path, "%s", file_name(&file->digest, name));
        err = kt_catalogue_register(now, file->type, file->name, &version, why);
        if (!err)
            err = kt_catalogue_deploy(now, file->name, file->version, why);
    }
    if (!err) {
        kt_catalogue_sample(now, &target->sampling);
        kt_catalogue_digest(now, &digest);
        err = memcmp(&digest, &target->digest, sizeof digest) ? KT_EMODEL : KT_OK;
    }
    (void)!kt_catalogue_read(&before, folder, why);
    if (!err)
        err = kt_catalogue_write(now, folder);
    if (!err)
        delete_others(folder, now, before);
    kt_catalogue_destroy(&now);
    kt_catalogue_destroy(&before);
    return err;
}
