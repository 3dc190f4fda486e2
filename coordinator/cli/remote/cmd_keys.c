// keys: new pairs, the list of allowed keys, join tokens. The list is the ledger's: changed by the coordinator, or
// where none runs, here.
#include "common/clock.h"
#include "common/curve.h"
#include "common/text.h"
#include "coordinator/access/keys.h"
#include "coordinator/cli/client.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/table.h"
#include "coordinator/ledger/open/open.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
enum { TTL_LEAST_S = 60, TTL_MOST_S = 30 * 86400 };

static const kt_column_t COLUMNS[] = {
    {"KEY", "key", KT_CELL_TEXT, false},         {"NODE", "name", KT_CELL_TEXT, false},
    {"KIND", "kind", KT_CELL_TEXT, false},       {"FROM", "from", KT_CELL_TEXT, true},
    {"EXPIRES", "expires", KT_CELL_TEXT, false}, {"HEX", "hex", KT_CELL_TEXT, true},
};

static const kt_column_t TOKEN[] = {
    {"token", "token", KT_CELL_TEXT, false},
    {"expires", "expires", KT_CELL_TEXT, false},
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
        return kt_cli_fail(err, path, err == KT_EWRITE ? kt_err_action(err) : NULL);
    json_t *json = kt_json_object();
    kt_json_set(json, "public_key", kt_json_text(pair.public_key));
    kt_json_set(json, "secret_file", kt_json_text(name));
    snprintf(name, sizeof name, "%s.public", path);
    kt_json_set(json, "public_file", kt_json_text(name));
    int code = kt_table_object(cli, json, PAIR, COUNT(PAIR));
    kt_json_free(&json);
    return code;
}

// Takes body.
static kt_err_t
post_keys(kt_client_t *client, const char *path, json_t *body, json_t **answer)
{
    kt_buf_t text;
    kt_buf_init(&text, 4096);
    kt_json_write(body, &text);
    kt_err_t err = text.err ? text.err : kt_client_post(client, path, text.bytes, text.length, answer);
    kt_buf_fini(&text);
    kt_json_free(&body);
    return err;
}

// The ledger itself, where no coordinator answers; one that runs elsewhere locks a SQLite file against other writers.
typedef struct here {
    char         state_dir[KT_KEYS_PATH - 64];
    kt_ledger_t *ledger;
    kt_keys_t    keys;
} here_t;

static void
close_here(here_t *self)
{
    kt_keys_fini(&self->keys);
    kt_ledger_close(&self->ledger);
}

static kt_err_t
open_here(kt_cli_t *cli, here_t *self, bool writer, char why[KT_LEDGER_WHY])
{
    kt_fleet_t fleet = {0};
    bool       changed;
    *self        = (here_t){0};
    kt_err_t err = kt_settings_state_dir(cli->settings, self->state_dir, sizeof self->state_dir) ? KT_OK : KT_ESETTING;
    if (!err)
        err = kt_ledger_open(&self->ledger, cli->settings, writer, why);
    if (!err && !self->ledger->ops->fleet)
        err = KT_ENOTYET;
    if (!err)
        err = self->ledger->ops->fleet->read(self->ledger, &fleet);
    if (!err && (err = kt_keys_init(&self->keys, self->state_dir)))
        snprintf(why, KT_LEDGER_WHY, "%.300s: %s", self->keys.path,
                 err == KT_EINVAL ? "its lines must be KEY NAME" : kt_err_action(err));
    if (!err)
        err = kt_keys_overrule(&self->keys, fleet.keys, fleet.n_keys, kt_clock_wall_ms(), &changed);
    kt_fleet_fini(&fleet);
    if (err)
        close_here(self);
    return err;
}

static kt_err_t
put_here(const here_t *self, const kt_key_t *key, bool revoked)
{
    kt_fleet_key_t row = {.kind       = key->join ? KT_KEY_JOIN : KT_KEY_NODE,
                          .revoked    = revoked,
                          .changed_ms = kt_clock_wall_ms(),
                          .expires_ms = key->expires_ms};
    memcpy(row.key, key->key, sizeof row.key);
    memcpy(row.name, key->name, sizeof row.name);
    return self->ledger->ops->fleet->put_key(self->ledger, &row);
}

static kt_err_t
allow_here(const here_t *self, const char *key, const char *name)
{
    kt_key_t row  = {0};
    bool     good = kt_curve_read_key(key, row.key) && kt_text_copy(row.name, sizeof row.name, name) &&
                !name[strcspn(name, " \t\r\n/")];
    return good ? put_here(self, &row, false) : KT_EINVAL;
}

