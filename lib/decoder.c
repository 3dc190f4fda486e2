#include "common/text.h"
#include "lib/parts.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Where kithara-decode may be, from the library's folder: its own, those of its prefix, and those of the prefix above
// a folder that is named after the architecture (lib/x86_64-linux-gnu).
static const char *const FOLDERS[] = {
    ".",         "../bin",        "../libexec",           "../libexec/kithara", "../lib", "../lib/kithara",
    "../../bin", "../../libexec", "../../libexec/kithara"};

kt_err_t
kt_lib_decoder(const char *setting, char *out, size_t capacity)
{
    Dl_info     info;
    const char *given = setting ? setting : getenv("KITHARA_DECODE");
    if (given) {
        if (access(given, X_OK) == 0 && kt_text_copy(out, capacity, given))
            return KT_OK;
        return kt_lib_fail(KT_ENOFILE, "KITHARA_DECODE=%s is no program", given);
    }
    if (!dladdr((const void *)FOLDERS, &info) || !info.dli_fname)
        return kt_lib_fail(KT_ESYSTEM, "the library does not know its own path; set KITHARA_DECODE");
    const char *slash  = strrchr(info.dli_fname, '/');
    int         folder = slash ? (int)(slash - info.dli_fname) : 1;
    const char *own    = slash ? info.dli_fname : ".";
    for (size_t i = 0; i < sizeof FOLDERS / sizeof *FOLDERS; i++) {
        int n = snprintf(out, capacity, "%.*s/%s/kithara-decode", folder, own, FOLDERS[i]);
        if (n > 0 && (size_t)n < capacity && access(out, X_OK) == 0)
            return KT_OK;
    }
    return kt_lib_fail(KT_ENOFILE, "no kithara-decode beside %s or in its prefix; set KITHARA_DECODE", info.dli_fname);
}
