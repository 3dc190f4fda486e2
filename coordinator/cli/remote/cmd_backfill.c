// backfill: large sets of files as one object: status and control. backfill_start.c and backfill_export.c do the rest.
#include "coordinator/cli/remote/cmd_backfill.h"

#include "coordinator/cli/options.h"
#include "coordinator/cli/progress.h"
#include "coordinator/cli/remote/patience.h"
#include "coordinator/cli/table.h"
#include "coordinator/cli/watch.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 256, WAIT_MS = 200, POLL_DEADLINE_MS = 3000 };
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const kt_column_t COLUMNS[] = {
    {"ID", "id", KT_CELL_INT, false},
    {"NAME", "name", KT_CELL_TEXT, true},
    {"STATE", "state", KT_CELL_TEXT, false},
    {"SOURCE", "source", KT_CELL_PATH, false},
    {"LISTED", "listed", KT_CELL_INT, false},
    {"SKIPPED", "skipped", KT_CELL_INT, false},
    {"REFUSED", "refused", KT_CELL_INT, false},
    {"REPEATED", "repeated", KT_CELL_INT, true},
    {"LEFT OUT", "left_out", KT_CELL_INT, true},
    {"KINDS LEFT OUT", "left_out_kinds", KT_CELL_LEFT_OUT, true},
    {"UNREADABLE", "unreadable_folders", KT_CELL_INT, true},
    {"WAITING", "waiting", KT_CELL_INT, false},
    {"OPEN", "open", KT_CELL_INT, false},
    {"DONE", "done", KT_CELL_INT, false},
    {"FAILED", "failed", KT_CELL_INT, false},
    {"CANCELLED", "cancelled", KT_CELL_INT, true},
    {"PRIORITY", "priority", KT_CELL_TEXT, true},
    {"FILES/S", "rate_per_s", KT_CELL_FIXED1, false},
    {"TIME LEFT", "eta_s", KT_CELL_SECONDS, false},
    {"CREATED", "created", KT_CELL_TEXT, true},
    {"ENDED", "ended", KT_CELL_TEXT, true},
    {"DETAIL", "detail", KT_CELL_TEXT, true},
};

static const kt_column_t LINES[] = {
    {"backfill", "id", KT_CELL_INT, false},
    {"name", "name", KT_CELL_TEXT, false},
    {"source", "source", KT_CELL_TEXT, false},
    {"state", "state", KT_CELL_TEXT, false},
    {"why", "detail", KT_CELL_TEXT, false},
    {"paths listed", "listed", KT_CELL_INT, false},
    {"all listed", "listed_all", KT_CELL_TEXT, false},
    {"skipped, unchanged", "skipped", KT_CELL_INT, false},
    {"refused", "refused", KT_CELL_INT, false},
    {"repeated paths", "repeated", KT_CELL_INT, true},
    {"left out", "left_out", KT_CELL_INT, false},
    {"left out by kind", "left_out_kinds", KT_CELL_LEFT_OUT, false},
    {"unreadable folders", "unreadable_folders", KT_CELL_INT, true},
    {"waiting", "waiting", KT_CELL_INT, false},
    {"queued or in progress", "open", KT_CELL_INT, false},
    {"done", "done", KT_CELL_INT, false},
    {"failed", "failed", KT_CELL_INT, false},
    {"cancelled", "cancelled", KT_CELL_INT, true},
    {"priority", "priority", KT_CELL_TEXT, true},
    {"files per second", "rate_per_s", KT_CELL_FIXED1, false},
    {"time left", "eta_s", KT_CELL_SECONDS, false},
    {"created", "created", KT_CELL_TEXT, true},
    {"ended", "ended", KT_CELL_TEXT, true},
};

int
kt_backfill_show(const kt_cli_t *cli, const json_t *backfill)
{
    return kt_table_object(cli, backfill, LINES, COUNT(LINES));
}

static bool
backfill_path(char out[PATH], const char *id, const char *verb)
{
    char number[64];
    if (!kt_client_escape(number, sizeof number, id))
        return false;
    return snprintf(out, PATH, "/v1/backfills/%s%s%s", number, verb ? "/" : "", verb ? verb : "") < PATH;
}

typedef struct showing {
    kt_client_t *client;
    const char  *id;  // NULL: all
} showing_t;

