// db: the ledger's schema.
#include "common/clock.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/table.h"
#include "coordinator/ledger/open/migrate.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const kt_column_t COLUMNS[] = {
    {"NUMBER", "number", KT_CELL_INT, false},     {"MIGRATION", "name", KT_CELL_TEXT, false},
    {"STATE", "state", KT_CELL_TEXT, false},      {"APPLIED", "applied_at", KT_CELL_TEXT, false},
    {"CHECKSUM", "checksum", KT_CELL_TEXT, true},
};

static json_t *
migration_object(const kt_migration_row_t *row)
{
    static const char *const STATES[] = {
        [KT_MIGRATION_APPLIED] = "applied",
        [KT_MIGRATION_MISSING] = "missing",
        [KT_MIGRATION_CHANGED] = "changed",
        [KT_MIGRATION_NEWER]   = "newer",
    };
    char    at[KT_RFC3339_BYTES];
    json_t *object = kt_json_object();
    bool    made   = kt_json_set(object, "number", kt_json_int(row->number)) &&
                kt_json_set(object, "name", kt_json_text(row->name)) &&
                kt_json_set(object, "state", kt_json_text(STATES[row->state])) &&
                kt_json_set(object, "applied_at",
                            row->applied_ms ? kt_json_text(kt_clock_rfc3339(row->applied_ms, at)) : kt_json_null()) &&
                kt_json_set(object, "checksum", *row->checksum ? kt_json_text(row->checksum) : kt_json_null());
    if (!made)
        kt_json_free(&object);
    return object;
}

static int
show_schema(const kt_cli_t *cli, const kt_settings_t *settings)
{
    char                why[KT_LEDGER_WHY] = "";
    kt_migration_row_t *rows               = NULL;
    size_t              n                  = 0;
    kt_err_t            err                = kt_ledger_schema(settings, &rows, &n, why);
    if (err)
        return kt_cli_fail(err, "db status", why);

    bool    current = true;
    json_t *list    = kt_json_array();
    json_t *answer  = kt_json_object();
    bool    made    = list && answer;
    for (size_t i = 0; i < n && made; i++) {
        current = current && rows[i].state == KT_MIGRATION_APPLIED;
        made    = kt_json_append(list, migration_object(&rows[i]));
    }
    free(rows);
    made     = made && kt_json_set(answer, "current", kt_json_bool(current)) && kt_json_set(answer, "migrations", list);
    int code = made ? kt_table_list(cli, answer, "migrations", COLUMNS, sizeof COLUMNS / sizeof *COLUMNS)
                    : kt_cli_fail(KT_ENOMEM, "db", NULL);
    kt_json_free(&answer);
    return code == KT_EXIT_OK && !current ? KT_EXIT_FAILED : code;
}

int
kt_cmd_db(kt_cli_t *cli, int argc, char **argv)
{
    kt_settings_t settings           = *cli->settings;  // shallow: only the address differs
    char          why[KT_LEDGER_WHY] = "";
    size_t        applied            = 0;
    kt_err_t      err;
    for (int c; (c = kt_cli_option(cli, argc, argv, NULL)) != -1;) {
        if (c == '?')
            return KT_EXIT_USAGE;
        if (c == KT_OPT_LEDGER)
            settings.database_url = optarg;
    }
    if (optind < argc && !kt_verb_find(cli->command, argv[optind]))
        return kt_cli_unknown(cli, "verb", argv[optind], kt_verb_suggest(cli->command, argv[optind]));
    if (optind + 1 == argc && !strcmp(argv[optind], "status"))
        return show_schema(cli, &settings);
    if (optind + 2 == argc && !strcmp(argv[optind], "backup")) {
        err = kt_ledger_backup(&settings, argv[optind + 1], why);
        if (err)
            return kt_cli_fail(err, "db backup", why);
        kt_cli_say("%s: a copy of the ledger", argv[optind + 1]);
        return KT_EXIT_OK;
    }
    if (optind + 1 != argc || strcmp(argv[optind], "migrate"))
        return kt_cli_usage(cli, "db takes one of migrate, status, backup FILE");
    err = kt_ledger_migrate(&settings, &applied, why);
    if (err)
        return kt_cli_fail(err, "db migrate", why);
    printf("%zu migration%s applied, the schema is up to date\n", applied, applied == 1 ? "" : "s");
    return KT_EXIT_OK;
}
