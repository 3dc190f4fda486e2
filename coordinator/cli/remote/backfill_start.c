// backfill start: the coordinator lists a folder; a list is uploaded first.
#include "common/digest.h"
#include "common/paths.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/remote/cmd_backfill.h"
#include "coordinator/cli/remote/spool.h"
#include "proto/job.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct start {
    kt_cli_t    *cli;
    kt_client_t *client;
    const char  *name, *options, *priority;
    bool         all, force, digest, wait;
    bool         folder;
    char         source[PATH_MAX], token[KT_UUID_TEXT];
    json_t      *made;  // the coordinator's response
} start_t;

static bool
parse_start(start_t *start, int argc, char **argv)
{
    kt_priority_t priority;
    uint32_t      options;
    optind = 0;
    for (int c; (c = kt_cli_option(start->cli, argc, argv, "start")) != -1;)
        switch (c) {
        case '?': return false;
        case KT_OPT_NAME: start->name = optarg; break;
        case KT_OPT_ALL: start->all = true; break;
        case KT_OPT_FORCE: start->force = true; break;
        case KT_OPT_DIGEST: start->digest = true; break;
        case KT_OPT_WAIT: start->wait = true; break;
        case KT_OPT_PRIORITY: start->priority = optarg; break;
        case KT_OPT_OPTIONS: start->options = optarg; break;
        default: break;
        }
    bool good = kt_priority_find(start->priority, &priority) &&
                (!start->options || !kt_options_parse(start->options, &options));
    if (!good)
        (void)kt_cli_usage(start->cli, "invalid --priority or --options");
    else if (optind + 1 != argc)
        (void)kt_cli_usage(start->cli, "backfill start takes one FOLDER, LIST or -");
    return good && optind + 1 == argc;
}

// By the token the coordinator finds the backfill of an interrupted upload. The token of a list file is derived from
// the file's facts and the options, that of standard input from the name, as nothing else is known of it.
static void
set_token(start_t *start, const struct stat *facts)
{
    char        text[PATH_MAX + 1024];
    kt_digest_t digest;
    if (start->folder || (!strcmp(start->source, "-") && !start->name)) {
        kt_uuid_random(start->token);
        return;
    }
    int n = snprintf(text, sizeof text, "%s\n%.200s\n%.200s %s %d%d%d\n%lld %lld.%09ld", start->source,
                     start->name ? start->name : "", start->options ? start->options : "", start->priority, start->all,
                     start->force, start->digest, facts ? (long long)facts->st_size : 0,
                     facts ? (long long)facts->st_mtim.tv_sec : 0, facts ? facts->st_mtim.tv_nsec : 0);
    kt_digest_of(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1, &digest);
    kt_digest_uuid(&digest, start->token);
}

static kt_err_t
post_backfill(void *context, uint64_t *id)
{
    start_t *start = context;
    kt_buf_t text;
    char     shown[KT_JOB_PATH];
    json_t  *body = kt_json_object();
    kt_json_set(body, start->folder ? "folder" : "list",
                kt_json_text(kt_path_show(start->source, shown, sizeof shown) ? shown : start->source));
    kt_json_set(body, "token", kt_json_text(start->token));
    kt_json_set(body, "priority", kt_json_text(start->priority));
    kt_json_set(body, "all", kt_json_bool(start->all));
    kt_json_set(body, "force", kt_json_bool(start->force));
    kt_json_set(body, "digest", kt_json_bool(start->digest));
    if (start->name)
        kt_json_set(body, "name", kt_json_text(start->name));
    if (start->options)
        kt_json_set(body, "options", kt_json_text(start->options));
    kt_buf_init(&text, 1 << 20);
    kt_json_write(body, &text);
    kt_json_free(&body);
    kt_err_t err = text.err;
    if (!err)
        err = kt_spool_post(start->client, "/v1/backfills", text.bytes, text.length, &start->made);
    kt_buf_fini(&text);
    if (err)
        return err;
    *id = (uint64_t)kt_json_i64(start->made, "id", 0);
    if (kt_json_i64(start->made, "chunks", 0))
        fprintf(stderr, "kithara: resuming the interrupted upload of backfill %llu\n", (unsigned long long)*id);
    return KT_OK;
}

