// The broker: a running coordinator is asked, as it has its connections. Where none runs, kithara-coordinator --check
// is run, which has the client of the broker.
#include "common/clock.h"
#include "coordinator/cli/local/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHECK_MS = 90000, ARGUMENTS = 8 + 2 * KT_CLI_SETS, OUTPUT = 16 * KT_CHECKED_LINE };

static const char PROGRAM[] = "kithara-coordinator";

// The child reads the settings as this program does: environment, file, --set.
static void
fill_arguments(const kt_cli_t *cli, const char *program, const char *argv[ARGUMENTS])
{
    size_t n  = 0;
    argv[n++] = program;
    argv[n++] = "--check";
    argv[n++] = "--with-parent";
    if (*cli->settings->config) {
        argv[n++] = "--config";
        argv[n++] = cli->settings->config;
    }
    for (size_t i = 0; i < cli->n_sets; i++) {
        argv[n++] = "--set";
        argv[n++] = cli->sets[i];
    }
    argv[n] = NULL;
}

// Standard output goes to `out`; errors and the log are those of a program that the reader did not start.
static int
start_check(const kt_cli_t *cli, const char *program, int out, pid_t *pid)
{
    const char                *argv[ARGUMENTS];
    posix_spawn_file_actions_t files;
    fill_arguments(cli, program, argv);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    const int error = posix_spawn(pid, program, &files, NULL, (char **)argv, environ);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

// Until the child closes its output, or the deadline. False: the deadline.
static bool
read_all(int fd, char *text, size_t capacity)
{
    const int64_t deadline_ms = kt_clock_ms() + CHECK_MS;
    for (size_t used = 0; used + 1 < capacity;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        const int64_t left  = deadline_ms - kt_clock_ms();
        if (left <= 0 || poll(&ready, 1, (int)left) == 0)
            return false;
        const ssize_t n = read(fd, text + used, capacity - 1 - used);
        if (n == 0)
            break;
        used += n > 0 ? (size_t)n : 0;
        text[used] = '\0';
    }
    return true;
}

static kt_checked_t
fail(char text[KT_CHECKED_TEXT], kt_checked_t state, const char *what, const char *why)
{
    snprintf(text, KT_CHECKED_TEXT, "%s: %s", what, why);
    return state;
}

// The line of the subject in what the check printed.
static kt_checked_t
find_line(const char *output, const char *subject, char text[KT_CHECKED_TEXT])
{
    kt_checked_t state;
    for (const char *line = output; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (kt_checked_read(line, subject, &state, text))
            return state;
    }
    return fail(text, KT_CHECKED_WRONG, "not checked", "run kithara-coordinator --check and read its message");
}

static kt_checked_t
run_check(const kt_cli_t *cli, const char *subject, char text[KT_CHECKED_TEXT])
{
    char          program[PATH_MAX + sizeof PROGRAM], output[OUTPUT] = "";
    int           ends[2];
    pid_t         pid;
    const ssize_t n = readlink("/proc/self/exe", program, PATH_MAX);
    if (n <= 0 || n == PATH_MAX)
        return fail(text, KT_CHECKED_WRONG, "not checked", "the folder of this program is not known");
    program[n] = '\0';
    strcpy(strrchr(program, '/') + 1, PROGRAM);
    if (access(program, X_OK) != 0)
        return fail(text, KT_CHECKED_WARN,
                    "set; host, password, virtual host and rights are not checked: kithara-coordinator, which "
                    "does that, is not beside this program",
                    strerror(errno));
    if (pipe2(ends, O_CLOEXEC))
        return fail(text, KT_CHECKED_WRONG, "not checked", strerror(errno));
    const int error = start_check(cli, program, ends[1], &pid);
    close(ends[1]);
    const bool ended = !error && read_all(ends[0], output, sizeof output);
    close(ends[0]);
    if (error)
        return fail(text, KT_CHECKED_WRONG, "not checked, kithara-coordinator does not start", strerror(error));
    if (!ended)
        kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return ended ? find_line(output, subject, text)
                 : fail(text, KT_CHECKED_WRONG, "not checked", "kithara-coordinator --check did not end in time");
}

kt_checked_t
kt_doctor_broker(const kt_cli_t *cli, char text[KT_CHECKED_TEXT])
{
    kt_err_t      err;
    json_t       *status = kt_doctor_status(cli, &err, NULL);
    const json_t *amqp   = kt_json_get(status, "amqp");
    if (kt_json_kind(amqp) == KT_JSON_OBJECT) {
        const char *trouble = kt_json_str(amqp, "trouble", NULL);
        const bool  good    = strcmp(kt_json_str(amqp, "state", ""), "up") == 0 && !trouble;
        snprintf(text, KT_CHECKED_TEXT, "the coordinator's connections are %s%s%.400s", kt_json_str(amqp, "state", "?"),
                 trouble ? ": " : "", trouble ? trouble : "");
        kt_json_free(&status);
        return good;
    }
    kt_json_free(&status);
    if (!*cli->settings->amqp_url) {
        snprintf(text, KT_CHECKED_TEXT, "none set (AMQP_CONNECTION_STRING)");
        return KT_CHECKED_OK;
    }
    return run_check(cli, "broker", text);
}
