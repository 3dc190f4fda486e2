// backfill start: a folder is the coordinator's to list, a list is sent to it first.
#include "common/digest.h"
#include "coordinator/cli/remote/cmd_backfill.h"
#include "coordinator/cli/remote/spool.h"
#include "proto/job.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct wish {
    kt_cli_t    *cli;
    kt_client_t *client;
    const char  *name, *options, *priority;
    bool         all, force, digest, wait;
    bool         folder;
    char         source[PATH_MAX], token[KT_UUID_TEXT];
    json_t      *made;  // the coordinator's answer
} wish_t;

static bool
take_option(wish_t *wish, int option)
{
    kt_priority_t priority;
    uint32_t      options;
    switch (option) {
    case 'o': return kt_cli_format(wish->cli, optarg);
    case 'n': wish->name = optarg; return true;
    case 'a': return wish->all = true;
    case 'f': return wish->force = true;
    case 'd': return wish->digest = true;
    case 'w': return wish->wait = true;
    case 'p':
        wish->priority = optarg;
        if (kt_priority_find(optarg, &priority))
            return true;
        break;
    case 'x':
        wish->options = optarg;
        if (!kt_options_parse(optarg, &options))
            return true;
        break;
    default: (void)kt_cli_usage(wish->cli, "there is no such option"); return false;
    }
    (void)kt_cli_usage(wish->cli, "'%s' is not understood", optarg);
    return false;
}

static bool
parse(wish_t *wish, int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        {"output", required_argument, NULL, 'o'},
        {"name", required_argument, NULL, 'n'},
        {"options", required_argument, NULL, 'x'},
        {"priority", required_argument, NULL, 'p'},
        {"all", no_argument, NULL, 'a'},
        {"force", no_argument, NULL, 'f'},
        {"digest", no_argument, NULL, 'd'},
        {"wait", no_argument, NULL, 'w'},
        {NULL, 0, NULL, 0},
    };
    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "o:", OPTIONS, NULL)) != -1;)
        if (!take_option(wish, c))
            return false;
    if (optind + 1 == argc)
        return true;
    (void)kt_cli_usage(wish->cli, "backfill start takes one FOLDER, LIST or -");
    return false;
}

// Under the token of an interrupted spool the coordinator gives us that backfill back. Of a file it is made of what the
// list is and what is wanted; of standard input of the name, since nothing else is known of it.
static void
make_token(wish_t *wish, const struct stat *facts)
{
    char        text[PATH_MAX + 1024];
    kt_digest_t digest;
    if (wish->folder || (!strcmp(wish->source, "-") && !wish->name)) {
        kt_uuid_random(wish->token);
        return;
    }
    int n = snprintf(text, sizeof text, "%s\n%.200s\n%.200s %s %d%d%d\n%lld %lld.%09ld", wish->source,
                     wish->name ? wish->name : "", wish->options ? wish->options : "", wish->priority, wish->all,
                     wish->force, wish->digest, facts ? (long long)facts->st_size : 0,
                     facts ? (long long)facts->st_mtim.tv_sec : 0, facts ? facts->st_mtim.tv_nsec : 0);
    kt_digest_of(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1, &digest);
    kt_digest_uuid(&digest, wish->token);
}

static kt_err_t
create(void *context, uint64_t *id)
{
    wish_t  *wish = context;
    kt_buf_t text;
    json_t  *body = kt_json_object();
    kt_json_set(body, wish->folder ? "folder" : "list", kt_json_text(wish->source));
    kt_json_set(body, "token", kt_json_text(wish->token));
    kt_json_set(body, "priority", kt_json_text(wish->priority));
    kt_json_set(body, "all", kt_json_bool(wish->all));
    kt_json_set(body, "force", kt_json_bool(wish->force));
    kt_json_set(body, "digest", kt_json_bool(wish->digest));
    if (wish->name)
        kt_json_set(body, "name", kt_json_text(wish->name));
    if (wish->options)
        kt_json_set(body, "options", kt_json_text(wish->options));
    kt_buf_init(&text, 1 << 20);
    kt_json_write(body, &text);
    kt_json_free(&body);
    kt_err_t err = text.err;
    if (!err)
        err = kt_spool_post(wish->client, "/v1/backfills", text.bytes, text.length, &wish->made);
    kt_buf_fini(&text);
    if (err)
        return err;
    *id = (uint64_t)kt_json_i64(wish->made, "id", 0);
    if (kt_json_i64(wish->made, "chunks", 0))
        fprintf(stderr, "kithara: backfill %llu was not sent to its end before: going on with it\n",
                (unsigned long long)*id);
    return KT_OK;
}

