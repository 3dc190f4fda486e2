#include "common/settings_pass.h"

#include "common/buf.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SETTINGS_BYTES = 1 << 20 };

kt_err_t
kt_settings_pass(const kt_settings_t *settings, int *fd)
{
    kt_buf_t text;
    int      made = memfd_create("kithara-settings", MFD_CLOEXEC);
    if (made < 0)
        return KT_ESYSTEM;
    kt_buf_init(&text, SETTINGS_BYTES);
    kt_settings_print(settings, &text);
    kt_err_t err = text.err;
    if (!err && write(made, text.bytes, text.length) != (ssize_t)text.length)
        err = KT_ESYSTEM;
    kt_buf_fini(&text);
    if (err)
        close(made);
    else
        *fd = made;
    return err;
}

kt_err_t
kt_settings_take(kt_settings_t *out, int fd)
{
    char  path[32], why[KT_SETTINGS_WHY];
    char *environment[] = {NULL};
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return kt_settings_load(out, path, environment, why);
}

kt_err_t
kt_settings_copy(const kt_settings_t *settings, kt_settings_t *out)
{
    int      fd;
    kt_err_t err = kt_settings_pass(settings, &fd);
    if (err)
        return err;
    err = kt_settings_take(out, fd);
    close(fd);
    return err;
}
