#include "common/program.h"

#include "common/fault.h"
#include "common/log.h"
#include "common/text.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { MAX_SETS = 128, HELP_BYTES = 1 << 20, WHY_BYTES = 2048 };

typedef enum option_key {
    HELP    = 'h',
    VERSION = 'V',
    PRINT   = 'p',
    CONFIG  = 'c',
    SET     = 's',
    DEBUG   = 'd',
    READY   = 256,
    PARENT,
    JOIN,
    CHECK
} option_key_t;

static const struct option OPTIONS[] = {
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {"print-config", no_argument, NULL, PRINT},
    {"config", required_argument, NULL, CONFIG},
    {"set", required_argument, NULL, SET},
    {"debug", no_argument, NULL, DEBUG},
    {"ready-fd", required_argument, NULL, READY},
    {"with-parent", no_argument, NULL, PARENT},
    {"join", required_argument, NULL, JOIN},
    {"check", no_argument, NULL, CHECK},
    {0},
};

const kt_program_option_t KT_PROGRAM_OPTIONS[] = {
    {"config", "FILE", "read settings from a file of NAME=value lines"},
    {"set", "NAME=VALUE", "set one setting; overrides file and environment"},
    {"join", "TOKEN", "kithara-node: enter the node's key by a join token (kithara keys token new)"},
    {"check", NULL, "kithara-coordinator: check settings, keys, database and broker, change nothing, and exit"},
    {"debug", NULL, "write debug lines to the log"},
    {"print-config", NULL, "print every setting and its origin"},
    {"ready-fd", "N", "write one line of JSON to descriptor N when ready"},
    {"with-parent", NULL, "end when the parent process ends"},
    {"version", NULL, "print the version"},
    {"help", NULL, "print this"},
    {0}};

typedef struct request {
    const char *config, *join;
    char       *sets[MAX_SETS];
    size_t      n_sets;
    bool        help, version, print, debug;
} request_t;

void
kt_program_complain(const kt_program_t *self, kt_err_t err, const char *why)
{
    char shown[WHY_BYTES];
    why = why && *why ? why : kt_err_text(err);
    (void)kt_text_sanitize(shown, sizeof shown, why, strlen(why));
    kt_text_remove_controls(shown);
    fprintf(stderr, "%s: %s: %s\n", self->name, kt_err_name(err), shown);
}

static bool
bad_usage(const kt_program_t *self, const char *what, const char *argument)
{
    fprintf(stderr, "%s: EUSAGE: %s %s: see %s --help\n", self->name, what, argument, self->name);
    return false;
}

static bool
read_option(kt_program_t *self, request_t *request, int key, const char *argument)
{
    int64_t number;
    switch (key) {
    case HELP: request->help = true; return true;
    case VERSION: request->version = true; return true;
    case PRINT: request->print = true; return true;
    case CONFIG: request->config = optarg; return true;
    case DEBUG: request->debug = true; return true;
    case PARENT: self->with_parent = true; return true;
    case JOIN:
        if (!self->joins)
            return bad_usage(self, "unknown option, or an option without its value:", argument);
        request->join = optarg;
        return true;
    case CHECK:
        if (!self->has_check)
            return bad_usage(self, "unknown option, or an option without its value:", argument);
        self->check = true;
        return true;
    case SET:
        if (!strchr(optarg, '='))
            return bad_usage(self, "--set expects NAME=VALUE, got", optarg);
        if (request->n_sets == MAX_SETS)
            return bad_usage(self, "--set is given too often, first", optarg);
        request->sets[request->n_sets++] = optarg;
        return true;
    case READY:
        if (kt_text_to_i64(optarg, 0, 1 << 20, &number))
            return bad_usage(self, "--ready-fd expects the number of a descriptor, got", optarg);
        self->ready_fd = (int)number;
        return true;
    default: return bad_usage(self, "unknown option, or an option without its value:", argument);
    }
}

static void
print_and_free(kt_buf_t *text)
{
    if (!text->err)
        fputs(text->bytes, stdout);
    kt_buf_fini(text);
}

