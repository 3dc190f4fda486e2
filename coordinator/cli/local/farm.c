#include "coordinator/cli/local/farm.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/socket.h"
#include "common/text.h"
#include "coordinator/access/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

// A child that exits is restarted after a pause that doubles from 100 ms to 5 s and starts at 100 ms again once the
// child has run for a minute. A node that ends itself UNABLE_STARTS times in a row before that cannot work here; one
// that a file kills ends by a signal.
enum { UNABLE_STARTS = 5 };
enum { READY_MS = 15000, END_MS = 20000, PAUSE_MS = 100, PAUSE_MAX_MS = 5000, HEALTHY_MS = 60000, PATH = 4096 };

typedef struct child {
    const char *program;  // "kithara-node"
    pid_t       pid;      // 0: not running
    int64_t     began_ms, again_ms, pause_ms;
    int         bad_starts;  // in a row
} child_t;

struct kt_farm {
    kt_farm_opts_t opts;
    child_t        coordinator, node;
    int            signals;         // signalfd
    int            stops;           // number of stop requests
    char           programs[PATH];  // folder of the executables
    char          *roots;           // the argument of --set
    char           http[KT_FARM_URL], router[KT_FARM_URL], key[64];
};

static kt_err_t
catch_signals(kt_farm_t *self)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < 4; i++)
        sigaddset(&set, (int[]){SIGINT, SIGTERM, SIGHUP, SIGCHLD}[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return KT_ESYSTEM;
    self->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return self->signals < 0 ? KT_ESYSTEM : KT_OK;
}

// Settings given to the children as --set arguments, which override environment and file.
typedef struct arguments {
    char  *argv[64 + 2 * KT_CLI_SETS];
    size_t n;
    char   text[24][PATH + 64];
    size_t n_text;
} arguments_t;

static void
add_argument(arguments_t *a, const char *word)
{
    a->argv[a->n++] = (char *)word;
    a->argv[a->n]   = NULL;
}

static void
add_set_argument(arguments_t *a, const char *name, const char *value)
{
    if (!value)
        return;
    char *text = a->text[a->n_text++];
    snprintf(text, sizeof a->text[0], "%s=%.*s", name, PATH, value);
    add_argument(a, "--set");
    add_argument(a, text);
}

static void
add_common_arguments(kt_farm_t *self, arguments_t *a, const child_t *child)
{
    char *program = a->text[a->n_text++];
    snprintf(program, sizeof a->text[0], "%.*s%s", PATH - 32, self->programs, child->program);
    add_argument(a, program);
    add_argument(a, "--with-parent");
    if (self->opts.cli->debug)
        add_argument(a, "--debug");
    if (*self->opts.cli->settings->config) {
        add_argument(a, "--config");
        add_argument(a, self->opts.cli->settings->config);
    }
    for (size_t i = 0; i < self->opts.cli->n_sets; i++) {  // first: what follows overrides them
        add_argument(a, "--set");
        add_argument(a, self->opts.cli->sets[i]);
    }
    add_set_argument(a, "ANALYZER_STATE_DIR", self->opts.state_dir);
    if (self->roots) {  // of nodes, and of backfills
        add_argument(a, "--set");
        add_argument(a, self->roots);
    }
    add_set_argument(a, "ANALYZER_LOG_LEVEL", self->opts.cli->debug ? "DEBUG" : "WARNING");
}

// Own process group, empty signal mask, stdin from /dev/null.
static kt_err_t
spawn_child(child_t *child, char **argv)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t          attributes;
    sigset_t                   none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    int error = posix_spawn(&child->pid, argv[0], &files, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (error) {
        child->pid = 0;
        return KT_ESYSTEM;
    }
    child->began_ms = kt_clock_ms();
    return KT_OK;
}

// Reads the JSON line that a coordinator writes to --ready-fd; end of file means that it has exited.
static kt_err_t
read_ready(kt_farm_t *self, int fd)
{
    int64_t deadline_ms = kt_clock_ms() + READY_MS;
    char    line[1024], why[KT_JSON_WHY];
    size_t  used  = 0;
    json_t *ready = NULL;
    while (used + 1 < sizeof line && (!used || line[used - 1] != '\n')) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        int64_t       left     = deadline_ms - kt_clock_ms();
        if (left <= 0 || poll(&readable, 1, (int)left) == 0)
            return KT_ETIME;
        ssize_t n = read(fd, line + used, sizeof line - 1 - used);
        if (n == 0)
            return KT_ECLOSED;
        used += n > 0 ? (size_t)n : 0;
    }
    kt_err_t err = kt_json_parse(line, used, sizeof line, &ready, why);
    if (err)
        return err;
    snprintf(self->http, sizeof self->http, "%s", kt_json_str(ready, "http", ""));
    snprintf(self->router, sizeof self->router, "%s", kt_json_str(ready, "router", ""));
    snprintf(self->key, sizeof self->key, "%s", kt_json_str(ready, "public_key", ""));
    kt_json_free(&ready);
    return KT_OK;
}