// what: a key, or a name, which stands for all its keys.
static kt_err_t
revoke_here(const here_t *self, const char *what)
{
    char     key[KT_CURVE_TEXT] = "";
    size_t   n                  = 0;
    kt_err_t err                = KT_OK;
    (void)!kt_curve_read_key(what, key);
    for (size_t i = 0; i < self->keys.n && !err; i++) {
        const kt_key_t *row = &self->keys.at[i];
        if (strcmp(row->key, key) != 0 && (!*what || strcmp(row->name, what) != 0))
            continue;
        err = put_here(self, row, true);
        n++;
    }
    return err || n ? err : KT_ENOTFOUND;
}

// The token contains the key of the coordinators: the pair in the state folder, which the first one would make too.
static kt_err_t
token_here(const here_t *self, int64_t ttl_s, json_t **answer)
{
    const int64_t now_ms = kt_clock_wall_ms();
    kt_key_t      row    = {.join = true, .expires_ms = now_ms + ttl_s * 1000};
    char          path[KT_KEYS_PATH], token[KT_JOIN_TOKEN], at[KT_RFC3339_BYTES];
    kt_curve_t    own, pair;
    kt_err_t err = kt_keys_path(path, self->state_dir, "coordinator") ? kt_curve_load_or_make(path, &own) : KT_EINVAL;
    if (!err)
        err = kt_curve_new(&pair);
    if (!err) {
        memcpy(row.key, pair.public_key, sizeof row.key);
        err = put_here(self, &row, false);
    }
    if (err)
        return err;
    kt_join_token_write(pair.secret_key, own.public_key, token);
    *answer = kt_json_object();
    kt_json_set(*answer, "token", kt_json_text(token));
    kt_json_set(*answer, "expires", kt_json_text(kt_clock_rfc3339(row.expires_ms, at)));
    return KT_OK;
}

static json_t *
list_here(const here_t *self)
{
    json_t *json = kt_json_object(), *rows = kt_json_array();
    for (size_t i = 0; i < self->keys.n; i++) {
        const kt_key_t *key = &self->keys.at[i];
        json_t         *row = kt_json_object();
        char            hex[KT_CURVE_HEX], at[KT_RFC3339_BYTES];
        kt_curve_hex(key->key, hex);
        kt_json_set(row, "key", kt_json_text(key->key));
        kt_json_set(row, "hex", kt_json_text(hex));
        kt_json_set(row, "name", key->name[0] ? kt_json_text(key->name) : kt_json_null());
        kt_json_set(row, "kind", kt_json_text(key->join ? "join token" : "node"));
        kt_json_set(row, "from", kt_json_text(key->of_ledger ? "ledger" : "file"));
        kt_json_set(row, "expires",
                    key->expires_ms ? kt_json_text(kt_clock_rfc3339(key->expires_ms, at)) : kt_json_null());
        kt_json_append(rows, row);
    }
    kt_json_set(json, "keys", rows);
    return json;
}

static int
list_keys(kt_cli_t *cli)
{
    char         why[KT_LEDGER_WHY] = "";
    here_t       here;
    json_t      *json   = NULL;
    kt_client_t *client = kt_client_open(cli->settings);
    if (!client)
        return KT_EXIT_FAILED;
    kt_err_t err  = kt_client_get(client, "/v1/keys", &json);
    bool     away = err == KT_EUNREACHABLE;
    if (away && !(err = open_here(cli, &here, false, why))) {
        json = list_here(&here);
        close_here(&here);
    }
    int code = !err   ? kt_table_list(cli, json, "keys", COLUMNS, COUNT(COLUMNS))
               : away ? kt_cli_fail(err, "keys", why)
                      : kt_client_fail(client, err);
    kt_json_free(&json);
    kt_client_destroy(&client);
    return code;
}

static int
change_key(kt_cli_t *cli, bool allow, const char *what, const char *name)
{
    char         why[KT_LEDGER_WHY] = "";
    here_t       here;
    kt_client_t *client = kt_client_open(cli->settings);
    json_t      *body = kt_json_object(), *answer = NULL;
    if (!client || !body) {
        kt_json_free(&body);
        kt_client_destroy(&client);
        return KT_EXIT_FAILED;
    }
    kt_json_set(body, allow ? "key" : "what", kt_json_text(what));
    if (allow)
        kt_json_set(body, "name", kt_json_text(name));
    kt_err_t err  = post_keys(client, allow ? "/v1/keys" : "/v1/keys/revoke", body, &answer);
    bool     away = err == KT_EUNREACHABLE;
    if (away && !(err = open_here(cli, &here, true, why))) {
        err = allow ? allow_here(&here, what, name) : revoke_here(&here, what);
        close_here(&here);
    }
    kt_json_free(&answer);
    int code = KT_EXIT_OK;
    if (err && !away)
        code = kt_client_fail_about(client, err, what);
    else if (err == KT_ENOTFOUND)
        code = kt_cli_fail(err, what, "no such key or name is allowed: see kithara keys list");
    else if (err)
        code = kt_cli_fail(err, "keys", *why ? why : "not a valid key or name");
    else
        kt_cli_say("%s: %s%s%s", what, allow ? "allowed" : "revoked", *name ? " as " : "", name);
    kt_client_destroy(&client);
    return code;
}

