#include "coordinator/cli/local/scan.h"

#include "common/sidecars.h"

#include <fts.h>
#include <stdlib.h>
#include <string.h>

struct kt_scan {
    FTS     *walk;
    char   **roots;  // NULL-terminated, borrowed strings
    bool     all;
    uint64_t skipped, unreadable;
};

static int
compare_names(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

kt_err_t
kt_scan_new(kt_scan_t **self_p, char *const *paths, size_t n, bool all)
{
    kt_scan_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->all   = all;
    self->roots = calloc(n + 1, sizeof *self->roots);
    if (!self->roots)
        goto fail;
    memcpy(self->roots, paths, n * sizeof *paths);
    self->walk = fts_open(self->roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, compare_names);
    if (!self->walk)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_scan_destroy(&self);
    return KT_ENOMEM;
}

void
kt_scan_destroy(kt_scan_t **self_p)
{
    kt_scan_t *self = *self_p;
    if (!self)
        return;
    if (self->walk)
        fts_close(self->walk);
    free(self->roots);
    free(self);
    *self_p = NULL;
}

// A file named on the command line is always returned.
const char *
kt_scan_next(kt_scan_t *self)
{
    for (FTSENT *entry; (entry = fts_read(self->walk));) {
        bool named = entry->fts_level == FTS_ROOTLEVEL;
        bool file  = entry->fts_info == FTS_F || entry->fts_info == FTS_SL || (named && entry->fts_info == FTS_NS);
        if (entry->fts_info == FTS_DNR || (entry->fts_info == FTS_ERR && !named)) {
            self->unreadable++;
        } else if (!named && entry->fts_name[0] == '.') {
            if (entry->fts_info == FTS_D)
                fts_set(self->walk, entry, FTS_SKIP);
        } else if (file && !named && !self->all && kt_name_is_sidecar(entry->fts_name)) {
            self->skipped++;
        } else if (file) {
            return entry->fts_path;
        }
    }
    return NULL;
}

uint64_t
kt_scan_skipped(const kt_scan_t *self)
{
    return self->skipped;
}

uint64_t
kt_scan_unreadable(const kt_scan_t *self)
{
    return self->unreadable;
}