static kt_err_t
start_coordinator(kt_farm_t *self)
{
    int  ends[2];
    char fd[16];
    if (pipe2(ends, O_CLOEXEC))
        return KT_ESYSTEM;
    arguments_t *a = calloc(1, sizeof *a);
    if (!a) {
        close(ends[0]);
        close(ends[1]);
        return KT_ENOMEM;
    }
    int inherited = fcntl(ends[1], F_DUPFD, 3);  // for the child, hence without close-on-exec
    snprintf(fd, sizeof fd, "%d", inherited);
    add_common_arguments(self, a, &self->coordinator);
    add_argument(a, "--ready-fd");
    add_argument(a, fd);
    add_set_argument(a, "DATABASE_URL", self->opts.database_url);
    if (self->opts.database_url)
        add_set_argument(a, "AMQP_CONNECTION_STRING", "");  // a private farm does not consume from the production queue
    // A restarted coordinator gets the same ports, so that nodes and clients find it.
    add_set_argument(a, "ANALYZER_ROUTER_BIND", *self->router ? self->router : self->opts.router_bind);
    add_set_argument(a, "ANALYZER_HTTP_BIND", *self->http ? self->http + strlen("http://") : self->opts.http_bind);
    kt_err_t err = spawn_child(&self->coordinator, a->argv);
    free(a);
    close(inherited);
    close(ends[1]);
    if (!err)
        err = read_ready(self, ends[0]);
    close(ends[0]);
    return err;
}

// The node's key pair is made here if it is missing, so that the coordinator allows it before it connects.
static kt_err_t
allow_node(const kt_farm_t *self)
{
    char       name[64], path[PATH + 128];
    kt_curve_t key;
    kt_text_copy(name, sizeof name, self->opts.cli->settings->node_name);
    if (!*name && gethostname(name, sizeof name - 1))
        return KT_ESYSTEM;
    snprintf(path, sizeof path, "%s/keys/node-%s", self->opts.state_dir, name);
    kt_err_t err = kt_curve_load_or_make(path, &key);
    return err ? err : kt_keys_allow(self->opts.state_dir, key.public_key, name);
}

static kt_err_t
start_node(kt_farm_t *self)
{
    arguments_t *a = calloc(1, sizeof *a);
    if (!a)
        return KT_ENOMEM;
    add_common_arguments(self, a, &self->node);
    add_set_argument(a, "ANALYZER_COORDINATORS", self->router);
    add_set_argument(a, "ANALYZER_COORDINATOR_KEY", self->key);
    add_set_argument(a, "ANALYZER_WORKERS", self->opts.workers);
    kt_err_t err = spawn_child(&self->node, a->argv);
    free(a);
    return err;
}

static kt_err_t
find_programs(const kt_farm_t *self, char why[KT_FARM_WHY])
{
    const char *const programs[] = {self->coordinator.program, self->node.program};
    char              path[PATH + 32];
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        snprintf(path, sizeof path, "%s%s", self->programs, programs[i]);
        if (access(path, X_OK) == 0)
            continue;
        snprintf(why, KT_FARM_WHY, "%s, which belongs beside kithara, cannot be started (%s); packages: install %s",
                 programs[i], strerror(errno), programs[i]);
        return KT_ENOFILE;
    }
    return KT_OK;
}

kt_err_t
kt_farm_new(kt_farm_t **self_p, const kt_farm_opts_t *opts, char why[KT_FARM_WHY])
{
    kt_farm_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    *self        = (kt_farm_t){.opts        = *opts,
                               .signals     = -1,
                               .coordinator = {.program = "kithara-coordinator"},
                               .node        = {.program = "kithara-node"}};
    why[0]       = '\0';
    ssize_t  n   = readlink("/proc/self/exe", self->programs, sizeof self->programs - 1);
    kt_err_t err = n > 0 ? catch_signals(self) : KT_ESYSTEM;
    if (!err && opts->media_roots && asprintf(&self->roots, "ANALYZER_MEDIA_ROOTS=%s", opts->media_roots) < 0) {
        self->roots = NULL;
        err         = KT_ENOMEM;
    }
    if (n > 0) {
        self->programs[n]                   = '\0';
        *(strrchr(self->programs, '/') + 1) = '\0';
    }
    if (!err)
        err = find_programs(self, why);
    if (!err)
        err = allow_node(self);
    if (!err)
        err = start_coordinator(self);
    if (err == KT_ECLOSED)
        snprintf(why, KT_FARM_WHY, "the coordinator did not start; see its message above");
    if (!err)
        err = start_node(self);
    if (err) {
        kt_farm_destroy(&self);
        return err;
    }
    *self_p = self;
    return KT_OK;
}

