#include "common/sidecars.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char *const SIDECARS[] = {"jpg", "jpeg", "png", "gif", "webp", "bmp", "tif", "tiff", "sfv",
                                       "md5", "nfo",  "cue", "log", "db",   "ini", "pdf", "lrc"};

bool
kt_name_is_sidecar(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof SIDECARS / sizeof *SIDECARS; i++)
        if (!strcasecmp(dot + 1, SIDECARS[i]))
            return true;
    return false;
}
