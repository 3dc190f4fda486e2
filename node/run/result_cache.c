#include "node/run/result_cache.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/settings_shared.h"
#include "kernels/device.h"
#include "node/run/cache_folder.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// An entry is one line, "kithara-result-1 DIGEST", and the text that has this digest.
#define MAGIC "kithara-result-1 "
enum { HEAD_BYTES = sizeof MAGIC - 1 + KT_DIGEST_HEX, FOLDERS = 256 };

struct kt_cache {
    kt_digest_t  own;  // of what all entries of this process depend on
    char         folder[4096];
    uint64_t     share_bytes;   // of one of the folders
    _Atomic bool write_failed;  // and logged: the folder cannot be written
};

// Size and time of change, which a build or an installation renews. Digests of the programs would cost more than a
// look-up.
static void
add_program(kt_buf_t *out, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0)
        kt_buf_fmt(out, "program %lld %lld.%09ld\n", (long long)st.st_size, (long long)st.st_mtim.tv_sec,
                   st.st_mtim.tv_nsec);
}

static void
add_decoder(kt_buf_t *out)
{
    char        own[4096];
    char        path[4096 + 32];
    const char *named = getenv("KITHARA_DECODE");
    ssize_t     n     = readlink("/proc/self/exe", own, sizeof own - 1);
    if (named) {
        add_program(out, named);
        return;
    }
    if (n <= 0)
        return;
    own[n]      = '\0';
    char *slash = strrchr(own, '/');
    snprintf(path, sizeof path, "%.*s/kithara-decode", slash ? (int)(slash - own) : 0, own);
    add_program(out, path);
}

kt_err_t
kt_cache_new(kt_cache_t **self_p, const kt_settings_t *settings)
{
    kt_device_info_t info   = {0};
    kt_device_t     *device = NULL;
    char             value[KT_SHARED_TEXT];
    kt_buf_t         text;
    if (!*settings->cache_dir)
        return KT_OK;
    kt_cache_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    snprintf(self->folder, sizeof self->folder, "%s", settings->cache_dir);
    self->share_bytes = ((uint64_t)settings->cache_size_mb << 20) / FOLDERS;
    kt_buf_init(&text, 4096);
    kt_err_t err = kt_device_cpu(&device, &(kt_device_opts_t){settings->isa});
    if (err)
        goto fail;
    kt_device_info(device, &info);
    kt_device_destroy(&device);
    kt_buf_fmt(&text, "%s analysis %s device %s\n", KT_VERSION, KT_ANALYSIS_VERSION, info.kind);
    add_program(&text, "/proc/self/exe");
    add_decoder(&text);
    for (size_t i = 0; i < KT_SHARED_SETTINGS; i++)
        kt_buf_fmt(&text, "%s=%s\n", kt_shared_setting_name(i), kt_shared_setting_text(settings, i, value));
    kt_buf_fmt(&text, "int8 %d\n", settings->model_int8);
    if ((err = text.err))
        goto fail;
    kt_digest_of(text.bytes, text.length, &self->own);
    kt_buf_fini(&text);
    *self_p = self;
    return KT_OK;
fail:
    kt_buf_fini(&text);
    kt_cache_destroy(&self);
    return err;
}

void
kt_cache_destroy(kt_cache_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}

static void
entry_name(const kt_cache_t *self, const kt_cache_key_t *key, char name[KT_DIGEST_HEX])
{
    enum { NUMBERS = 4, FIXED = 2 * KT_DIGEST_BYTES + NUMBERS * sizeof(uint32_t) + sizeof(double) };
    uint8_t        bytes[FIXED + 2 * KT_DIGEST_BYTES];
    size_t         n = FIXED;
    kt_digest_t    digest;
    const uint32_t numbers[NUMBERS] = {key->options, key->pcm_rate_hz, key->pcm_channels, key->sample_max};
    memcpy(bytes, self->own.bytes, KT_DIGEST_BYTES);
    memcpy(bytes + KT_DIGEST_BYTES, key->content.bytes, KT_DIGEST_BYTES);
    memcpy(bytes + 2 * (size_t)KT_DIGEST_BYTES, numbers, sizeof numbers);
    memcpy(bytes + FIXED - sizeof(double), &key->sample_hz, sizeof(double));
    if (key->device && *key->device) {
        kt_digest_of(key->device, strlen(key->device), &digest);
        memcpy(bytes + n, digest.bytes, KT_DIGEST_BYTES);
        n += KT_DIGEST_BYTES;
    }
    if (key->models) {
        kt_digest_of(key->models->bytes, KT_DIGEST_BYTES, &digest);  // else it could pass for a device's
        memcpy(bytes + n, digest.bytes, KT_DIGEST_BYTES);
        n += KT_DIGEST_BYTES;
    }
    kt_digest_of(bytes, n, &digest);
    kt_digest_hex(&digest, name);
}

