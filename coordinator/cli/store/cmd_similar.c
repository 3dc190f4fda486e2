// similar: the stored recordings nearest to a file, by the cosine distance of their combined vectors
// (coordinator/ledger/vectors.h).
#include "common/paths.h"
#include "common/text.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/store/results.h"
#include "coordinator/cli/table.h"
#include "lib/parts.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_NEAREST = 10 };

typedef struct similar {
    kt_cli_t    *cli;
    const char  *run, *ledger_url;
    int64_t      wanted;
    char         path[PATH_MAX], shown[3 * PATH_MAX];  // shown: as messages have it
    kt_rundir_t  rundir;
    kt_ledger_t *ledger;
    kt_vector_t  query;
    kt_nearest_t nearest;
} similar_t;

static const kt_column_t COLUMNS[] = {
    {"DISTANCE", "distance", KT_CELL_FIXED4, false},
    {"FILE", "file_path", KT_CELL_FILE, false},
    {"LENGTH", "duration", KT_CELL_CLOCK, false},
    {"TEMPO", "tempo", KT_CELL_FIXED1, true},
    {"KEY", "key", KT_CELL_TEXT, true},
    {"MODE", "mode", KT_CELL_TEXT, true},
    {"JOB", "job", KT_CELL_INT, true},
};

static bool
parse_similar(similar_t *self, int argc, char **argv)
{
    self->wanted = DEFAULT_NEAREST;
    for (int c; (c = kt_cli_option(self->cli, argc, argv, NULL)) != -1;)
        switch (c) {
        case '?': return false;
        case KT_OPT_RUN: self->run = optarg; break;
        case KT_OPT_LEDGER: self->ledger_url = optarg; break;
        case 'n':
            if (kt_text_to_i64(optarg, 1, KT_NEAREST_MOST, &self->wanted)) {
                (void)kt_cli_usage(self->cli, "-n %s: a number from 1 to %d is needed", optarg, KT_NEAREST_MOST);
                return false;
            }
            break;
        default: break;
        }
    if (argc - optind != 1) {
        (void)kt_cli_usage(self->cli, "one file is needed");
        return false;
    }
    return true;
}

// False if the document has no combined vector.
static bool
read_vector(const json_t *document, kt_vector_t *out)
{
    const json_t *list = kt_json_get(kt_json_get(document, "similarity_vectors"), "combined_vector");
    out->n             = kt_json_count(list);
    if (out->n == 0 || out->n > KT_VECTOR_MOST)
        return false;
    for (size_t i = 0; i < out->n; i++)
        if (!kt_json_number(kt_json_at(list, i), &out->value[i]))
            return false;
    const char *method = kt_json_str(kt_json_get(document, "methods"), "combined_vector", "");
    return kt_text_copy(out->method, sizeof out->method, method);
}

// Analyses the file to get its vector.
static kt_err_t
analyse_query(similar_t *self, char detail[KT_DETAIL])
{
    static const char OPTIONS[] = "{\"extract_spectral\":false,\"extract_mir\":false,\"extract_perceptual\":false,"
                                  "\"quality_assessment\":false,\"extract_visual\":false}";
    kithara_t        *library   = NULL;
    char             *text      = NULL;
    json_t           *document  = NULL;
    char              why[KT_JSON_WHY];
    kt_err_t          err = kt_lib_open(&library, self->cli->settings);
    if (!err)
        err = kithara_analyze_file(library, self->path, OPTIONS, &text);
    if (err)
        snprintf(detail, KT_DETAIL, "%s", kithara_why());
    else
        err = kt_json_parse(text, strlen(text), KT_DOCUMENT_MAX_BYTES, &document, why);
    if (!err && !read_vector(document, &self->query)) {
        snprintf(detail, KT_DETAIL, "no vector: %s",
                 kt_json_str(kt_json_get(document, "reasons"), "similarity_vectors", "silence, or other settings"));
        err = KT_ENOTFOUND;
    }
    kt_json_free(&document);
    kithara_free(text);
    kithara_close(&library);
    return err;
}