static kt_err_t
show_backfill(kt_cli_t *cli, kt_client_t *client, const char *id)
{
    char     path[PATH];
    json_t  *answer = NULL;
    kt_err_t err    = backfill_path(path, id, NULL) ? kt_client_get(client, path, &answer) : KT_EINVAL;
    if (!err && kt_backfill_show(cli, answer) != KT_EXIT_OK)
        err = KT_EIO;
    kt_json_free(&answer);
    return err;
}

// All pages in one answer, for one table.
static kt_err_t
show_backfills(kt_cli_t *cli, kt_client_t *client)
{
    json_t  *all = kt_json_object(), *list = kt_json_array();
    kt_err_t err = all && list ? KT_OK : KT_ENOMEM;
    for (int64_t after = 0; !err && after >= 0;) {
        char    path[PATH];
        json_t *answer = NULL;
        snprintf(path, sizeof path, "/v1/backfills?after=%lld", (long long)after);
        err                = kt_client_get(client, path, &answer);
        const json_t *rows = err ? NULL : kt_json_get(answer, "backfills");
        for (size_t i = 0; rows && i < kt_json_count(rows); i++)
            (void)kt_json_append(list, kt_json_copy(kt_json_at(rows, i)));
        after = err ? -1 : kt_json_i64(answer, "next", -1);
        kt_json_free(&answer);
    }
    (void)kt_json_set(all, "backfills", list);
    if (!err && kt_table_list(cli, all, "backfills", COLUMNS, COUNT(COLUMNS)) != KT_EXIT_OK)
        err = KT_EIO;
    kt_json_free(&all);
    return err;
}

int
kt_backfill_fail(const kt_client_t *client, kt_err_t err, const char *id)
{
    char what[64];
    snprintf(what, sizeof what, "backfill%s%.40s", id ? " " : "s", id ? id : "");
    return kt_client_fail_about(client, err, what);
}

static kt_err_t
show_once(void *context, kt_cli_t *cli)
{
    const showing_t *self = context;
    return self->id ? show_backfill(cli, self->client, self->id) : show_backfills(cli, self->client);
}

static int
show_status(kt_cli_t *cli, kt_client_t *client, int argc, char **argv)
{
    bool watch = false;
    optind     = 0;
    for (int c; (c = kt_cli_option(cli, argc, argv, "status")) != -1;) {
        if (c == '?')
            return KT_EXIT_USAGE;
        watch = watch || c == KT_OPT_WATCH;
    }
    if (optind + 1 < argc)
        return kt_cli_usage(cli, "backfill status takes at most one ID");
    if (optind < argc && !kt_cli_is_number(argv[optind]))
        return kt_cli_usage(cli, "'%.40s' is not the number of a backfill", argv[optind]);
    showing_t showing = {client, optind < argc ? argv[optind] : NULL};
    kt_err_t  err     = kt_watch_run(cli, watch, show_once, &showing);
    return err == KT_EIO ? KT_EXIT_FAILED : err ? kt_backfill_fail(client, err, showing.id) : KT_EXIT_OK;
}

// pause, resume, cancel, retry.
static int
post_backfill_control(kt_cli_t *cli, kt_client_t *client, int argc, char **argv)
{
    char    path[PATH];
    json_t *answer = NULL;
    if (argc != 2)
        return kt_cli_usage(cli, "backfill %s takes one ID", argv[0]);
    if (!kt_cli_is_number(argv[1]) || !backfill_path(path, argv[1], argv[0]))
        return kt_cli_usage(cli, "'%.40s' is not the number of a backfill", argv[1]);
    kt_err_t err = kt_client_post(client, path, "{}", 2, &answer);
    if (err)
        return kt_backfill_fail(client, err, argv[1]);
    const long long retried = kt_json_i64(answer, "retried", 0);
    if (!strcmp(argv[0], "retry"))
        kt_cli_say("backfill %.40s: %lld failed file%s again", argv[1], retried, retried == 1 ? " runs" : "s run");
    else
        kt_cli_say("backfill %.40s: %s", argv[1], kt_json_str(answer, "state", ""));
    kt_json_free(&answer);
    return KT_EXIT_OK;
}

