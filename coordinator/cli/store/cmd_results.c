// results and audit: they open the ledger themselves.
#include "common/text.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/store/results.h"
#include "coordinator/cli/table.h"
#include "coordinator/ledger/open/open.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

typedef struct asked {
    const char      *run, *ledger;
    kt_results_ask_t results;
    kt_rundir_t      rundir;
} asked_t;

static bool
parse_results(kt_cli_t *cli, int argc, char **argv, asked_t *asked)
{
    int64_t number;
    for (int c; (c = kt_cli_option(cli, argc, argv, NULL)) != -1;)
        switch (c) {
        case '?': return false;
        case KT_OPT_RUN: asked->run = optarg; break;
        case KT_OPT_LEDGER: asked->ledger = optarg; break;
        case KT_OPT_HISTORY: asked->results.history = true; break;
        case KT_OPT_PATH: asked->results.path_prefix = optarg; break;
        case KT_OPT_FAILED:
            if (optarg && strcmp(optarg, "only")) {
                (void)kt_cli_usage(cli, "--failed=%s: only --failed and --failed=only exist", optarg);
                return false;
            }
            asked->results.which = optarg ? KT_WHICH_FAILURES : KT_WHICH_ALL;
            break;
        case KT_OPT_AFTER:
        case KT_OPT_LIMIT:
            if (kt_text_to_i64(optarg, 0, INT64_MAX, &number)) {
                (void)kt_cli_usage(cli, "'%s' is not a number", optarg);
                return false;
            }
            *(c == KT_OPT_AFTER ? &asked->results.after_job : &asked->results.limit) = (uint64_t)number;
            break;
        default: break;
        }
    if (optind < argc) {
        (void)kt_cli_usage(cli, "unexpected argument '%s'", argv[optind]);
        return false;
    }
    return true;
}

int
kt_cmd_results(kt_cli_t *cli, int argc, char **argv)
{
    asked_t asked = {0};
    if (!parse_results(cli, argc, argv, &asked))
        return KT_EXIT_USAGE;
    kt_err_t err = kt_results_locate(cli, asked.run, asked.ledger, &asked.rundir, &asked.results.database_url);
    if (err)
        return kt_cli_fail(err, asked.run, err == KT_ENOTFOUND ? KT_RESULTS_NEVER : NULL);
    return kt_results_show(cli, &asked.results, NULL);
}

static const kt_column_t FINDING[] = {{"JOB", "job", KT_CELL_INT, false},
                                      {"RUN", "run", KT_CELL_INT, false},
                                      {"FINDING", "finding", KT_CELL_TEXT, false}};

typedef struct findings {
    uint64_t    n;
    kt_table_t *table;  // NULL: lines for people, each as it is found
} findings_t;

static void
show_finding(void *context, kt_run_id_t id, const char *finding)
{
    findings_t *self = context;
    self->n++;
    if (self->table) {
        json_t *row = kt_json_object();
        kt_json_set(row, "job", id.job ? kt_json_int((int64_t)id.job) : kt_json_null());
        kt_json_set(row, "run", id.job && id.run ? kt_json_int(id.run) : kt_json_null());
        kt_json_set(row, "finding", kt_json_text(finding));
        kt_table_row(self->table, row);
        kt_json_free(&row);
    } else if (id.job && id.run) {
        printf("job %llu run %u: %s\n", (unsigned long long)id.job, id.run, finding);
    } else if (id.job) {
        printf("job %llu: %s\n", (unsigned long long)id.job, finding);
    } else {
        printf("ledger: %s\n", finding);
    }
}

static kt_err_t
audit_show(const kt_cli_t *cli, kt_ledger_t *ledger, findings_t *findings, uint64_t *rows)
{
    const bool for_people = cli->format == KT_FORMAT_TABLE || cli->format == KT_FORMAT_WIDE;
    kt_err_t   err        = KT_OK;
    if (!for_people)
        err = kt_table_new(&findings->table, cli->format, cli->color, FINDING, sizeof FINDING / sizeof *FINDING);
    if (!err)
        err = ledger->ops->audit(ledger, show_finding, findings, rows);
    if (!err && findings->table)
        err = kt_table_end(findings->table, stdout);
    kt_table_destroy(&findings->table);
    if (!err)
        fprintf(for_people ? stdout : stderr, "%llu rows read, %llu findings\n", (unsigned long long)*rows,
                (unsigned long long)findings->n);
    return err;
}

int
kt_cmd_audit(kt_cli_t *cli, int argc, char **argv)
{
    asked_t       asked              = {0};
    findings_t    findings           = {0};
    char          why[KT_LEDGER_WHY] = "";
    kt_ledger_t  *ledger             = NULL;
    uint64_t      rows               = 0;
    kt_settings_t settings           = *cli->settings;  // shallow: only the address differs
    const char   *url                = NULL;
    if (!parse_results(cli, argc, argv, &asked))
        return KT_EXIT_USAGE;
    kt_err_t err = kt_results_locate(cli, asked.run, asked.ledger, &asked.rundir, &url);
    if (err)
        return kt_cli_fail(err, asked.run, err == KT_ENOTFOUND ? KT_RESULTS_NEVER : NULL);
    settings.database_url = url ? url : settings.database_url;
    err                   = kt_ledger_open(&ledger, &settings, false, why);
    if (!err)
        err = audit_show(cli, ledger, &findings, &rows);
    if (ledger)
        ledger->ops->close(&ledger);
    if (err)
        return kt_cli_fail(err, "audit", why);
    return findings.n ? KT_EXIT_FAILED : KT_EXIT_OK;
}
