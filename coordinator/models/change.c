// Changes requested over HTTP: uploads in parts, and the registry's operations followed by a reload.
#include "common/file.h"
#include "common/text.h"
#include "coordinator/models/store_private.h"
#include "models/catalogue/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { UPLOAD_AGE_S = 3600 };

// False: too long.
static bool
upload_path(const kt_model_store_t *self, const kt_digest_t *digest, char path[PATH_MAX])
{
    char hex[KT_DIGEST_HEX];
    return snprintf(path, PATH_MAX, "%s/uploads/%s", self->folder, kt_digest_hex(digest, hex)) < PATH_MAX;
}

// The number of uploads. Those that were not continued for an hour are deleted and not counted.
static size_t
count_uploads(const kt_model_store_t *self)
{
    char        path[PATH_MAX];
    struct stat facts;
    size_t      n    = 0;
    time_t      now  = time(NULL);
    DIR        *open = snprintf(path, sizeof path, "%s/uploads", self->folder) < PATH_MAX ? opendir(path) : NULL;
    if (!open)
        return 0;
    for (const struct dirent *entry; (entry = readdir(open));) {
        kt_digest_t digest;
        if (!kt_digest_read(&digest, entry->d_name) || !upload_path(self, &digest, path) || stat(path, &facts))
            continue;
        if (now - facts.st_mtime > UPLOAD_AGE_S)
            unlink(path);
        else
            n++;
    }
    closedir(open);
    return n;
}

static kt_err_t
open_upload(const kt_model_store_t *self, const char *path, uint64_t offset, int *fd, char why[KT_CATALOGUE_WHY])
{
    kt_err_t err = kt_file_make_folders(path);
    *fd          = err ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (!err && *fd < 0 && errno == ENOENT && offset == 0) {
        if (count_uploads(self) >= KT_MODEL_UPLOADS)
            return kt_text_explain(why, KT_CATALOGUE_WHY, KT_EFULL, "%d uploads are in progress: try again later",
                                   KT_MODEL_UPLOADS);
        *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    }
    if (!err && *fd < 0)
        err = kt_file_write_err_of_errno();
    if (err == KT_ENOFILE)
        return kt_text_explain(why, KT_CATALOGUE_WHY, KT_EINVAL, "the upload begins at 0");
    if (err)
        return kt_text_explain(why, KT_CATALOGUE_WHY, err, "ANALYZER_MODEL_PATH=%.180s: %s", self->folder,
                               kt_err_text(err));
    return KT_OK;
}

static kt_err_t
append_part(int fd, uint64_t offset, const char *bytes, size_t length, uint64_t *received, char why[KT_CATALOGUE_WHY])
{
    struct stat facts;
    if (fstat(fd, &facts))
        return KT_EIO;
    *received = (uint64_t)facts.st_size;
    if (offset > *received)
        return kt_text_explain(why, KT_CATALOGUE_WHY, KT_EINVAL, "the next part begins at %llu",
                               (unsigned long long)*received);
    if (length > KT_MODEL_UPLOAD_BYTES || offset + length > KT_REGISTRY_FILE_BYTES)
        return kt_text_explain(why, KT_CATALOGUE_WHY, KT_EFULL, "a part has at most %d bytes, a model %d",
                               KT_MODEL_UPLOAD_BYTES, KT_REGISTRY_FILE_BYTES);
    if (pwrite(fd, bytes, length, (off_t)offset) != (ssize_t)length)
        return kt_file_write_err_of_errno();
    if (offset + length > *received)
        *received = offset + length;
    return KT_OK;
}

kt_err_t
kt_model_store_upload(kt_model_store_t *self, const kt_digest_t *digest, uint64_t offset, const char *bytes,
                      size_t length, uint64_t *received, char why[KT_CATALOGUE_WHY])
{
    char path[PATH_MAX];
    int  fd   = -1;
    why[0]    = '\0';
    *received = 0;
    if (!upload_path(self, digest, path))
        return KT_EINVAL;
    pthread_mutex_lock(&self->changing);
    kt_err_t err = open_upload(self, path, offset, &fd, why);
    if (!err)
        err = append_part(fd, offset, bytes, length, received, why);
    if (fd >= 0)
        close(fd);
    pthread_mutex_unlock(&self->changing);
    return err;
}

static kt_err_t
check_upload(const char *path, const kt_digest_t *digest, char why[KT_CATALOGUE_WHY])
{
    kt_digest_t found;
    int         fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kt_text_explain(why, KT_CATALOGUE_WHY, KT_ENOTFOUND, "no file with this sha256 was uploaded");
    kt_err_t err = kt_digest_of_fd(fd, &found);
    close(fd);
    if (!err && memcmp(&found, digest, sizeof found)) {
        unlink(path);
        err = kt_text_explain(why, KT_CATALOGUE_WHY, KT_EMODEL,
                              "the uploaded bytes have another SHA-256: upload the file again");
    }
    return err;
}

static json_t *
change_json(const char *name, const char *version)
{
    json_t *json = kt_json_object();
    kt_json_set(json, "name", kt_json_text(name));
    kt_json_set(json, "version", kt_json_text(version));
    return json;
}

kt_err_t
kt_model_store_register(kt_model_store_t *self, const kt_digest_t *digest, const char *type, json_t **out,
                        char why[KT_CATALOGUE_WHY])
{
    char            path[PATH_MAX], hex[KT_DIGEST_HEX];
    kt_registered_t done;
    why[0] = '\0';
    if (!upload_path(self, digest, path))
        return KT_EINVAL;
    pthread_mutex_lock(&self->changing);
    kt_err_t err = check_upload(path, digest, why);
    if (!err)
        err = kt_registry_register(self->folder, path, type, &done, why);
    if (err != KT_EAGAIN && err != KT_ENOTFOUND)
        unlink(path);  // registered, or never to be
    if (!err) {
        *out = change_json(done.name, done.version);
        kt_json_set(*out, "type", kt_json_text(done.type));
        kt_json_set(*out, "sha256", kt_json_text(kt_digest_hex(&done.digest, hex)));
        kt_model_store_reload(self);
    }
    pthread_mutex_unlock(&self->changing);
    return err;
}

kt_err_t
kt_model_store_change(kt_model_store_t *self, kt_model_change_t change, const char *name, const char *version,
                      json_t **out, char why[KT_CATALOGUE_WHY])
{
    char     now[32] = "";
    kt_err_t err     = KT_OK;
    why[0]           = '\0';
    pthread_mutex_lock(&self->changing);
    switch (change) {
    case KT_MODEL_DEPLOY: err = kt_registry_deploy(self->folder, name, version, why); break;
    case KT_MODEL_ROLLBACK: err = kt_registry_rollback(self->folder, name, now, why); break;
    case KT_MODEL_RETIRE: err = kt_registry_retire(self->folder, name, version, why); break;
    }
    if (!err) {
        *out = change_json(name, version ? version : now);
        kt_model_store_reload(self);
    }
    pthread_mutex_unlock(&self->changing);
    return err;
}
