// kt_tagged -- which files differ from what was analysed by their tags alone: `kithara tag` notes size and time of
// change before and after, and `kithara run` takes such a file as unchanged. A text file in the state folder; a lost
// line costs one more analysis. One thread per object; several processes may add.
#pragma once

#include "common/buf.h"
#include "common/settings.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

typedef struct kt_file_facts {
    int64_t size, mtime_ns;  // bytes; since 1970
} kt_file_facts_t;

typedef struct kt_tagged {
    char     path[4096];  // of the text file
    kt_buf_t rows;        // sorted by key
    size_t   n;
} kt_tagged_t;

kt_file_facts_t kt_file_facts_of(const struct stat *facts);

// A missing file has no rows. KT_ENOMEM, KT_EIO.
KT_MUST_USE kt_err_t kt_tagged_load(kt_tagged_t *self, const kt_settings_t *settings);
void                 kt_tagged_fini(kt_tagged_t *self);  // idempotent
// The file of this path, which has the facts *facts, was tagged, and nothing else: *facts become those of before.
// False: not known, *facts are unchanged.
bool kt_tagged_find(const kt_tagged_t *self, const char *path, kt_file_facts_t *facts);
// The file of this path had the facts `before` and has `now`; known after the next load. KT_EDISK, KT_EIO, KT_EWRITE,
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_tagged_add(const kt_tagged_t *self, const char *path, kt_file_facts_t before,
                                   kt_file_facts_t now);