// "90s", "15m", "1h", "7d"; 0: none of these.
static int64_t
read_ttl(const char *text)
{
    static const struct {
        char    unit;
        int64_t s;
    } UNITS[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char    digits[16];
    size_t  length = strlen(text);
    int64_t number;
    for (size_t i = 0; i < COUNT(UNITS) && length > 1 && length < sizeof digits; i++) {
        snprintf(digits, sizeof digits, "%.*s", (int)length - 1, text);
        if (text[length - 1] == UNITS[i].unit && !kt_text_to_i64(digits, 1, TTL_MOST_S, &number))
            return number * UNITS[i].s;
    }
    return 0;
}

static int
new_token(kt_cli_t *cli, const char *ttl)
{
    int64_t ttl_s = read_ttl(ttl);
    if (ttl_s < TTL_LEAST_S || ttl_s > TTL_MOST_S)
        return kt_cli_usage(cli, "--ttl %s: between 1m and 30d, as 15m, 1h or 7d", ttl);
    kt_client_t *client = kt_client_open(cli->settings);
    if (!client)
        return KT_EXIT_FAILED;
    char    why[KT_LEDGER_WHY] = "";
    here_t  here;
    json_t *body = kt_json_object(), *answer = NULL;
    kt_json_set(body, "ttl_s", kt_json_int(ttl_s));
    kt_err_t err  = post_keys(client, "/v1/keys/tokens", body, &answer);
    bool     away = err == KT_EUNREACHABLE;
    if (away && !(err = open_here(cli, &here, true, why))) {
        err = token_here(&here, ttl_s, &answer);
        close_here(&here);
    }
    int code = KT_EXIT_OK;
    if (err)
        code = away ? kt_cli_fail(err, "keys", why) : kt_client_fail(client, err);
    else if (cli->format == KT_FORMAT_TABLE)
        printf("%s\n", kt_json_str(answer, "token", ""));
    else
        code = kt_table_object(cli, answer, TOKEN, COUNT(TOKEN));
    kt_json_free(&answer);
    kt_client_destroy(&client);
    return code;
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
        if (!kt_curve_is_key(key))
            return NULL;
        argv[i + 1] = placeholder;
        return key;
    }
    return NULL;
}

int
kt_cmd_keys(kt_cli_t *cli, int argc, char **argv)
{
    const char *folder = NULL, *ttl = "1h", *key = take_key(argc, argv);
    for (int c; (c = kt_cli_option(cli, argc, argv, NULL)) != -1;) {
        if (c == '?')
            return KT_EXIT_USAGE;
        if (c == KT_OPT_OUT)
            folder = optarg;
        else if (c == KT_OPT_TTL)
            ttl = optarg;
    }
    char      **word  = argv + optind;
    int         words = argc - optind;
    const char *verb  = words ? word[0] : "list";
    char        z85[KT_CURVE_TEXT];
    if (folder && strcmp(verb, "new") && !kt_sink_open(cli, folder))
        return KT_EXIT_USAGE;
    if (!strcmp(verb, "new") && words == 1)
        return make_key_pair(cli, folder ? folder : ".");
    if (!strcmp(verb, "list") && words <= 1)
        return list_keys(cli);
    if (!strcmp(verb, "token") && words == 2 && !strcmp(word[1], "new"))
        return new_token(cli, ttl);
    if (!strcmp(verb, "revoke") && words == 2)
        return change_key(cli, false, key ? key : word[1], "");
    if (!kt_verb_find(cli->command, verb))
        return kt_cli_unknown(cli, "verb", verb, kt_verb_suggest(cli->command, verb));
    if (strcmp(verb, "allow") || (words != 2 && words != 3))
        return kt_cli_usage(cli, "keys takes token new, new, allow KEY [NAME], revoke KEY|NAME or list");
    if (!key)
        key = word[1];
    if (!kt_curve_read_key(key, z85))
        return kt_cli_usage(cli,
                            "'%.80s' is not a key: a key has 40 characters of Z85, quoted for the shell, or 64 "
                            "hexadecimal digits",
                            key);
    return change_key(cli, true, key, words == 3 ? word[2] : "");
}
