#include "coordinator/cli/scan.h"

#include "common/folder_set.h"
#include "common/json.h"
#include "common/walk.h"
#include "coordinator/cli/cli.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH = 4096 };

// By the real path of its folder: links to folders do not matter, a link to the file is another name.
typedef struct named {
    char *place;
    bool  given;  // has been given out
} named_t;

struct kt_scan {
    kt_scan_opts_t  opts;
    size_t          next;     // of opts.paths
    const char     *folder;   // that is walked
    kt_walk_t      *walk;     // NULL: none
    kt_folder_set_t folders;  // that walks have entered, where several paths are given
    named_t        *files;    // given by name, sorted, each once; a walk does not give them again
    size_t          n_files;
    kt_left_out_t   left_out;  // of the walks that have ended
    kt_left_out_t   sum;       // and of the present one
    char            path[2 * PATH + 2];
};

static int
compare_places(const void *a, const void *b)
{
    return strcmp(((const named_t *)a)->place, ((const named_t *)b)->place);
}

static bool
real_place(const char *path, char out[PATH_MAX])
{
    char        folder[PATH_MAX];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    int         n = snprintf(folder, sizeof folder, "%.*s", (int)(name - path), path);
    if (n < 0 || (size_t)n >= sizeof folder || !realpath(n ? folder : ".", out))
        return false;
    size_t length = strcmp(out, "/") ? strlen(out) : 0;
    return snprintf(out + length, PATH_MAX - length, "/%s", name) < (int)(PATH_MAX - length);
}

static kt_err_t
list_files(kt_scan_t *self)
{
    struct stat facts;
    char        place[PATH_MAX];
    size_t      n = 0;
    self->files   = calloc(self->opts.n, sizeof *self->files);
    if (!self->files)
        return KT_ENOMEM;
    for (size_t i = 0; i < self->opts.n; i++) {
        if (stat(self->opts.paths[i], &facts) || S_ISDIR(facts.st_mode) || !real_place(self->opts.paths[i], place))
            continue;
        self->files[self->n_files].place = strdup(place);
        if (!self->files[self->n_files].place)
            return KT_ENOMEM;
        self->n_files++;
    }
    qsort(self->files, self->n_files, sizeof *self->files, compare_places);
    for (size_t i = 0; i < self->n_files; i++)
        if (n && !strcmp(self->files[n - 1].place, self->files[i].place))
            free(self->files[i].place);
        else
            self->files[n++] = self->files[i];
    self->n_files = n;
    return KT_OK;
}

// The file's entry, if it is one that is given by name.
static named_t *
find_named(const kt_scan_t *self, const char *path)
{
    char    place[PATH_MAX];
    named_t key = {.place = place};
    return self->n_files && real_place(path, place)
               ? bsearch(&key, self->files, self->n_files, sizeof *self->files, compare_places)
               : NULL;
}

kt_err_t
kt_scan_new(kt_scan_t **self_p, const kt_scan_opts_t *opts)
{
    kt_scan_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->opts   = *opts;
    kt_err_t err = opts->n > 1 ? list_files(self) : KT_OK;
    if (err) {
        kt_scan_destroy(&self);
        return err;
    }
    *self_p = self;
    return KT_OK;
}

void
kt_scan_destroy(kt_scan_t **self_p)
{
    kt_scan_t *self = *self_p;
    if (!self)
        return;
    kt_walk_destroy(&self->walk);
    kt_folder_set_fini(&self->folders);
    for (size_t i = 0; i < self->n_files; i++)
        free(self->files[i].place);
    free(self->files);
    free(self);
    *self_p = NULL;
}

static void
join_path(kt_scan_t *self, const char *below)
{
    size_t n = strlen(self->folder);
    snprintf(self->path, sizeof self->path, "%.*s%s%s", PATH - 1, self->folder,
             *below && n && self->folder[n - 1] != '/' ? "/" : "", below);
}

