#include "common/log.h"
#include "common/paths.h"
#include "common/text.h"
#include "coordinator/cli/cli.h"

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

int
kt_cli_fail(kt_err_t err, const char *what, const char *detail)
{
    char shown[4 * PATH_MAX];  // a name on the command line is any bytes
    if (kt_text_is_utf8(what, strlen(what)) || !kt_path_show(what, shown, sizeof shown))
        (void)kt_text_sanitize(shown, sizeof shown, what, strlen(what));
    kt_text_remove_controls(shown);
    fprintf(stderr, "kithara: %s: %s: %s%s%s\n", kt_err_name(err), shown, kt_err_text(err),
            detail && *detail ? ": " : "", detail ? detail : "");
    return KT_EXIT_FAILED;
}

int
kt_cli_usage(const kt_cli_t *cli, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "kithara: EUSAGE: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, ": see `kithara %s%s--help`\n", cli && cli->command ? cli->command->name : "",
            cli && cli->command ? " " : "");
    return KT_EXIT_USAGE;
}

bool
kt_cli_is_number(const char *text)
{
    return *text && *text != '0' && strspn(text, "0123456789") == strlen(text);
}

bool
kt_cli_format(kt_cli_t *cli, const char *name)
{
    static const char *const NAMES[] = {"table", "wide", "json", "csv"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (!strcmp(name, NAMES[i])) {
            cli->format = (kt_format_t)i;
            return true;
        }
    (void)kt_cli_usage(cli, "'%s' is not one of table, wide, json, csv", name);
    return false;
}

// The help of the command; NULL: of the program.
static void
print_help(const kt_command_t *command)
{
    if (command) {
        printf("kithara %s -- %s\n\nUsage: kithara %s %s\n\n%s", command->name, command->summary, command->name,
               command->arguments, command->help);
        return;
    }
    printf("kithara -- audio analysis farm\n\nUsage: kithara [OPTIONS] COMMAND ...\n\n"
           "Commands:\n");
    for (size_t i = 0; i < KT_CLI_N_COMMANDS; i++)
        printf("  %-9s %s\n", KT_CLI_COMMANDS[i].name, KT_CLI_COMMANDS[i].summary);
    printf("\nOptions, before or after the command:\n"
           "  --config FILE     settings from FILE (NAME=value lines; environment variables override it)\n"
           "  --set NAME=VALUE  override one setting\n"
           "  --print-config    print every setting and its origin\n"
           "  --debug           log at level DEBUG\n"
           "  --gpu             use a GPU (ANALYZER_GPU_ENABLED=true); analyze fails without one\n"
           "  --version         print the version\n"
           "  --help            this help, or the help of the command; `kithara docs settings` lists the "
           "settings\n"
           "\nExample:\n  kithara run ~/Music\n");
}

// Global options; recognized anywhere in argv before "--".
typedef struct globals {
    const char *config;
    const char *sets[64];
    size_t      n_sets;
    bool        help, version, print_config, debug, gpu;
} globals_t;

// Removes the global options from argv. Returns the new argc, or -1 if a value is missing.
static int
take_globals(globals_t *g, int argc, char **argv)
{
    const struct {
        const char *name;
        bool       *flag;
    } flags[]   = {{"--help", &g->help},       {"-h", &g->help},
                   {"--version", &g->version}, {"--print-config", &g->print_config},
                   {"--debug", &g->debug},     {"--gpu", &g->gpu}};
    size_t sets = sizeof g->sets / sizeof *g->sets;
    int    kept = 1, i = 1;
    for (; i < argc && strcmp(argv[i], "--"); i++) {
        bool config = !strcmp(argv[i], "--config"), set = !strcmp(argv[i], "--set");
        if ((config || set) && i + 1 == argc)
            return -1;
        if (config) {
            g->config = argv[++i];
        } else if (set) {
            i++;
            if (g->n_sets < sets)
                g->sets[g->n_sets++] = argv[i];
        } else {
            size_t flag = 0;
            while (flag < sizeof flags / sizeof *flags && strcmp(argv[i], flags[flag].name))
                flag++;
            if (flag < sizeof flags / sizeof *flags)
                *flags[flag].flag = true;
            else
                argv[kept++] = argv[i];
        }
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
                    .debug    = g->debug,
                    .gpu      = g->gpu,
                    .color    = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
                    .progress = isatty(STDERR_FILENO)};
    // Commands log warnings only; INFO is for the long-running processes.
    kt_log_setup(g->debug ? KT_LOG_DEBUG : KT_LOG_WARN,
                 strcmp(settings->log_format, "json") ? KT_LOG_TEXT : KT_LOG_JSON, "kithara");
    optind   = 0;
    int code = command->run(&cli, argc - 1, argv + 1);
    if (fflush(stdout) && errno != EPIPE && code == KT_EXIT_OK)  // a closed pipe is not a failure
        code = kt_cli_fail(KT_EIO, "standard output", strerror(errno));
    return code;
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
    const kt_command_t *command = NULL;
    for (size_t i = 0; argc > 1 && i < KT_CLI_N_COMMANDS && !command; i++)
        if (!strcmp(KT_CLI_COMMANDS[i].name, argv[1]))
            command = &KT_CLI_COMMANDS[i];
    if (g.version)
        return printf("kithara %s\n", KT_VERSION) < 0;
    if (g.help || (argc == 1 && !g.print_config)) {
        print_help(command);
        return g.help ? KT_EXIT_OK : KT_EXIT_USAGE;
    }
    if (!command && !g.print_config)
        return kt_cli_usage(NULL, "unknown command '%s'", argv[1]);
    char          why[KT_SETTINGS_WHY] = "";
    kt_settings_t settings;
    kt_err_t      err = kt_settings_load(&settings, g.config, environ, why);
    if (err)
        return kt_cli_fail(err, "settings", why);
    err = apply_global_options(&settings, &g, why);
    if (!err)
        err = kt_settings_check(&settings, why);
    int code = err ? kt_cli_fail(err, "settings", why) : run_cli_command(&g, &settings, command, argc, argv);
    kt_settings_fini(&settings);
    return code;
}