static int
upload_list(start_t *start)
{
    kt_spool_t spool;
    char       path[96];
    bool       standard = !strcmp(start->source, "-");
    FILE      *list     = standard ? stdin : fopen(start->source, "re");
    if (!list)
        return kt_cli_fail(errno == EACCES ? KT_EACCESS : KT_ENOFILE, start->source, strerror(errno));
    kt_err_t err = kt_spool_send(start->client, list, post_backfill, start, &spool);
    if (!standard)
        fclose(list);
    if (err == KT_ETEXT)
        return kt_cli_fail(KT_EMESSAGE, start->source, "not a list of paths, one per line, in UTF-8");
    if (err == KT_EEMPTY || err == KT_EIO)
        return kt_cli_fail(err, start->source, err == KT_EEMPTY ? "the list contains no path" : NULL);
    if (!err) {
        snprintf(path, sizeof path, "/v1/backfills/%lld/seal?chunks=%llu", (long long)kt_json_i64(start->made, "id", 0),
                 (unsigned long long)spool.chunks);
        kt_json_free(&start->made);
        err = kt_spool_post(start->client, path, "{}", 2, &start->made);
    }
    return err ? kt_client_fail(start->client, err) : KT_EXIT_OK;
}

// Concurrent backfills of one source are allowed: each file is analysed for both, unless the first has finished it.
static void
report_backfills_of_source(const start_t *start)
{
    json_t *answer = NULL;
    if (!strcmp(start->source, "-") || kt_client_get(start->client, "/v1/backfills", &answer))
        return;
    const json_t *list = kt_json_get(answer, "backfills");
    for (size_t i = 0; list && i < kt_json_count(list); i++) {
        const json_t *other = kt_json_at(list, i);
        const char   *state = kt_json_str(other, "state", "");
        if (kt_json_i64(other, "id", 0) != kt_json_i64(start->made, "id", 0) &&
            !strcmp(kt_json_str(other, "source", ""), start->source) && strcmp(state, "done") &&
            strcmp(state, "cancelled"))
            fprintf(stderr, "kithara: backfill %lld of the same source is %s\n", (long long)kt_json_i64(other, "id", 0),
                    state);
    }
    kt_json_free(&answer);
}

// Determines the kind of the source. A path that does not exist here is taken for a folder on the coordinator's
// machine.
static bool
find_source(start_t *start, const char *source, struct stat *facts, bool *known)
{
    *known = false;
    if (!strcmp(source, "-")) {
        snprintf(start->source, sizeof start->source, "-");
        return true;
    }
    *known = realpath(source, start->source) && !stat(start->source, facts);
    if (!*known && source[0] != '/') {
        (void)kt_cli_fail(KT_ENOFILE, source, "name a folder, a file with a list of paths, or -");
        return false;
    }
    if (!*known)
        snprintf(start->source, sizeof start->source, "%s", source);
    start->folder = !*known || S_ISDIR(facts->st_mode);
    return true;
}

int
kt_backfill_start(kt_cli_t *cli, kt_client_t *client, int argc, char **argv)
{
    start_t     start = {.cli = cli, .client = client, .priority = "low"};
    struct stat facts;
    bool        known;
    uint64_t    id;
    int         code = KT_EXIT_OK;
    if (!parse_start(&start, argc, argv))
        return KT_EXIT_USAGE;
    if (!find_source(&start, argv[optind], &facts, &known))
        return KT_EXIT_FAILED;
    set_token(&start, known ? &facts : NULL);
    if (!start.folder) {
        code = upload_list(&start);
    } else {
        kt_err_t err = post_backfill(&start, &id);
        code         = err ? kt_client_fail_about(client, err, argv[optind]) : KT_EXIT_OK;
    }
    if (code == KT_EXIT_OK) {
        report_backfills_of_source(&start);
        code = kt_backfill_show(cli, start.made);
    }
    if (code == KT_EXIT_OK && start.wait)
        code = kt_backfill_wait(cli, client, kt_json_i64(start.made, "id", 0));
    kt_json_free(&start.made);
    return code;
}