// Of the walk: `below` may lie behind a link, so that the path is the one by which it was reached.
static void
report_unreadable(void *context, const char *below, kt_err_t err)
{
    kt_scan_t *self = context;
    join_path(self, below);
    (void)kt_cli_fail(err, self->path, "the folder cannot be read; it is left out");
}

static bool
may_follow(void *context, const char *real)
{
    const kt_scan_t *self = context;
    return !self->opts.may_follow || self->opts.may_follow(self->opts.context, real);
}

static void
end_walk(kt_scan_t *self)
{
    kt_left_out_add(&self->left_out, kt_walk_left_out(self->walk));
    kt_walk_destroy(&self->walk);
}

// The whole rest of a folder that was named cannot be listed.
static kt_err_t
lose_folder(kt_scan_t *self, kt_err_t err)
{
    if (self->walk)
        end_walk(self);
    if (err == KT_ENOMEM)
        return err;
    self->left_out.unreadable++;
    report_unreadable(self, "", err);
    return KT_OK;
}

// The next path of the command line: a file is given out, of a folder a walk begins.
static kt_err_t
take_path(kt_scan_t *self, const char **path)
{
    struct stat facts;
    const char *given = self->opts.paths[self->next++];
    if (stat(given, &facts) || !S_ISDIR(facts.st_mode)) {
        named_t *named = find_named(self, given);
        *path          = named && named->given ? NULL : given;
        if (named)
            named->given = true;
        return KT_OK;
    }
    self->folder = given;
    kt_err_t err = kt_walk_new(&self->walk, given,
                               &(kt_walk_opts_t){.all        = self->opts.all,
                                                 .may_follow = may_follow,
                                                 .unreadable = report_unreadable,
                                                 .context    = self,
                                                 .shared     = self->opts.n > 1 ? &self->folders : NULL});
    return err ? lose_folder(self, err) : KT_OK;
}

kt_err_t
kt_scan_next(kt_scan_t *self, const char **path)
{
    kt_walk_file_t file;
    kt_err_t       err = KT_OK;
    *path              = NULL;
    while (!err && !*path && (self->walk || self->next < self->opts.n)) {
        bool more = false;
        if (!self->walk) {
            err = take_path(self, path);
            continue;
        }
        err = kt_walk_next(self->walk, &file, &more);
        if (err) {
            err = lose_folder(self, err);
        } else if (!more) {
            end_walk(self);
        } else {
            join_path(self, file.path);
            *path = file.real ? file.real : self->path;
            if (find_named(self, *path))
                *path = NULL;
        }
    }
    return err;
}

const kt_left_out_t *
kt_scan_left_out(kt_scan_t *self)
{
    self->sum = self->left_out;
    if (self->walk)
        kt_left_out_add(&self->sum, kt_walk_left_out(self->walk));
    return &self->sum;
}

static void
report_json(const kt_left_out_t *left_out)
{
    json_t *line = kt_json_object();
    kt_json_set(line, "left_out", kt_left_out_json(left_out));
    kt_json_set(line, "unreadable_folders", kt_json_int((int64_t)left_out->unreadable));
    kt_buf_t text;
    kt_buf_init(&text, 64 << 10);
    kt_json_write(line, &text);
    if (!text.err)
        fprintf(stderr, "%.*s\n", (int)text.length, text.bytes);
    kt_buf_fini(&text);
    kt_json_free(&line);
}

void
kt_scan_report(kt_scan_t *self, bool json)
{
    const kt_left_out_t *left_out = kt_scan_left_out(self);
    char                 text[KT_LEFT_OUT_TEXT];
    fflush(stdout);
    if (json) {
        report_json(left_out);
        return;
    }
    kt_left_out_text(left_out, text);
    if (text[0])
        fprintf(stderr, "kithara: left out: %s\n", text);
    if (left_out->unreadable)
        fprintf(stderr, "kithara: %llu %s could not be read\n", (unsigned long long)left_out->unreadable,
                left_out->unreadable == 1 ? "folder" : "folders");
}
