#include "models/backend/cuda/library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

void *
kt_library_open(const char *name, const char *variable, bool system, char why[KT_LIBRARY_WHY])
{
    static const char *const PLACES[] = {"", "/../lib/kithara", "/../lib"};
    const char              *named    = getenv(variable);
    char                     program[PATH_BYTES], path[PATH_BYTES + 64];
    if (named && *named) {
        void *library = dlopen(named, RTLD_NOW | RTLD_LOCAL);
        if (!library)
            snprintf(why, KT_LIBRARY_WHY, "%s", dlerror());
        return library;
    }
    snprintf(why, KT_LIBRARY_WHY, "%s is not installed", name);
    const ssize_t length             = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    char *folder_end                 = strrchr(program, '/');
    if (folder_end)
        *folder_end = '\0';
    for (size_t i = 0; folder_end && i < sizeof PLACES / sizeof *PLACES; i++) {
        if (snprintf(path, sizeof path, "%s%s/%s", program, PLACES[i], name) >= (int)sizeof path || access(path, R_OK))
            continue;
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (library)
            return library;
        snprintf(why, KT_LIBRARY_WHY, "%s", dlerror());
    }
    return system ? dlopen(name, RTLD_NOW | RTLD_LOCAL) : NULL;
}