static int
search_nearest(similar_t *self)
{
    char        why[KT_LEDGER_WHY] = "", detail[KT_DETAIL] = "";
    const char *url = NULL;
    kt_err_t    err = kt_results_locate(self->cli, self->run, self->ledger_url, &self->rundir, &url);
    if (err)
        return kt_cli_fail(err, self->run, err == KT_ENOTFOUND ? KT_RESULTS_NEVER : NULL);
    if ((err = kt_results_open(self->cli, url, &self->ledger, why)))
        return kt_cli_fail(err, "the ledger", why);
    if (!self->ledger->ops->nearest)
        return kt_cli_fail(KT_EINVAL, "the ledger", "it keeps no vectors");
    err = self->ledger->ops->vector_of(self->ledger, self->shown, &self->query);
    if (err && err != KT_ENOTFOUND)
        return kt_cli_fail(err, "the ledger", NULL);
    if (err && (err = analyse_query(self, detail)))
        return kt_cli_fail(err, self->path, detail);
    self->nearest = (kt_nearest_t){.query = &self->query,
                                   .path  = self->shown,
                                   .want  = (size_t)self->wanted,
                                   .out   = calloc((size_t)self->wanted, sizeof(kt_neighbour_t))};
    err           = self->nearest.out ? self->ledger->ops->nearest(self->ledger, &self->nearest) : KT_ENOMEM;
    return err ? kt_cli_fail(err, "the ledger", NULL) : KT_EXIT_OK;
}

static bool
add_row(kt_table_t *table, const kt_neighbour_t *near)
{
    json_t *row   = kt_json_object();
    bool    whole = kt_json_set(row, "distance", kt_json_real(near->distance)) &&
                 kt_json_set(row, "file_path", kt_json_text(near->file_path)) &&
                 kt_json_set(row, "duration", kt_json_real(near->duration_s)) &&
                 kt_json_set(row, "tempo", kt_json_real(near->tempo)) &&
                 kt_json_set(row, "key", kt_json_text(*near->key ? near->key : NULL)) &&
                 kt_json_set(row, "mode", kt_json_text(*near->mode ? near->mode : NULL)) &&
                 kt_json_set(row, "job", kt_json_int((int64_t)near->id.job));
    if (whole)
        kt_table_row(table, row);
    kt_json_free(&row);
    return whole;
}

static int
show_nearest(const similar_t *self)
{
    const kt_nearest_t *found = &self->nearest;
    kt_table_t         *table = NULL;
    kt_err_t err = kt_table_new(&table, self->cli->format, self->cli->color, COLUMNS, sizeof COLUMNS / sizeof *COLUMNS);
    for (size_t i = 0; i < found->n && !err; i++)
        err = add_row(table, &found->out[i]) ? KT_OK : KT_ENOMEM;
    if (!err)
        err = kt_table_end(table, stdout);
    kt_table_destroy(&table);
    if (found->damaged)
        fprintf(stderr, "kithara: skipped %llu damaged vectors, the first of job %llu: `kithara audit` names them\n",
                (unsigned long long)found->damaged, (unsigned long long)found->first_damaged.job);
    if (found->other_methods)
        fprintf(stderr, "kithara: skipped %llu results with vectors of another version: analyse them again\n",
                (unsigned long long)found->other_methods);
    if (!found->n)
        fprintf(stderr, "kithara: the ledger contains no vector to compare with\n");
    if (err)
        return kt_cli_fail(err, "similar", NULL);
    return found->damaged ? KT_EXIT_FAILED : KT_EXIT_OK;
}

int
kt_cmd_similar(kt_cli_t *cli, int argc, char **argv)
{
    similar_t self = {.cli = cli};
    if (!parse_similar(&self, argc, argv))
        return KT_EXIT_USAGE;
    if (!realpath(argv[optind], self.path) || !kt_path_show(self.path, self.shown, sizeof self.shown))
        return kt_cli_fail(KT_ENOFILE, argv[optind], NULL);
    int code = search_nearest(&self);
    if (code == KT_EXIT_OK)
        code = show_nearest(&self);
    kt_nearest_clear(&self.nearest);
    free(self.nearest.out);
    kt_ledger_close(&self.ledger);
    return code;
}
