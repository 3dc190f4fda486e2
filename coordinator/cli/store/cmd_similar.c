// similar: the stored recordings nearest to a file. Exact search by cosine distance of the combined vector in one pass
// over the ledger, page by page; only the nearest are kept.
#include "common/paths.h"
#include "common/text.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/store/results.h"
#include "coordinator/cli/table.h"
#include "lib/parts.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 768, MOST_NEAREST = 1000, DEFAULT_NEAREST = 10 };

// A vector and the version of its definition; only vectors of the same version are compared.
typedef struct vector {
    size_t n;
    double value[MOST_VALUES];
    char   version[128];
} vector_t;

typedef struct neighbour {
    double  distance;
    json_t *row;
} neighbour_t;

typedef struct similar {
    kt_cli_t        *cli;
    const char      *run, *ledger;
    int64_t          wanted;
    char             path[PATH_MAX], shown[3 * PATH_MAX];  // shown: as messages have it
    kt_rundir_t      rundir;
    kt_results_ask_t ask;
    bool             found;  // the file itself has a stored vector
    vector_t         query;
    uint64_t         compared, other_versions;
    size_t           n;
    neighbour_t     *nearest;  // ascending
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
        case KT_OPT_LEDGER: self->ledger = optarg; break;
        case 'n':
            if (kt_text_to_i64(optarg, 1, MOST_NEAREST, &self->wanted)) {
                (void)kt_cli_usage(self->cli, "-n %s: a number from 1 to %d is needed", optarg, MOST_NEAREST);
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
read_vector(const json_t *document, vector_t *out)
{
    const json_t *list = kt_json_get(kt_json_get(document, "similarity_vectors"), "combined_vector");
    out->n             = kt_json_count(list);
    if (out->n == 0 || out->n > MOST_VALUES)
        return false;
    for (size_t i = 0; i < out->n; i++)
        if (!kt_json_number(kt_json_at(list, i), &out->value[i]))
            return false;
    const char *version = kt_json_str(kt_json_get(document, "methods"), "combined_vector", "");
    return kt_text_copy(out->version, sizeof out->version, version);
}

static kt_err_t
parse_document(const char *text, size_t length, json_t **out)
{
    char why[KT_JSON_WHY];
    return kt_json_parse(text, length, KT_DOCUMENT_MAX_BYTES, out, why);
}

// Finds the stored result of the file itself.
static kt_err_t
visit_own(void *context, const kt_job_row_t *row)
{
    similar_t *self     = context;
    json_t    *document = NULL;
    if (strcmp(row->file_path, self->shown) != 0)
        return KT_OK;
    kt_err_t err = parse_document(row->document, row->document_bytes, &document);
    if (!err && read_vector(document, &self->query))
        self->found = true;
    kt_json_free(&document);
    return err;
}

// Unit vectors: one minus the cosine, 0 for the same direction, 2 for the opposite.
static double
cosine_distance(const vector_t *a, const vector_t *b)
{
    double dot = 0;
    for (size_t i = 0; i < a->n; i++)
        dot += a->value[i] * b->value[i];
    return fmax(0, 1 - dot);
}

// Inserts the row if it is among the nearest; of equal distances the earlier job comes first.
static kt_err_t
insert_nearest(similar_t *self, const kt_job_row_t *row, const json_t *document, double distance)
{
    size_t place = self->n;
    while (place > 0 && self->nearest[place - 1].distance > distance)
        place--;
    if (place == (size_t)self->wanted)
        return KT_OK;

    const json_t *features = kt_json_get(document, "features"), *mir = kt_json_get(features, "mir");
    const json_t *technical = kt_json_get(features, "technical");
    json_t       *shown     = kt_json_object();
    bool          whole     = kt_json_set(shown, "distance", kt_json_real(distance)) &&
                 kt_json_set(shown, "file_path", kt_json_text(row->file_path)) &&
                 kt_json_set(shown, "duration", kt_json_real(kt_json_f64(technical, "duration", NAN))) &&
                 kt_json_set(shown, "tempo", kt_json_real(kt_json_f64(mir, "tempo", NAN))) &&
                 kt_json_set(shown, "key", kt_json_text(kt_json_str(mir, "key", NULL))) &&
                 kt_json_set(shown, "mode", kt_json_text(kt_json_str(mir, "mode", NULL))) &&
                 kt_json_set(shown, "job", kt_json_int((int64_t)row->id.job));
    if (!whole) {
        kt_json_free(&shown);
        return KT_ENOMEM;
    }

    if (self->n == (size_t)self->wanted)
        kt_json_free(&self->nearest[--self->n].row);
    memmove(self->nearest + place + 1, self->nearest + place, (self->n - place) * sizeof *self->nearest);
    self->nearest[place] = (neighbour_t){distance, shown};
    self->n++;
    return KT_OK;
}

static kt_err_t
visit_other(void *context, const kt_job_row_t *row)
{
    similar_t *self     = context;
    json_t    *document = NULL;
    vector_t   other;
    if (strcmp(row->file_path, self->shown) == 0)
        return KT_OK;
    kt_err_t err = parse_document(row->document, row->document_bytes, &document);
    if (!err && read_vector(document, &other)) {
        bool same = other.n == self->query.n && strcmp(other.version, self->query.version) == 0;
        *(same ? &self->compared : &self->other_versions) += 1;
        err = same ? insert_nearest(self, row, document, cosine_distance(&self->query, &other)) : KT_OK;
    }
    kt_json_free(&document);
    return err;
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
    kt_err_t          err       = kt_lib_open(&library, self->cli->settings);
    if (!err)
        err = kithara_analyze_file(library, self->path, OPTIONS, &text);
    if (err)
        snprintf(detail, KT_DETAIL, "%s", kithara_why());
    else
        err = parse_document(text, strlen(text), &document);
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
    char     why[KT_LEDGER_WHY] = "", detail[KT_DETAIL] = "";
    kt_err_t err = kt_results_locate(self->cli, self->run, self->ledger, &self->rundir, &self->ask.database_url);
    if (err)
        return kt_cli_fail(err, self->run, err == KT_ENOTFOUND ? KT_RESULTS_NEVER : NULL);
    self->ask.path_prefix = self->shown;
    if ((err = kt_results_visit(self->cli, &self->ask, visit_own, self, why)))
        return kt_cli_fail(err, "the ledger", why);
    if (!self->found && (err = analyse_query(self, detail)))
        return kt_cli_fail(err, self->path, detail);
    self->ask.path_prefix = NULL;
    self->nearest         = calloc((size_t)self->wanted + 1, sizeof *self->nearest);
    err                   = self->nearest ? kt_results_visit(self->cli, &self->ask, visit_other, self, why) : KT_ENOMEM;
    return err ? kt_cli_fail(err, "the ledger", why) : KT_EXIT_OK;
}

int
kt_cmd_similar(kt_cli_t *cli, int argc, char **argv)
{
    similar_t   self  = {.cli = cli};
    kt_table_t *table = NULL;
    if (!parse_similar(&self, argc, argv))
        return KT_EXIT_USAGE;
    if (!realpath(argv[optind], self.path) || !kt_path_show(self.path, self.shown, sizeof self.shown))
        return kt_cli_fail(KT_ENOFILE, argv[optind], NULL);
    int code = search_nearest(&self);
    if (code == KT_EXIT_OK) {
        kt_err_t err = kt_table_new(&table, cli->format, cli->color, COLUMNS, sizeof COLUMNS / sizeof *COLUMNS);
        for (size_t i = 0; i < self.n && !err; i++)
            kt_table_row(table, self.nearest[i].row);
        if (!err)
            err = kt_table_end(table, stdout);
        kt_table_destroy(&table);
        if (self.other_versions)
            fprintf(stderr, "kithara: skipped %llu results with vectors of another version: analyse them again\n",
                    (unsigned long long)self.other_versions);
        if (!self.compared)
            fprintf(stderr, "kithara: the ledger contains no vector to compare with\n");
        code = err ? kt_cli_fail(err, "similar", NULL) : KT_EXIT_OK;
    }
    for (size_t i = 0; i < self.n; i++)
        kt_json_free(&self.nearest[i].row);
    free(self.nearest);
    return code;
}