// The text of an entry; NULL if it is damaged.
static const char *
entry_text(const kt_buf_t *entry, size_t *length)
{
    char        hex[KT_DIGEST_HEX];
    kt_digest_t digest;
    if (entry->length <= HEAD_BYTES || memcmp(entry->bytes, MAGIC, sizeof MAGIC - 1) != 0 ||
        entry->bytes[HEAD_BYTES - 1] != '\n')
        return NULL;
    *length = entry->length - HEAD_BYTES;
    kt_digest_of(entry->bytes + HEAD_BYTES, *length, &digest);
    kt_digest_hex(&digest, hex);
    return memcmp(entry->bytes + sizeof MAGIC - 1, hex, KT_DIGEST_HEX - 1) == 0 ? entry->bytes + HEAD_BYTES : NULL;
}

// Replaces the members that belong to the job. Others may be able to write the folder: an entry is checked like any
// message.
static kt_err_t
rewrite_for_job(const char *text, size_t length, const kt_job_t *job, const kt_stamp_t *stamp, kt_buf_t *out)
{
    char     why[KT_DOCUMENT_WHY], time[KT_RFC3339_BYTES];
    json_t  *document = NULL;
    kt_buf_t own;
    kt_buf_init(&own, KT_DOCUMENT_MAX_BYTES);
    kt_err_t err = kt_json_parse(text, length, KT_DOCUMENT_MAX_BYTES, &document, why);
    if (!err && !(kt_json_set(document, "message_id", kt_json_text(job->message_id)) &&
                  kt_json_set(document, "media_id", kt_json_text(*job->media_id ? job->media_id : NULL)) &&
                  kt_json_set(document, "file_path", kt_json_text(job->file_path)) &&
                  kt_json_set(document, "processing_time", kt_json_real(stamp->processing_time_s)) &&
                  kt_json_set(document, "timestamp", kt_json_text(kt_clock_rfc3339(stamp->wall_ms, time)))))
        err = KT_ENOMEM;
    if (!err)
        kt_json_write(document, &own);
    if (!err && !(err = own.err))
        err = kt_document_check(own.bytes, own.length, why);
    if (!err && !kt_json_flag(document, "success", false))
        err = KT_EDOCUMENT;
    if (!err) {
        kt_buf_add(out, own.bytes, own.length);
        err = out->err;
    }
    kt_json_free(&document);
    kt_buf_fini(&own);
    return err;
}

kt_err_t
kt_cache_find(const kt_cache_t *self, const kt_cache_key_t *key, const kt_job_t *job, const kt_stamp_t *stamp,
              kt_buf_t *out)
{
    char     name[KT_DIGEST_HEX];
    size_t   length = 0;
    kt_buf_t entry;
    entry_name(self, key, name);
    kt_buf_init(&entry, HEAD_BYTES + KT_DOCUMENT_MAX_BYTES);
    kt_err_t    err  = kt_cache_folder_read(self->folder, name, &entry);
    const char *text = err ? NULL : entry_text(&entry, &length);
    if (!err)
        err = text ? rewrite_for_job(text, length, job, stamp, out) : KT_EDOCUMENT;
    if (err == KT_EDOCUMENT || err == KT_EMESSAGE)
        kt_log_warn("CACHE-DAMAGED", "entry=%s err=%s", name, kt_err_name(err));
    kt_buf_fini(&entry);
    return err ? KT_ENOTFOUND : KT_OK;
}

void
kt_cache_store(kt_cache_t *self, const kt_cache_key_t *key, const char *text, size_t length)
{
    char        name[KT_DIGEST_HEX], hex[KT_DIGEST_HEX];
    kt_digest_t digest;
    kt_buf_t    entry;
    entry_name(self, key, name);
    kt_digest_of(text, length, &digest);
    kt_buf_init(&entry, HEAD_BYTES + KT_DOCUMENT_MAX_BYTES);
    kt_buf_fmt(&entry, MAGIC "%s\n", kt_digest_hex(&digest, hex));
    kt_buf_add(&entry, text, length);
    kt_err_t err = entry.err;
    if (!err)
        err = kt_cache_folder_write(self->folder, name, &entry, self->share_bytes);
    if (err && !atomic_exchange(&self->write_failed, true))
        kt_log_warn("CACHE-WRITE", "folder=\"%s\" err=%s", self->folder, kt_err_name(err));
    kt_buf_fini(&entry);
}
