// status, nodes, queue: views of the coordinator, and control requests. Each view is one request and one table of
// columns.
#include "coordinator/cli/client.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/remote/view.h"
#include "coordinator/cli/table.h"
#include "coordinator/cli/watch.h"

#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const kt_column_t STATUS[] = {
    {"coordinator", "coordinator", KT_CELL_TEXT, false},
    {"version", "version", KT_CELL_TEXT, true},
    {"analysis version", "analysis_version", KT_CELL_TEXT, true},
    {"uptime", "uptime_s", KT_CELL_SECONDS, false},
    {"draining", "draining", KT_CELL_TEXT, true},
    {"ledger", "ledger.kind", KT_CELL_TEXT, false},
    {"ledger answers", "ledger.up", KT_CELL_TEXT, false},
    {"broker", "amqp.state", KT_CELL_TEXT, false},
    {"broker problem", "amqp.trouble", KT_CELL_TEXT, false},
    {"nodes", "nodes.summary", KT_CELL_TEXT, false},
    {"jobs waiting", "jobs.waiting", KT_CELL_INT, false},
    {"jobs in work", "jobs.in_work", KT_CELL_INT, false},
    {"jobs elsewhere", "jobs.elsewhere", KT_CELL_INT, true},
    {"jobs done", "jobs.done", KT_CELL_INT, false},
    {"jobs failed", "jobs.failed", KT_CELL_INT, false},
    {"jobs cancelled", "jobs.cancelled", KT_CELL_INT, true},
    {"credit", "credit", KT_CELL_INT, true},
    {"ready", "ready", KT_CELL_INT, true},
    {"sent", "sent", KT_CELL_INT, true},
    {"running", "running", KT_CELL_INT, true},
    {"storing", "storing", KT_CELL_INT, true},
    {"files per second", "rate_per_s", KT_CELL_FIXED1, false},
};

static const kt_column_t QUEUE[] = {
    {"waiting", "waiting", KT_CELL_INT, false},
    {"in work", "in_work", KT_CELL_INT, false},
    {"elsewhere", "elsewhere", KT_CELL_INT, true},
    {"ready", "ready", KT_CELL_INT, true},
    {"sent", "sent", KT_CELL_INT, true},
    {"running", "running", KT_CELL_INT, true},
    {"storing", "storing", KT_CELL_INT, true},
    {"done", "done", KT_CELL_INT, false},
    {"failed", "failed", KT_CELL_INT, false},
    {"cancelled", "cancelled", KT_CELL_INT, false},
    {"files per second", "rate_per_s", KT_CELL_FIXED1, false},
    {"time left", "eta_s", KT_CELL_SECONDS, false},
};

static const kt_column_t NODES[] = {
    {"NODE", "name", KT_CELL_TEXT, false},
    {"STATE", "state", KT_CELL_TEXT, false},
    {"SLOTS", "slots", KT_CELL_INT, false},
    {"CREDIT", "credit", KT_CELL_INT, false},
    {"HELD", "held", KT_CELL_INT, false},
    {"UNACKED", "kept", KT_CELL_INT, true},
    {"DONE", "done", KT_CELL_INT, false},
    {"FAILED", "failed", KT_CELL_INT, false},
    {"CRASHES", "crashes", KT_CELL_INT, true},
    {"SILENT", "silent_ms", KT_CELL_MS, false},
    {"MEMORY MB", "memory_mb", KT_CELL_INT, true},
    {"DEVICE", "device", KT_CELL_TEXT, false},
    {"NOTE", "note", KT_CELL_TEXT, false},
    {"HOST", "host", KT_CELL_TEXT, true},
    {"VERSION", "version", KT_CELL_TEXT, true},
    {"MODELS", "models", KT_CELL_TEXT, true},
    {"GPUS", "gpus", KT_CELL_INT, true},
    {"GPU %", "gpu_percent", KT_CELL_INT, true},
    {"GPU MB", "gpu_memory_mb", KT_CELL_INT, true},
    {"OF MB", "gpu_memory_total_mb", KT_CELL_INT, true},
    {"GPU C", "gpu_celsius", KT_CELL_INT, true},
    {"GPU FILES", "gpu_files", KT_CELL_INT, true},
    {"CPU FILES", "cpu_files", KT_CELL_INT, true},
};

typedef struct showing {
    kt_client_t     *client;
    const kt_view_t *view;
} showing_t;

static kt_err_t
show_once(void *context, kt_cli_t *cli)
{
    const showing_t *self   = context;
    const kt_view_t *view   = self->view;
    json_t          *answer = NULL;
    kt_err_t         err    = kt_client_get(self->client, view->path, &answer);
    if (!err && (view->list ? kt_table_list(cli, answer, view->list, view->columns, view->n_columns)
                            : kt_table_object(cli, answer, view->columns, view->n_columns)) != KT_EXIT_OK)
        err = KT_EIO;
    kt_json_free(&answer);
    return err;
}

int
kt_view_show(kt_cli_t *cli, const kt_view_t *view, bool watch)
{
    kt_client_t *client = kt_client_open(cli->settings);
    if (!client)
        return KT_EXIT_FAILED;
    kt_err_t err = kt_watch_run(cli, watch, show_once, &(showing_t){client, view});
    // KT_EIO: of standard output, which is reported when it is closed.
    int code = err == KT_EIO ? KT_EXIT_FAILED : err ? kt_client_fail(client, err) : KT_EXIT_OK;
    kt_client_destroy(&client);
    return code;
}

