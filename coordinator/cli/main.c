#include "common/fault.h"
#include "common/file.h"
#include "common/log.h"
#include "common/paths.h"
#include "common/text.h"
#include "coordinator/cli/cli.h"
#include "coordinator/cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DETAIL_BYTES = 4096 };

// Errors whose text says less than any detail.
static bool
is_vague(kt_err_t err)
{
    return err == KT_ENOTFOUND || err == KT_EINVAL || err == KT_EIO || err == KT_ESYSTEM || err == KT_ELOCKED ||
           err == KT_ESETTING || err == KT_EROOT;
}

int
kt_cli_fail(kt_err_t err, const char *what, const char *detail)
{
    char shown[4 * PATH_MAX];  // a name on the command line is any bytes
    if (kt_text_is_utf8(what, strlen(what)) || !kt_path_show(what, shown, sizeof shown))
        (void)kt_text_sanitize(shown, sizeof shown, what, strlen(what));
    kt_text_remove_controls(shown);
    const char *text = kt_err_text(err);
    char        clean[DETAIL_BYTES];
    if (detail) {
        (void)kt_text_sanitize(clean, sizeof clean, detail, strlen(detail));
        kt_text_remove_controls(clean);
        detail = clean;
    }
    if (!detail || !*detail)
        fprintf(stderr, "kithara: %s: %s: %s\n", kt_err_name(err), shown, text);
    else if (is_vague(err) || strcasestr(detail, text))
        fprintf(stderr, "kithara: %s: %s: %s\n", kt_err_name(err), shown, detail);
    else
        fprintf(stderr, "kithara: %s: %s: %s: %s\n", kt_err_name(err), shown, text, detail);
    return err == KT_ESETTING ? KT_EXIT_USAGE : KT_EXIT_FAILED;
}

int
kt_cli_fail_write(const char *path, int error)
{
    char detail[DETAIL_BYTES];
    errno              = error;
    const kt_err_t err = kt_file_write_err_of_errno();
    snprintf(detail, sizeof detail, "%s: %s", strerror(error), kt_err_action(err));
    return kt_cli_fail(err, path, !error || err == KT_EDISK ? NULL : err == KT_EWRITE ? detail : strerror(error));
}

static void
format_clean(char text[DETAIL_BYTES], const char *format, va_list arguments)
{
    vsnprintf(text, DETAIL_BYTES, format, arguments);
    kt_text_remove_controls(text);
}