static void
print_program_help(const kt_program_t *self)
{
    kt_buf_t text;
    kt_buf_init(&text, HELP_BYTES);
    kt_buf_fmt(&text, "%s -- %s\n\nUsage: %s [--config FILE] [--set NAME=VALUE]... [--debug]\n\n", self->name,
               self->purpose, self->name);
    for (const kt_program_option_t *option = KT_PROGRAM_OPTIONS; option->name; option++)
        if ((self->joins || strcmp(option->name, "join") != 0) &&
            (self->has_check || strcmp(option->name, "check") != 0))
            kt_buf_fmt(&text, "  --%s %-*s %s\n", option->name, 16 - (int)strlen(option->name),
                       option->value ? option->value : "", option->help);
    kt_buf_fmt(&text,
               "\nExample: %s --set ANALYZER_LOG_LEVEL=DEBUG\n\n"
               "Settings (environment, then file, then default):\n",
               self->name);
    kt_settings_help(&text, false);
    print_and_free(&text);
}

static void
set_up_log(const kt_program_t *self, bool debug)
{
    static const char *const levels[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
    kt_log_level_t           least    = KT_LOG_INFO;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcasecmp(self->settings.log_level, levels[i]) == 0)
            least = (kt_log_level_t)i;
    kt_log_setup(debug ? KT_LOG_DEBUG : least,
                 strcasecmp(self->settings.log_format, "json") == 0 ? KT_LOG_JSON : KT_LOG_TEXT, self->name);
}

int
kt_program_exit(kt_err_t err)
{
    return err == KT_ESETTING || err == KT_EUSAGE ? 2 : err != KT_OK;
}

// From file and environment, then the --set options.
static kt_err_t
load_settings(kt_program_t *self, request_t *request)
{
    char     why[KT_SETTINGS_WHY] = "";
    kt_err_t err                  = kt_settings_load(&self->settings, request->config, environ, why);
    if (err) {
        kt_program_complain(self, err, why);
        return err;
    }
    for (size_t i = 0; i < request->n_sets && !err; i++) {
        char *equals = strchr(request->sets[i], '=');
        *equals      = '\0';
        err          = kt_settings_set(&self->settings, request->sets[i], equals + 1, why);
    }
    if (!err && request->join)
        err = kt_settings_set(&self->settings, "ANALYZER_JOIN_TOKEN", request->join, why);
    if (!err)
        err = kt_settings_check(&self->settings, why);
    if (err) {
        kt_program_complain(self, err, why);
        kt_settings_fini(&self->settings);
    }
    return err;
}

static void
warn_of_open_settings(const kt_program_t *self)
{
    char        file[WHY_BYTES];
    const char *name = NULL;
    if (kt_settings_are_open(&self->settings, &name))
        kt_log_warn("SETTINGS-OPEN", "file=\"%s\" setting=%s text=\"other users can read it: chmod 600\"",
                    kt_log_quote(file, sizeof file, self->settings.config), name);
}

bool
kt_program_start(kt_program_t *self, int argc, char **argv, int *exit_code)
{
    request_t request = {0};
    int       key;
    self->ready_fd = -1;
    *exit_code     = 2;
    opterr         = 0;  // errors are reported below
    while ((key = getopt_long(argc, argv, "h", OPTIONS, NULL)) >= 0)
        if (!read_option(self, &request, key, argv[optind - 1]))
            return false;
    if (optind < argc)
        return bad_usage(self, "unexpected argument", argv[optind]);
    *exit_code = 0;
    if (request.help || request.version) {
        if (request.help)
            print_program_help(self);
        else
            printf("%s %s%s\n", self->name, KT_VERSION, kt_test_faults_built() ? " (with test faults)" : "");
        return false;
    }
    pid_t          parent = getppid();
    const kt_err_t err    = load_settings(self, &request);
    *exit_code            = err ? kt_program_exit(err) : 1;
    if (err)
        return false;
    set_up_log(self, request.debug);
    warn_of_open_settings(self);
    if (request.print) {
        kt_buf_t text;
        kt_buf_init(&text, HELP_BYTES);
        kt_settings_print(&self->settings, &text);
        print_and_free(&text);
        kt_settings_fini(&self->settings);
        *exit_code = 0;
        return false;
    }
    // The parent may have exited before this call; the signal is then never sent.
    if (self->with_parent && (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != parent)) {
        kt_settings_fini(&self->settings);
        return false;
    }
    return true;
}

int
kt_program_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL))
        return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int
kt_program_next_signal(int signal_fd)
{
    struct signalfd_siginfo info;
    if (signal_fd < 0 || read(signal_fd, &info, sizeof info) != sizeof info)
        return 0;
    return (int)info.ssi_signo;
}