// POST for control of a node; prints the result. later: it applies to a name, whose node may not be connected yet, or
// which may be misspelt.
static int
post_control(kt_cli_t *cli, const char *path, const char *body, const char *done, const char *node, bool later)
{
    kt_client_t *client = kt_client_open(cli->settings);
    if (!client)
        return KT_EXIT_FAILED;
    json_t  *answer = NULL, *known = NULL;
    kt_err_t err  = kt_client_post(client, path, body, strlen(body), &answer);
    int      code = err ? kt_client_fail_about(client, err, node) : KT_EXIT_OK;
    if (!err) {
        bool          connected = !later || kt_client_get(client, "/v1/nodes", &known);  // true if unknown
        const json_t *nodes     = known ? kt_json_get(known, "nodes") : NULL;
        for (size_t i = 0; nodes && i < kt_json_count(nodes) && !connected; i++)
            connected = !strcmp(kt_json_str(kt_json_at(nodes, i), "name", ""), node) &&
                        strcmp(kt_json_str(kt_json_at(nodes, i), "state", ""), "absent") != 0;
        kt_cli_say("%s%s", done, connected ? "" : " (no node with that name is connected: applies when one connects)");
    }
    kt_json_free(&known);
    kt_json_free(&answer);
    kt_client_destroy(&client);
    return code;
}

// Options of these commands, and the filters of jobs.
typedef struct asked {
    bool        watch;
    const char *why;
} asked_t;

static bool
parse_view(kt_cli_t *cli, int argc, char **argv, asked_t *out)
{
    *out = (asked_t){0};
    for (int c; (c = kt_cli_option(cli, argc, argv, NULL)) != -1;)
        switch (c) {
        case '?': return false;
        case KT_OPT_WATCH: out->watch = true; break;
        case KT_OPT_WHY: out->why = optarg; break;
        default: break;
        }
    return true;
}

static int
run_view(kt_cli_t *cli, int argc, char **argv, const kt_view_t *view)
{
    asked_t asked;
    if (!parse_view(cli, argc, argv, &asked))
        return KT_EXIT_USAGE;
    if (optind < argc)
        return kt_cli_usage(cli, "unexpected argument '%s'", argv[optind]);
    return kt_view_show(cli, view, asked.watch);
}

int
kt_cmd_status(kt_cli_t *cli, int argc, char **argv)
{
    return run_view(cli, argc, argv, &(kt_view_t){"/v1/status", NULL, STATUS, COUNT(STATUS)});
}

int
kt_cmd_queue(kt_cli_t *cli, int argc, char **argv)
{
    return run_view(cli, argc, argv, &(kt_view_t){"/v1/queue", NULL, QUEUE, COUNT(QUEUE)});
}

// Who asks, as far as this machine knows, and the reason.
static void
write_reason(kt_buf_t *out, const char *why)
{
    char                 host[64] = "", by[128];
    const struct passwd *user     = getpwuid(getuid());
    (void)!gethostname(host, sizeof host - 1);
    snprintf(by, sizeof by, "%.40s@%s", user ? user->pw_name : "?", host);
    json_t *json = kt_json_object();
    kt_json_set(json, "by", kt_json_text(by));
    kt_json_set(json, "why", kt_json_text(why));
    kt_json_write(json, out);
    kt_json_free(&json);
}

int
kt_cmd_nodes(kt_cli_t *cli, int argc, char **argv)
{
    asked_t   asked;
    char      path[KT_VIEW_PATH], name[256], done[512];
    kt_buf_t  body;
    kt_view_t view = {"/v1/nodes", "nodes", NODES, COUNT(NODES)};
    if (!parse_view(cli, argc, argv, &asked))
        return KT_EXIT_USAGE;
    if (optind == argc && !asked.why)
        return kt_view_show(cli, &view, asked.watch);
    const char *verb         = optind < argc ? argv[optind] : "";
    const char *done_by[][2] = {{"drain", "drains"}, {"undrain", "takes work again"}, {"forget", "forgotten"}};
    size_t      i            = 0;
    while (i < COUNT(done_by) && strcmp(verb, done_by[i][0]) != 0)
        i++;
    if (optind + 2 != argc || i == COUNT(done_by) || (asked.why && i))
        return kt_cli_usage(cli, "nodes takes drain NAME [--why TEXT], undrain NAME or forget NAME");
    if (!kt_client_escape(name, sizeof name, argv[optind + 1]))
        return kt_cli_usage(cli, "the name is too long");
    snprintf(path, sizeof path, "/v1/nodes/%s/%s", name, verb);
    snprintf(done, sizeof done, "%.100s: %s", argv[optind + 1], done_by[i][1]);
    kt_buf_init(&body, KT_VIEW_PATH);
    write_reason(&body, asked.why);
    int code = body.err ? kt_cli_fail(body.err, "nodes", NULL)
                        : post_control(cli, path, body.bytes, done, argv[optind + 1], i < 2);
    kt_buf_fini(&body);
    return code;
}