const char *
kt_farm_http(const kt_farm_t *self)
{
    return self->http;
}

const char *
kt_farm_router(const kt_farm_t *self)
{
    return self->router;
}

bool
kt_farm_stopping(const kt_farm_t *self)
{
    return self->stops > 0;
}

static void
signal_child(const child_t *child, int signal_number)
{
    if (child->pid)
        kill(child->pid, signal_number);
}

void
kt_farm_stop(kt_farm_t *self)
{
    self->stops++;
    signal_child(&self->node, SIGTERM);
    if (!self->node.pid || self->stops > 1)
        signal_child(&self->coordinator, SIGTERM);
}

static void
child_exited(kt_farm_t *self, child_t *child, int status)
{
    int64_t now_ms = kt_clock_ms();
    child->pid     = 0;
    if (self->stops) {
        if (child == &self->node)
            signal_child(&self->coordinator, SIGTERM);
        return;
    }
    bool healthy      = now_ms - child->began_ms > HEALTHY_MS;
    bool bad_start    = !healthy && WIFEXITED(status) && WEXITSTATUS(status);
    child->bad_starts = bad_start ? child->bad_starts + 1 : 0;
    child->pause_ms   = healthy || !child->pause_ms ? PAUSE_MS : child->pause_ms * 2;
    child->pause_ms   = child->pause_ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : child->pause_ms;
    child->again_ms   = now_ms + child->pause_ms;
    kt_log_warn("CHILD-DIED", "program=%s %s=%d again_in_ms=%lld", child->program,
                WIFSIGNALED(status) ? "signal" : "code", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                (long long)child->pause_ms);
}

static void
restart_child(kt_farm_t *self, child_t *child, kt_err_t (*start)(kt_farm_t *))
{
    if (self->stops || child->pid || kt_clock_ms() < child->again_ms)
        return;
    kt_err_t err = start(self);
    if (err)
        kt_log_error("CHILD-START", "program=%s error=%s", child->program, kt_err_name(err));
    child->again_ms = kt_clock_ms() + PAUSE_MAX_MS;
}

static kt_farm_event_t
read_signals(kt_farm_t *self)
{
    struct signalfd_siginfo info;
    kt_farm_event_t         event = KT_FARM_QUIET;
    int                     status;
    while (read(self->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
                if (pid == self->coordinator.pid)
                    child_exited(self, &self->coordinator, status);
                else if (pid == self->node.pid)
                    child_exited(self, &self->node, status);
            }
            continue;
        }
        kt_farm_stop(self);
        event = self->stops > 1 ? KT_FARM_STOP_NOW : KT_FARM_STOP;
    }
    return event;
}

kt_farm_event_t
kt_farm_step(kt_farm_t *self, int64_t timeout_ms)
{
    struct pollfd ready = {.fd = self->signals, .events = POLLIN};
    (void)poll(&ready, 1, (int)timeout_ms);
    kt_farm_event_t event = read_signals(self);
    if (event != KT_FARM_QUIET)
        return event;
    if (self->stops && !self->node.pid && !self->coordinator.pid)
        return KT_FARM_ENDED;
    if (!self->stops && self->node.bad_starts >= UNABLE_STARTS) {
        (void)kt_cli_fail(KT_ESYSTEM, self->node.program, "it ended itself at each start: see its message above");
        kt_farm_stop(self);
        return KT_FARM_UNABLE;
    }
    restart_child(self, &self->coordinator, start_coordinator);
    restart_child(self, &self->node, start_node);
    return KT_FARM_QUIET;
}

void
kt_farm_destroy(kt_farm_t **self_p)
{
    kt_farm_t *self = *self_p;
    if (!self)
        return;
    int64_t deadline_ms = kt_clock_ms() + END_MS;
    if (!self->stops)
        kt_farm_stop(self);
    while ((self->coordinator.pid || self->node.pid) && kt_clock_ms() < deadline_ms)
        if (kt_farm_step(self, 100) == KT_FARM_ENDED)
            break;
    signal_child(&self->node, SIGKILL);
    signal_child(&self->coordinator, SIGKILL);
    if (self->node.pid)
        waitpid(self->node.pid, NULL, 0);
    if (self->coordinator.pid)
        waitpid(self->coordinator.pid, NULL, 0);
    if (self->signals >= 0)
        close(self->signals);
    free(self->roots);
    free(self);
    *self_p = NULL;
}
