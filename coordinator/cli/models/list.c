// models list: the models of the farm, or where no coordinator answers those of this machine.
#include "coordinator/cli/client.h"
#include "coordinator/cli/models/models.h"
#include "coordinator/cli/table.h"
#include "coordinator/models/store.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

static const kt_column_t COLUMNS[] = {
    {"NAME", "name", KT_CELL_TEXT, false},         {"VERSION", "version", KT_CELL_TEXT, false},
    {"TYPE", "type", KT_CELL_TEXT, false},         {"STATUS", "status", KT_CELL_TEXT, false},
    {"CLASSES", "n_classes", KT_CELL_INT, false},  {"MB", "memory_mb", KT_CELL_FIXED1, false},
    {"ACCURACY", "accuracy", KT_CELL_REAL, false}, {"MEASURED ON", "accuracy_set", KT_CELL_TEXT, false},
    {"LICENCE", "licence", KT_CELL_TEXT, true},    {"SHA256", "sha256", KT_CELL_TEXT, true},
    {"REASON", "reason", KT_CELL_TEXT, true},
};

static int
print_models(kt_cli_t *cli, const json_t *answer)
{
    return kt_table_list(cli, answer, "models", COLUMNS, sizeof COLUMNS / sizeof *COLUMNS);
}

static int
list_folder(kt_cli_t *cli, const char *folder)
{
    kt_settings_t     settings = *cli->settings;
    kt_model_store_t *store    = NULL;
    settings.model_path        = folder;
    kt_err_t err               = kt_model_store_new(&store, &settings);
    if (err)
        return kt_cli_fail(err, folder, NULL);
    json_t *answer = kt_model_store_view(store);
    int     code   = answer ? print_models(cli, answer) : kt_cli_fail(KT_ENOMEM, folder, NULL);
    kt_json_free(&answer);
    kt_model_store_destroy(&store);
    return code;
}

int
kt_models_list(kt_cli_t *cli, int argc, char **argv)
{
    const char *folder = NULL;
    for (int c; (c = kt_cli_option(cli, argc, argv, "list")) != -1;) {
        if (c == '?')
            return KT_EXIT_USAGE;
        if (c == KT_OPT_OUT && !kt_sink_open(cli, optarg))
            return KT_EXIT_USAGE;
        if (c == KT_OPT_FOLDER)
            folder = optarg;
    }
    if (optind < argc)
        return kt_cli_usage(cli, "unexpected argument '%s'", argv[optind]);
    if (folder)
        return list_folder(cli, folder);
    kt_client_t *client = kt_client_open(cli->settings);
    if (!client)
        return KT_EXIT_FAILED;
    json_t     *answer = NULL;
    char        own[PATH_MAX];
    kt_err_t    err = kt_client_get(client, "/models", &answer);
    struct stat facts;
    int         code;
    // A laptop has no coordinator, but models.
    if (err == KT_EUNREACHABLE && kt_settings_model_dir(cli->settings, own, sizeof own) && stat(own, &facts) == 0) {
        fprintf(stderr, "no coordinator at %s; models of this machine, %s:\n", cli->settings->http_url, own);
        code = list_folder(cli, own);
    } else {
        code = err ? kt_client_fail(client, err) : print_models(cli, answer);
    }
    kt_json_free(&answer);
    kt_client_destroy(&client);
    return code;
}
