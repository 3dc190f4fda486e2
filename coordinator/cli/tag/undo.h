// kt_undo -- the undo file of `kithara tag`: a JSON object per line and changed file, with what each changed tag was. A
// line is on disk before its file is replaced. One thread.
#pragma once

#include "coordinator/cli/tag/tag_file.h"
#include "coordinator/cli/tagged.h"

#include <limits.h>

typedef struct kt_undo_record {
    char            path[PATH_MAX];
    kt_file_facts_t before, after;
    uint32_t        which;  // tags that were changed, a bit each
    kt_tag_set_t    old;
} kt_undo_record_t;

typedef struct kt_undo {
    int  fd;  // -1: nothing is written yet
    char path[PATH_MAX];
} kt_undo_t;

// path: NULL: a new file in the folder "tags" of the state folder, named by time and process. The file is made by the
// first record; to one that is there records are added. KT_EINVAL: the path is too long.
KT_MUST_USE kt_err_t kt_undo_init(kt_undo_t *self, const kt_settings_t *settings, const char *path);
void                 kt_undo_fini(kt_undo_t *self);
// Returns when the line is on disk. KT_EDISK, KT_EIO, KT_EWRITE, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_undo_add(kt_undo_t *self, const kt_undo_record_t *record, const kt_tag_format_t *format);

typedef kt_err_t kt_undo_fn(void *context, const kt_undo_record_t *record);
// Each record, the last one first, until one returns an error, which is returned. A last line that was cut off is left
// out. KT_ENOFILE, KT_EACCESS, KT_EIO; KT_EMESSAGE: a line is no record, with why.
KT_MUST_USE kt_err_t kt_undo_read(const char *path, kt_undo_fn *visit, void *context, char why[KT_TAG_WHY]);
