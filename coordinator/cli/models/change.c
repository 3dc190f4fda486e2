// models register, deploy, rollback, retire: at the coordinator, or with --folder in a folder of this machine.
#include "common/text.h"
#include "coordinator/cli/client.h"
#include "coordinator/cli/models/models.h"
#include "models/catalogue/registry.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PART_BYTES = 4 << 20, PATH_BYTES = 512 };

typedef struct asked {
    const char *folder, *type;  // NULL: not given
    const char *words[2];
} asked_t;

// The options, and exactly n words behind them. False: the usage was printed.
static bool
parse(kt_cli_t *cli, int argc, char **argv, int n, asked_t *out)
{
    *out = (asked_t){.folder = NULL};
    for (int c; (c = kt_cli_option(cli, argc, argv, argv[0])) != -1;) {
        if (c == '?')
            return false;
        *(c == KT_OPT_FOLDER ? &out->folder : &out->type) = optarg;
    }
    if (out->type && strcmp(out->type, "audio") && strcmp(out->type, "video"))
        return (void)kt_cli_usage(cli, "--type is audio or video"), false;
    if (argc - optind != n)
        return (void)kt_cli_usage(cli, "%s takes %s", argv[0],
                                  !strcmp(argv[0], "register") ? "FILE"
                                  : n == 1                     ? "NAME"
                                                               : "NAME VERSION"),
               false;
    for (int i = 0; i < n; i++)
        out->words[i] = argv[optind + i];
    return true;
}

// The file in parts; the coordinator keeps what it has when an upload is interrupted.
static kt_err_t
upload(kt_client_t *client, int fd, const char *hex, char *part, off_t total)
{
    char     path[PATH_BYTES];
    kt_err_t err = KT_OK;
    for (off_t offset = 0; offset < total && !err;) {
        json_t *answer = NULL;
        ssize_t n      = pread(fd, part, PART_BYTES, offset);
        if (n <= 0)
            return KT_EIO;
        snprintf(path, sizeof path, "/v1/models/files?sha256=%s&offset=%lld", hex, (long long)offset);
        err    = kt_client_post(client, path, part, (size_t)n, &answer);
        offset = err ? offset : (off_t)kt_json_i64(answer, "received", 0);
        kt_json_free(&answer);
        if (!err && offset <= 0)
            err = KT_EMESSAGE;
    }
    return err;
}

static int
print_done(kt_client_t *client, kt_err_t err, json_t *answer, const char *done)
{
    if (err)
        return kt_client_fail(client, err);
    kt_cli_say("%s %s: %s", kt_json_str(answer, "name", ""), kt_json_str(answer, "version", ""), done);
    return KT_EXIT_OK;
}

// POST of a path that is complete.
static int
post(kt_cli_t *cli, const char *path, const char *done)
{
    kt_client_t *client = kt_client_open(cli->settings);
    json_t      *answer = NULL;
    if (!client)
        return KT_EXIT_FAILED;
    kt_err_t err  = kt_client_post(client, path, "", 0, &answer);
    int      code = print_done(client, err, answer, done);
    kt_json_free(&answer);
    kt_client_destroy(&client);
    return code;
}

static int
register_remote(kt_cli_t *cli, const asked_t *asked, int fd, off_t total)
{
    char         hex[KT_DIGEST_HEX], path[PATH_BYTES];
    kt_digest_t  digest;
    json_t      *answer = NULL;
    kt_client_t *client = kt_client_open(cli->settings);
    char        *part   = malloc(PART_BYTES);
    int          code   = KT_EXIT_FAILED;
    kt_err_t     err    = part ? kt_digest_of_fd(fd, &digest) : KT_ENOMEM;
    if (err)
        code = kt_cli_fail(err, asked->words[0], NULL);
    if (client && !err) {
        err = upload(client, fd, kt_digest_hex(&digest, hex), part, total);
        snprintf(path, sizeof path, "/v1/models?sha256=%s%s%s", hex, asked->type ? "&type=" : "",
                 asked->type ? asked->type : "");
        if (!err)
            err = kt_client_post(client, path, "", 0, &answer);
        code = print_done(client, err, answer, "registered");
    }
    free(part);
    kt_json_free(&answer);
    kt_client_destroy(&client);
    return code;
}

int
kt_models_register(kt_cli_t *cli, int argc, char **argv)
{
    asked_t         asked;
    struct stat     facts;
    char            why[KT_CATALOGUE_WHY];
    kt_registered_t done;
    if (!parse(cli, argc, argv, 1, &asked))
        return KT_EXIT_USAGE;
    const char *file = asked.words[0];
    if (asked.folder) {
        kt_err_t err = kt_registry_register(asked.folder, file, asked.type, &done, why);
        if (err)
            return kt_cli_fail(err, file, why);
        kt_cli_say("%s %s: registered", done.name, done.version);
        return KT_EXIT_OK;
    }
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &facts) || !S_ISREG(facts.st_mode) || facts.st_size > KT_REGISTRY_FILE_BYTES) {
        if (fd >= 0)
            close(fd);
        return kt_cli_fail(fd < 0 ? KT_ENOFILE : KT_EMODEL, file, fd < 0 ? NULL : "not a file of at most 512 MiB");
    }
    int code = facts.st_size ? register_remote(cli, &asked, fd, facts.st_size) : kt_cli_fail(KT_EEMPTY, file, NULL);
    close(fd);
    return code;
}

// The path of a change: names and versions have no characters that need an escape, others are refused here.
static bool
change_path(char path[PATH_BYTES], const char *name, const char *verb, const char *version)
{
    char safe_name[200], safe_version[200] = "";
    if (!kt_client_escape(safe_name, sizeof safe_name, name) ||
        (version && !kt_client_escape(safe_version, sizeof safe_version, version)))
        return false;
    return snprintf(path, PATH_BYTES, "/v1/models/%s/%s%s%s", safe_name, verb, version ? "?version=" : "",
                    safe_version) < PATH_BYTES;
}

static int
change(kt_cli_t *cli, int argc, char **argv, int n, const char *done)
{
    asked_t  asked;
    char     path[PATH_BYTES], why[KT_CATALOGUE_WHY], now[32] = "";
    kt_err_t err;
    if (!parse(cli, argc, argv, n, &asked))
        return KT_EXIT_USAGE;
    const char *name = asked.words[0], *version = asked.words[1];
    if (!asked.folder)
        return change_path(path, name, argv[0], version) ? post(cli, path, done)
                                                         : kt_cli_usage(cli, "the name or version is too long");
    if (!strcmp(argv[0], "deploy"))
        err = kt_registry_deploy(asked.folder, name, version, why);
    else if (!strcmp(argv[0], "retire"))
        err = kt_registry_retire(asked.folder, name, version, why);
    else
        err = kt_registry_rollback(asked.folder, name, now, why);
    if (err)
        return kt_cli_fail(err, name, why);
    kt_cli_say("%s %s: %s", name, version ? version : now, done);
    return KT_EXIT_OK;
}

int
kt_models_deploy(kt_cli_t *cli, int argc, char **argv)
{
    return change(cli, argc, argv, 2, "deployed");
}

int
kt_models_rollback(kt_cli_t *cli, int argc, char **argv)
{
    return change(cli, argc, argv, 1, "deployed");
}

int
kt_models_retire(kt_cli_t *cli, int argc, char **argv)
{
    return change(cli, argc, argv, 2, "retired");
}
