// backfill export: the output messages of a backfill, page by page. A path that was never analysed, because its name
// cannot be sent to a node, has a line of the same shape.
#include "coordinator/cli/analyze/feature_rows.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/remote/cmd_backfill.h"
#include "coordinator/cli/store/results.h"
#include "coordinator/cli/table.h"
#include "proto/document.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

typedef struct export
{
    kt_cli_t          *cli;
    kt_client_t       *client;
    bool               csv, failed;
    const char        *id;
    kt_feature_rows_t *features;
    kt_table_t        *table;
    uint64_t           written, missing;
    kt_damaged_t       damaged;
}
export_t;

static bool
parse_export(export_t *self, int argc, char **argv)
{
    self->cli->format = KT_FORMAT_JSONL;
    optind            = 0;
    for (int c; (c = kt_cli_option(self->cli, argc, argv, "export")) != -1;) {
        if (c == '?')
            return false;
        self->failed |= c == KT_OPT_FAILED;
    }
    self->csv = self->cli->format == KT_FORMAT_CSV;
    if (!kt_cli_is_data(self->cli)) {
        (void)kt_cli_usage(self->cli, "-o of backfill export is jsonl, json or csv");
        return false;
    }
    if (optind + 1 == argc && kt_cli_is_number(argv[optind])) {
        self->id = argv[optind];
        return true;
    }
    if (optind + 1 == argc) {
        (void)kt_cli_usage(self->cli, "'%.40s' is not the number of a backfill", argv[optind]);
        return false;
    }
    (void)kt_cli_usage(self->cli, "backfill export takes one ID");
    return false;
}

static kt_err_t
write_export_row(export_t *self, const json_t *row)
{
    const json_t *document = kt_json_get(row, "document"), *shown = document;
    json_t       *made    = NULL;
    const bool    refused = strcmp(kt_json_str(row, "outcome", ""), "refused") == 0;
    kt_err_t      err     = KT_OK;
    if (kt_json_flag(row, "damaged", false)) {
        if (!self->damaged.n++)
            self->damaged.first_job = (uint64_t)kt_json_i64(row, "job", 0);
        return KT_OK;
    }
    if (kt_json_kind(document) != KT_JSON_OBJECT && !refused) {
        self->missing++;
        return KT_OK;
    }
    self->written++;
    if (kt_json_kind(document) != KT_JSON_OBJECT) {  // a path without an output message
        shown = made = kt_json_object();
        err          = made ? KT_OK : KT_ENOMEM;
        kt_json_set(made, "message_id", kt_json_null());
        kt_json_set(made, "file_path", kt_json_text(kt_json_str(row, "file_path", "")));
        kt_json_set(made, "success", kt_json_bool(false));
        kt_json_set(made, "error", kt_json_copy(kt_json_get(row, "error")));
    }
    json_t *flat = !err && self->csv ? kt_feature_row(self->features, shown) : NULL;
    if (!err && self->csv && !flat)
        err = KT_ENOMEM;
    if (!err)
        kt_table_row(self->table, flat ? flat : shown);
    if (!err && ferror(stdout))
        err = KT_EIO;
    kt_json_free(&flat);
    kt_json_free(&made);
    return err;
}

// *answered: the error is the coordinator's response.
static kt_err_t
write_pages(export_t *self, bool *answered)
{
    char     path[256], number[64];
    kt_err_t err = kt_client_escape(number, sizeof number, self->id) ? KT_OK : KT_EINVAL;
    for (int64_t after = 0; !err && after >= 0;) {
        json_t *answer = NULL;
        snprintf(path, sizeof path, "/v1/backfills/%s/results?limit=500&failed=%d&after=%lld", number, self->failed,
                 (long long)after);
        err       = kt_client_get(self->client, path, &answer);
        *answered = err != KT_OK;
        if (err)
            break;
        const json_t *rows = kt_json_get(answer, "results");
        for (size_t i = 0; rows && i < kt_json_count(rows) && !err; i++)
            err = write_export_row(self, kt_json_at(rows, i));
        after = kt_json_i64(answer, "next", -1);
        kt_json_free(&answer);
    }
    return err;
}

int
kt_backfill_export(kt_cli_t *cli, kt_client_t *client, int argc, char **argv)
{
    export_t self     = {.cli = cli, .client = client};
    bool     answered = false;
    if (!parse_export(&self, argc, argv))
        return KT_EXIT_USAGE;
    kt_column_t columns[KT_FEATURE_ROWS_MAX];
    const char *units[KT_FEATURE_ROWS_MAX];
    kt_err_t    err = kt_feature_rows_new(&self.features, cli);
    if (!err)
        err = kt_feature_rows_table(self.features, cli->format, NULL, 0, &self.table, columns, units);
    if (!err)
        err = write_pages(&self, &answered);
    if (!err)
        err = kt_table_end(self.table, stdout);
    if (!err && fflush(stdout))
        err = KT_EIO;
    kt_table_destroy(&self.table);
    kt_feature_rows_destroy(&self.features);
    if (err == KT_EIO && ferror(stdout))
        return KT_EXIT_OK;  // kt_sink_close reports it
    if (err)
        return answered ? kt_backfill_fail(client, err, self.id) : kt_cli_fail(err, "export", NULL);
    if (self.missing)
        fprintf(stderr, "kithara: %llu paths have no result\n", (unsigned long long)self.missing);
    kt_damaged_show(&self.damaged);
    return self.damaged.n ? KT_EXIT_FAILED : KT_EXIT_OK;
}