int
kt_cli_usage(const kt_cli_t *cli, const char *format, ...)
{
    char    text[DETAIL_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_clean(text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "kithara: EUSAGE: %s", text);
    fprintf(stderr, ": see `kithara %s%s--help`\n", cli && cli->command ? cli->command->name : "",
            cli && cli->command ? " " : "");
    return KT_EXIT_USAGE;
}

void
kt_cli_say(const char *format, ...)
{
    char    text[DETAIL_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_clean(text, format, arguments);
    va_end(arguments);
    puts(text);
}

int
kt_cli_unknown(const kt_cli_t *cli, const char *what, const char *text, const char *close)
{
    return close ? kt_cli_usage(cli, "unknown %s '%s' (did you mean %s?)", what, text, close)
                 : kt_cli_usage(cli, "unknown %s '%s'", what, text);
}

bool
kt_cli_is_number(const char *text)
{
    return *text && *text != '0' && strspn(text, "0123456789") == strlen(text);
}

bool
kt_cli_workers(const kt_cli_t *cli, const char *text)
{
    enum { WORKERS_MOST = 256 };
    int64_t number;
    if (!strcmp(text, "auto") || !kt_text_to_i64(text, 1, WORKERS_MOST, &number))
        return true;
    (void)kt_cli_usage(cli, "--workers needs auto or a whole number from 1 to 256, not '%.40s'", text);
    return false;
}

bool
kt_cli_format(kt_cli_t *cli, const char *name)
{
    static const char *const NAMES[] = {"table", "wide", "json", "jsonl", "csv"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (!strcmp(name, NAMES[i])) {
            cli->format = (kt_format_t)i;
            return true;
        }
    (void)kt_cli_usage(cli, "'%s' is not one of table, wide, json, jsonl, csv", name);
    return false;
}

bool
kt_cli_is_data(const kt_cli_t *cli)
{
    return cli->format > KT_FORMAT_WIDE;
}

int
kt_cmd_help(kt_cli_t *cli, int argc, char **argv)
{
    const kt_command_t *command = argc > 1 ? kt_command_find(argv[1]) : NULL;
    if (argc > 1 && !command)
        return kt_cli_unknown(cli, "command", argv[1], kt_command_suggest(argv[1]));
    kt_command_help(command);
    return KT_EXIT_OK;
}

int
kt_cmd_version(kt_cli_t *cli, int argc, char **argv)
{
    if (argc > 1)
        return kt_cli_usage(cli, "unexpected argument '%s'", argv[1]);
    printf("kithara %s%s\n", KT_VERSION, kt_test_faults_built() ? " (with test faults)" : "");
    return KT_EXIT_OK;
}

// Global options; recognized anywhere in argv before "--".
typedef struct globals {
    const char *config;
    const char *sets[KT_CLI_SETS];
    size_t      n_sets;
    bool        help, version, print_config, debug, gpu;
} globals_t;

// The value of a global option: behind '=', else the next word; NULL: it is missing.
static const char *
global_value(const char *name, int argc, char **argv, int *i)
{
    const size_t length = strlen(name);
    if (argv[*i][length] == '=')
        return argv[*i] + length + 1;
    return *i + 1 < argc ? argv[++*i] : NULL;
}

static bool
is_global(const char *text, const char *name)
{
    const size_t length = strlen(name);
    return strncmp(text, name, length) == 0 && (text[length] == '\0' || text[length] == '=');
}

// Removes the global options from argv. Returns the new argc, or -1 if a value is missing. n_sets also counts --set
// options beyond KT_CLI_SETS, which are not kept.
static int
take_globals(globals_t *g, int argc, char **argv)
{
    const struct {
        const char *name;
        bool       *flag;
    } flags[]   = {{"--help", &g->help}, {"-h", &g->help},       {"--version", &g->version},
                   {"-V", &g->version},  {"--debug", &g->debug}, {"--print-config", &g->print_config},
                   {"--gpu", &g->gpu}};
    size_t sets = sizeof g->sets / sizeof *g->sets;
    int    kept = 1, i = 1;
    for (; i < argc && strcmp(argv[i], "--"); i++) {
        const bool config = is_global(argv[i], "--config"), set = is_global(argv[i], "--set");
        if (config || set) {
            const char *value = global_value(config ? "--config" : "--set", argc, argv, &i);
            if (!value)
                return -1;
            if (config)
                g->config = value;
            else if (g->n_sets++ < sets)
                g->sets[g->n_sets - 1] = value;
            continue;
        }
        size_t flag = 0;
        while (flag < sizeof flags / sizeof *flags && strcmp(argv[i], flags[flag].name))
            flag++;
        if (flag < sizeof flags / sizeof *flags)
            *flags[flag].flag = true;
        else
            argv[kept++] = argv[i];
    }
    while (i < argc)  // "--" and all behind it
        argv[kept++] = argv[i++];
    argv[kept] = NULL;
    return kept;
}

static kt_err_t
apply_global_options(kt_settings_t *settings, const globals_t *g, char why[KT_SETTINGS_WHY])
{
    for (size_t i = 0; i < g->n_sets; i++) {
        char        name[128];
        const char *equals = strchr(g->sets[i], '=');
        if (!equals || (size_t)(equals - g->sets[i]) >= sizeof name) {
            snprintf(why, KT_SETTINGS_WHY, "--set expects NAME=VALUE, got '%s'", g->sets[i]);
            return KT_ESETTING;
        }
        snprintf(name, sizeof name, "%.*s", (int)(equals - g->sets[i]), g->sets[i]);
        kt_err_t err = kt_settings_set(settings, name, equals + 1, why);
        if (err)
            return err;
    }
    kt_err_t err = g->gpu ? kt_settings_set(settings, "ANALYZER_GPU_ENABLED", "true", why) : KT_OK;
    if (err)
        return err;
    if (g->debug)
        return kt_settings_set(settings, "ANALYZER_LOG_LEVEL", "DEBUG", why);
    return KT_OK;
}

static int
print_config(const kt_settings_t *settings)
{
    kt_buf_t out;
    kt_buf_init(&out, 1 << 20);
    kt_settings_print(settings, &out);
    if (!out.err)
        fwrite(out.bytes, 1, out.length, stdout);
    int code = out.err ? kt_cli_fail(out.err, "--print-config", NULL) : KT_EXIT_OK;
    kt_buf_fini(&out);
    return code;
}

static int
run_cli_command(const globals_t *g, const kt_settings_t *settings, const kt_command_t *command, int argc, char **argv)
{
    if (g->print_config)
        return print_config(settings);
    kt_cli_t cli = {.settings = settings,
                    .command  = command,
                    .sets     = g->sets,
                    .n_sets   = g->n_sets,
                    .debug    = g->debug,
                    .gpu      = g->gpu,
                    .color    = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
                    .progress = isatty(STDERR_FILENO)};
    // Commands log warnings only; INFO is for the long-running processes.
    kt_log_setup(g->debug ? KT_LOG_DEBUG : KT_LOG_WARN,
                 strcmp(settings->log_format, "json") ? KT_LOG_TEXT : KT_LOG_JSON, "kithara");
    if (!command->survives_pipe)
        (void)signal(SIGPIPE, SIG_DFL);
    optind = 0;
    return kt_sink_close(&cli, command->run(&cli, argc - 1, argv + 1));
}

int
main(int argc, char **argv)
{
    globals_t g = {0};
    setlocale(LC_CTYPE, "C.UTF-8");
    signal(SIGPIPE, SIG_IGN);
    argc = take_globals(&g, argc, argv);
    if (argc < 0)
        return kt_cli_usage(NULL, "an option has no value");
    if (g.n_sets > KT_CLI_SETS)
        return kt_cli_usage(NULL, "--set is given %zu times, at most %d are allowed", g.n_sets, KT_CLI_SETS);
    const kt_command_t *command = argc > 1 ? kt_command_find(argv[1]) : NULL;
    kt_cli_t            none    = {0};
    if (g.version)
        return kt_sink_close(&none, kt_cmd_version(&none, 1, argv));
    const bool bare = argc == 1 || (argc == 2 && command && command->needs_verb);
    if (g.help || (bare && !g.print_config)) {
        kt_command_help(command);
        return kt_sink_close(&none, g.help ? KT_EXIT_OK : KT_EXIT_USAGE);
    }
    if (!command && !g.print_config)
        return kt_cli_unknown(NULL, argv[1][0] == '-' ? "option" : "command", argv[1],
                              argv[1][0] == '-' ? NULL : kt_command_suggest(argv[1]));
    char          why[KT_SETTINGS_WHY] = "";
    kt_settings_t settings;
    kt_err_t      err = kt_settings_load(&settings, g.config, environ, why);
    if (err) {
        (void)kt_cli_fail(err, "settings", why);
        return KT_EXIT_USAGE;
    }
    err = apply_global_options(&settings, &g, why);
    if (!err)
        err = kt_settings_check(&settings, why);
    if (err)
        (void)kt_cli_fail(err, "settings", why);
    int code = err ? KT_EXIT_USAGE : run_cli_command(&g, &settings, command, argc, argv);
    kt_settings_fini(&settings);
    return code;
}
