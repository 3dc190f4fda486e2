#include "coordinator/cli/analyze/out_names.h"

#include "common/digest.h"
#include "common/file.h"
#include "common/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { NAME_BYTES = 255, DIGITS = 8 };

static const char *
file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// The folder of a path as it really is, of a folder itself; "" where there is none.
static void
real_folder(const char *path, char out[PATH_MAX])
{
    char        part[PATH_MAX];
    struct stat facts;
    bool        folder = !stat(path, &facts) && S_ISDIR(facts.st_mode);
    size_t      length = folder ? strlen(path) : (size_t)(file_name(path) - path);
    snprintf(part, sizeof part, "%.*s", (int)(length < sizeof part ? length : 0), path);
    if (!realpath(*part ? part : ".", out))
        out[0] = '\0';
}

// What two folders have in common: whole components.
static void
keep_common(char *base, const char *other)
{
    size_t n = 0, whole = 0;
    for (; base[n] && base[n] == other[n]; n++)
        if (base[n] == '/')
            whole = n;
    bool end              = (!base[n] || base[n] == '/') && (!other[n] || other[n] == '/');
    base[end ? n : whole] = '\0';
    if (!*base)
        (void)kt_text_copy(base, PATH_MAX, "/");
}

void
kt_out_names_init(kt_out_names_t *self, char *const *paths, size_t n, bool mirror)
{
    char first[PATH_MAX] = "", folder[PATH_MAX];
    self->base[0]        = '\0';
    for (size_t i = 0; i < n; i++) {
        real_folder(paths[i], folder);
        if (!*folder)
            continue;
        if (!*first) {
            (void)kt_text_copy(first, sizeof first, folder);
            (void)kt_text_copy(self->base, sizeof self->base, folder);
            continue;
        }
        mirror = mirror || strcmp(folder, first) != 0;
        keep_common(self->base, folder);
    }
    if (!mirror)
        self->base[0] = '\0';
}

// The part of a folder below the base, with '/' before it; the whole of one that a link leads to elsewhere.
static const char *
folder_below(const kt_out_names_t *self, const char *folder)
{
    size_t n  = strcmp(self->base, "/") ? strlen(self->base) : 0;
    bool   in = !strncmp(folder, self->base, n) && (folder[n] == '/' || !folder[n]);
    folder += in ? n : 0;
    return strcmp(folder, "/") ? folder : "";
}

kt_err_t
kt_out_names_stem(const kt_out_names_t *self, const char *dir, const char *path, char out[PATH_MAX])
{
    const char *name             = file_name(path);
    char        folder[PATH_MAX] = "", cut[DIGITS + 2] = "", hex[KT_DIGEST_HEX];
    size_t      length = strlen(name), most = NAME_BYTES - KT_OUT_SUFFIX;
    kt_digest_t digest;
    if (self->base[0])
        real_folder(path, folder);
    if (length > most) {
        kt_digest_of(name, length, &digest);
        kt_digest_hex(&digest, hex);
        snprintf(cut, sizeof cut, "~%.*s", DIGITS, hex);
        length = most - DIGITS - 1;
        while (length > 1 && ((unsigned char)name[length] & 0xc0) == 0x80)
            length--;
    }
    int n =
        snprintf(out, PATH_MAX, "%s%s/%.*s%s", dir, *folder ? folder_below(self, folder) : "", (int)length, name, cut);
    return n > 0 && n < PATH_MAX - KT_OUT_SUFFIX ? KT_OK : KT_EINVAL;
}

kt_err_t
kt_out_names_make_folders(const char *stem)
{
    char folder[PATH_MAX];
    if (!kt_text_copy(folder, sizeof folder, stem))
        return KT_EINVAL;
    for (char *slash = folder; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        if (mkdir(folder, 0777) && errno != EEXIST)
            return kt_file_write_err_of_errno();
        *slash = '/';
    }
    return KT_OK;
}