static kt_err_t
seal(wish_t *wish, uint64_t id, uint64_t chunks)
{
    char path[96];
    kt_json_free(&wish->made);
    snprintf(path, sizeof path, "/v1/backfills/%llu/seal?chunks=%llu", (unsigned long long)id,
             (unsigned long long)chunks);
    return kt_spool_post(wish->client, path, "{}", 2, &wish->made);
}

static int
start_list(wish_t *wish)
{
    kt_spool_t spool;
    bool       standard = !strcmp(wish->source, "-");
    FILE      *list     = standard ? stdin : fopen(wish->source, "re");
    if (!list)
        return kt_cli_fail(errno == EACCES ? KT_EACCESS : KT_ENOFILE, wish->source, strerror(errno));
    kt_err_t err = kt_spool_send(wish->client, list, create, wish, &spool);
    if (!standard)
        fclose(list);
    if (err == KT_ETEXT)
        return kt_cli_fail(KT_EMESSAGE, wish->source, "this is no list of paths, one a line");
    if (err == KT_EEMPTY || err == KT_EIO)
        return kt_cli_fail(err, wish->source, err == KT_EEMPTY ? "there is no path in the list" : NULL);
    if (!err)
        err = seal(wish, (uint64_t)kt_json_i64(wish->made, "id", 0), spool.chunks);
    return err ? kt_client_fail(wish->client, err) : KT_EXIT_OK;
}

static bool
is_twin(const json_t *other, const wish_t *wish)
{
    const char *state = kt_json_str(other, "state", "");
    return kt_json_i64(other, "id", 0) != kt_json_i64(wish->made, "id", 0) &&
           !strcmp(kt_json_str(other, "source", ""), wish->source) && strcmp(state, "done") &&
           strcmp(state, "cancelled");
}

// Two at once over the same folder are allowed: each file is analysed for both, unless the first is done with it.
static void
tell_twins(const wish_t *wish)
{
    json_t *answer = NULL;
    if (!strcmp(wish->source, "-") || kt_client_get(wish->client, "/v1/backfills", &answer))
        return;
    const json_t *list = kt_json_get(answer, "backfills");
    for (size_t i = 0; list && i < kt_json_count(list); i++) {
        const json_t *other = kt_json_at(list, i);
        if (is_twin(other, wish))
            fprintf(stderr, "kithara: backfill %lld of the same source is %s\n", (long long)kt_json_i64(other, "id", 0),
                    kt_json_str(other, "state", ""));
    }
    kt_json_free(&answer);
}

// What the source is. A path that is not here is taken for a folder that the coordinator may see.
static bool
find_source(wish_t *wish, const char *source, struct stat *facts, bool *known)
{
    *known = false;
    if (!strcmp(source, "-")) {
        snprintf(wish->source, sizeof wish->source, "-");
        return true;
    }
    *known = realpath(source, wish->source) && !stat(wish->source, facts);
    if (!*known && source[0] != '/') {
        (void)kt_cli_fail(KT_ENOFILE, source, "name a folder, a file with a list of paths, or -");
        return false;
    }
    if (!*known)
        snprintf(wish->source, sizeof wish->source, "%s", source);
    wish->folder = !*known || S_ISDIR(facts->st_mode);
    return true;
}

int
kt_backfill_start(kt_cli_t *cli, kt_client_t *client, int argc, char **argv)
{
    wish_t      wish = {.cli = cli, .client = client, .priority = "low"};
    struct stat facts;
    bool        known;
    uint64_t    id;
    int         code = KT_EXIT_OK;
    if (!parse(&wish, argc, argv))
        return KT_EXIT_USAGE;
    if (!find_source(&wish, argv[optind], &facts, &known))
        return KT_EXIT_FAILED;
    make_token(&wish, known ? &facts : NULL);
    if (!wish.folder) {
        code = start_list(&wish);
    } else {
        kt_err_t err = create(&wish, &id);
        code         = err ? kt_client_fail(client, err) : KT_EXIT_OK;
    }
    if (code == KT_EXIT_OK) {
        tell_twins(&wish);
        code = kt_backfill_show(cli, wish.made);
    }
    if (code == KT_EXIT_OK && wish.wait)
        code = kt_backfill_wait(cli, client, kt_json_i64(wish.made, "id", 0));
    kt_json_free(&wish.made);
    return code;
}
