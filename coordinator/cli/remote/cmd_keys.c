// keys: new pairs, and the list of allowed keys. Works only on files: a running coordinator reads the list when it
// changes.
#include "common/socket.h"
#include "coordinator/access/keys.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/table.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const kt_column_t COLUMNS[] = {
    {"KEY", "key", KT_CELL_TEXT, false},
    {"NODE", "name", KT_CELL_TEXT, false},
};

static const kt_column_t PAIR[] = {
    {"public key", "public_key", KT_CELL_TEXT, false},
    {"public file", "public_file", KT_CELL_TEXT, false},
    {"secret file", "secret_file", KT_CELL_TEXT, false},
};

static int
make_key_pair(kt_cli_t *cli, const char *folder)
{
    char       path[KT_KEYS_PATH], name[KT_KEYS_PATH + 16];
    kt_curve_t pair;
    if (snprintf(path, sizeof path, "%s/node", folder) >= (int)sizeof path)
        return kt_cli_usage(cli, "the folder's name is too long");
    snprintf(name, sizeof name, "%s.secret", path);
    if (access(name, F_OK) == 0)
        return kt_cli_fail(KT_EINVAL, name, "the key exists: use another folder with --out");
    kt_err_t err = kt_curve_load_or_make(path, &pair);
    if (err)
        return kt_cli_fail(err, path, "check the permissions of the folder");
    json_t *json = kt_json_object();
    kt_json_set(json, "public_key", kt_json_text(pair.public_key));
    kt_json_set(json, "secret_file", kt_json_text(name));
    snprintf(name, sizeof name, "%s.public", path);
    kt_json_set(json, "public_file", kt_json_text(name));
    int code = kt_table_object(cli, json, PAIR, COUNT(PAIR));
    kt_json_free(&json);
    return code;
}

static int
list_keys(kt_cli_t *cli, const char *state_dir)
{
    kt_keys_t keys = {0};
    json_t   *json = kt_json_object(), *rows = kt_json_array();
    kt_err_t  err = kt_keys_init(&keys, state_dir);
    for (size_t i = 0; i < keys.n && !err; i++) {
        json_t *row = kt_json_object();
        kt_json_set(row, "key", kt_json_text(keys.at[i].key));
        kt_json_set(row, "name", keys.at[i].name[0] ? kt_json_text(keys.at[i].name) : kt_json_null());
        kt_json_append(rows, row);
    }
    kt_json_set(json, "keys", rows);
    int code = err ? kt_cli_fail(err, keys.path[0] ? keys.path : state_dir, "its lines must be KEY NAME")
                   : kt_table_list(cli, json, "keys", COLUMNS, COUNT(COLUMNS));
    kt_json_free(&json);
    kt_keys_fini(&keys);
    return code;
}

static int
change_key(kt_cli_t *cli, const char *state_dir, const char *verb, const char *key, const char *name)
{
    bool allow = strcmp(verb, "allow") == 0;
    if (!kt_curve_is_key(key))
        return kt_cli_usage(cli, "'%.60s' is not a key: a key has 40 characters; quote it for the shell", key);
    kt_err_t err = allow ? kt_keys_allow(state_dir, key, name) : kt_keys_revoke(state_dir, key);
    if (err == KT_ENOTFOUND)
        return kt_cli_fail(err, key, "this key was not allowed: see kithara keys list");
    if (err)
        return kt_cli_fail(err, state_dir, err == KT_EINVAL ? "a bad name, or a bad line in keys/allowed" : NULL);
    printf("%s: %s%s%s\n", key, allow ? "allowed" : "revoked", *name ? " as " : "", name);
    return KT_EXIT_OK;
}

// One key in 85 begins with '-', which getopt would take for an option, so it is replaced by a placeholder.
static const char *
take_key(int argc, char **argv)
{
    static char placeholder[] = "KEY";
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "allow") && strcmp(argv[i], "revoke"))
            continue;
        const char *key = argv[i + 1];
        if (strlen(key) != KT_CURVE_TEXT - 1)
            return NULL;
        argv[i + 1] = placeholder;
        return key;
    }
    return NULL;
}

int
kt_cmd_keys(kt_cli_t *cli, int argc, char **argv)
{
    char        state_dir[KT_KEYS_PATH - 64];
    const char *folder = NULL, *key = take_key(argc, argv);
    for (int c; (c = kt_cli_option(cli, argc, argv, NULL)) != -1;) {
        if (c == '?')
            return KT_EXIT_USAGE;
        if (c == KT_OPT_OUT)
            folder = optarg;
    }
    int         words = argc - optind;
    const char *verb  = words ? argv[optind] : "list";
    if (folder && strcmp(verb, "new"))
        return kt_cli_usage(cli, "--out is only for new");
    if (!strcmp(verb, "new") && words == 1)
        return make_key_pair(cli, folder ? folder : ".");
    if (!kt_settings_state_dir(cli->settings, state_dir, sizeof state_dir))
        return kt_cli_fail(KT_ESETTING, "state folder", "set ANALYZER_STATE_DIR");
    if (!strcmp(verb, "list") && words <= 1)
        return list_keys(cli, state_dir);
    if ((!strcmp(verb, "allow") && (words == 2 || words == 3)) || (!strcmp(verb, "revoke") && words == 2))
        return change_key(cli, state_dir, verb, key ? key : argv[optind + 1], words == 3 ? argv[optind + 2] : "");
    if (!kt_verb_find(cli->command, verb))
        return kt_cli_unknown(cli, "verb", verb, kt_verb_suggest(cli->command, verb));
    return kt_cli_usage(cli, "keys takes new, allow KEY [NAME], revoke KEY or list");
}