static void
show_backfill_progress(kt_progress_t *progress, const json_t *b)
{
    char    note[96];
    int64_t failed = kt_json_i64(b, "failed", 0), skipped = kt_json_i64(b, "skipped", 0);
    int64_t ended = kt_json_i64(b, "done", 0) + failed + kt_json_i64(b, "cancelled", 0);
    int64_t total = kt_json_i64(b, "listed", 0) - skipped - kt_json_i64(b, "refused", 0);
    snprintf(note, sizeof note, "%lld failed, %lld refused, %lld skipped%s", (long long)failed,
             (long long)kt_json_i64(b, "refused", 0), (long long)skipped,
             kt_json_flag(b, "listed_all", false) ? "" : ", still listing");
    kt_progress_show(progress, &(kt_progress_state_t){.done = (uint64_t)ended, .total = (uint64_t)total, .note = note});
}

int
kt_backfill_wait(kt_cli_t *cli, kt_client_t *client, int64_t id)
{
    char          path[PATH], number[32];
    kt_progress_t progress;
    kt_patience_t patience = {0};
    json_t       *answer   = NULL;
    bool          done = false, interrupted = false;
    kt_err_t      err = KT_OK;
    snprintf(number, sizeof number, "%lld", (long long)id);
    if (!backfill_path(path, number, NULL))
        return KT_EXIT_USAGE;
    kt_progress_begin(&progress, cli, "files", 0);
    kt_client_set_deadline(client, POLL_DEADLINE_MS);
    while (!done && !interrupted) {
        kt_json_free(&answer);
        err = kt_client_get(client, path, &answer);  // repeated while the coordinator is unreachable
        if (!err)
            show_backfill_progress(&progress, answer);
        const char *state = err ? "" : kt_json_str(answer, "state", "");
        bool        ended = !strcmp(state, "done") || !strcmp(state, "broken") ||
                     (!strcmp(state, "cancelled") && !kt_json_i64(answer, "open", 0));
        done        = ended || !kt_patience_take(&patience, &progress, err);
        interrupted = !done && !kt_watch_wait(WAIT_MS);
    }
    kt_progress_end(&progress);
    if (interrupted)
        fprintf(stderr, "kithara: backfill %s continues in the farm\n", number);
    int       code       = err && !interrupted ? kt_client_fail(client, err) : KT_EXIT_OK;
    long long unreadable = err ? 0 : (long long)kt_json_i64(answer, "unreadable_folders", 0);
    long long refused    = err ? 0 : (long long)kt_json_i64(answer, "refused", 0);
    if (!err && !interrupted)
        fprintf(stderr,
                "kithara: backfill %s is %s: %lld done, %lld failed, %lld refused, %lld skipped, %lld left out, %lld "
                "folders could not be read\n",
                number, kt_json_str(answer, "state", ""), (long long)kt_json_i64(answer, "done", 0),
                (long long)kt_json_i64(answer, "failed", 0), refused, (long long)kt_json_i64(answer, "skipped", 0),
                (long long)kt_json_i64(answer, "left_out", 0), unreadable);
    if (interrupted || (!err && (unreadable || refused || kt_json_i64(answer, "failed", 0) ||
                                 strcmp(kt_json_str(answer, "state", ""), "done"))))
        code = KT_EXIT_FAILED;
    kt_json_free(&answer);
    return code;
}

static const struct {
    const char *name;
    int (*run)(kt_cli_t *cli, kt_client_t *client, int argc, char **argv);
} VERBS[] = {{"start", kt_backfill_start},     {"status", show_status},           {"export", kt_backfill_export},
             {"pause", post_backfill_control}, {"resume", post_backfill_control}, {"cancel", post_backfill_control},
             {"retry", post_backfill_control}};

int
kt_cmd_backfill(kt_cli_t *cli, int argc, char **argv)
{
    size_t verb = 0;
    while (argc > 1 && verb < COUNT(VERBS) && strcmp(argv[1], VERBS[verb].name))
        verb++;
    if (argc < 2 || verb == COUNT(VERBS))
        return kt_cli_unknown(cli, "verb", argc < 2 ? "" : argv[1],
                              argc < 2 ? NULL : kt_verb_suggest(cli->command, argv[1]));
    kt_client_t *client = kt_client_open(cli->settings);
    if (!client)
        return KT_EXIT_FAILED;
    int code = VERBS[verb].run(cli, client, argc - 1, argv + 1);
    kt_client_destroy(&client);
    return code;
}
