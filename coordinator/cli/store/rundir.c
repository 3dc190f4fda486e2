#include "coordinator/cli/store/rundir.h"

#include "common/buf.h"
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

kt_err_t
kt_rundir_locate(kt_rundir_t *out, const kt_settings_t *settings, char *const *paths, size_t n)
{
    char        state[PATH_MAX / 2], hex[KT_DIGEST_HEX];
    kt_digest_t digest;
    kt_buf_t    all;
    kt_buf_init(&all, 64 << 20);
    for (size_t i = 0; i < n; i++)
        kt_buf_add(&all, paths[i], strlen(paths[i]) + 1);
    if (all.err) {
        kt_err_t err = all.err;
        kt_buf_fini(&all);
        return err;
    }
    kt_digest_of(all.bytes, all.length, &digest);
    kt_buf_fini(&all);
    kt_digest_hex(&digest, hex);
    *out = (kt_rundir_t){0};
    snprintf(out->path, sizeof out->path, "%s/runs/%.16s", kt_settings_state_dir(settings, state, sizeof state), hex);
    snprintf(out->database_url, sizeof out->database_url, "sqlite:%s/ledger.sqlite", out->path);
    return KT_OK;
}

kt_err_t
kt_rundir_begin(kt_rundir_t *out, const kt_settings_t *settings, char *const *paths, size_t n, bool fresh)
{
    char     file[PATH_MAX + 16];
    kt_err_t err = kt_rundir_locate(out, settings, paths, n);
    if (err)
        return err;
    snprintf(file, sizeof file, "%s/session", out->path);
    err = kt_file_make_folders(file);
    if (err)
        return err;
    int fd = fresh ? -1 : open(file, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n_read = read(fd, out->session, sizeof out->session - 1);
        close(fd);
        out->session[n_read < 0 ? 0 : n_read] = '\0';
        if (n_read == sizeof out->session - 1)
            return KT_OK;
    }
    kt_uuid_random(out->session);
    return kt_file_replace(file, 0600, out->session, strlen(out->session));
}
