#include "node/work/isolated.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/settings_pass.h"
#include "node/decode/child_environment.h"
#include "node/run/pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_SOCKET = 3, CHILD_SETTINGS = 4, CHILD_PROGRESS = 5, FIRST_FREE = 10 };
enum { MESSAGE_BYTES = 4 << 20, SLICE_MS = 100, GRACE_MS = 10000, SEND_MS = 10000, MIB = 1 << 20, PROGRAM_MB = 512 };

typedef struct child {
    pid_t             pid;  // 0: none
    int               socket, settings, memory;
    _Atomic uint64_t *shared;  // the child's progress
} child_t;

// All bytes, or false: timeout, or the peer closed. A message is its length, four bytes in native order, and its bytes.
static bool
isolated_transfer(int fd, char *bytes, size_t length, bool out, int64_t until_ms)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = out ? send(fd, bytes + done, length - done, MSG_NOSIGNAL | MSG_DONTWAIT)
                        : recv(fd, bytes + done, length - done, MSG_DONTWAIT);
        if (n > 0) {
            done += (size_t)n;
            continue;
        }
        int64_t       left    = until_ms - kt_clock_ms();
        struct pollfd poll_fd = {.fd = fd, .events = out ? POLLOUT : POLLIN};
        if (n == 0 || (errno != EAGAIN && errno != EINTR) || left <= 0)
            return false;
        (void)poll(&poll_fd, 1, (int)(left < SLICE_MS ? left : SLICE_MS));
    }
    return true;
}

static bool
isolated_send(int fd, const kt_msg_t *msg, int64_t until_ms)
{
    kt_buf_t text;
    kt_buf_init(&text, MESSAGE_BYTES);
    bool     good   = !kt_wire_encode(msg, &text) && !text.err;
    uint32_t length = (uint32_t)text.length;
    good            = good && isolated_transfer(fd, (char *)&length, sizeof length, true, until_ms) &&
           isolated_transfer(fd, text.bytes, text.length, true, until_ms);
    kt_buf_fini(&text);
    return good;
}

// *bytes is the memory of the message, to be freed by the caller in any case.
static bool
isolated_read(int fd, kt_wire_arena_t *arena, char **bytes, kt_msg_t *msg, int64_t until_ms)
{
    uint32_t length = 0;
    if (!isolated_transfer(fd, (char *)&length, sizeof length, false, until_ms) || !length || length > MESSAGE_BYTES)
        return false;
    *bytes = malloc(length);
    return *bytes && isolated_transfer(fd, *bytes, length, false, until_ms) &&
           !kt_wire_decode(*bytes, length, arena, msg);
}

static void
child_close(child_t *child)
{
    int fds[] = {child->socket, child->settings, child->memory};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (child->shared)
        munmap((void *)child->shared, sizeof *child->shared);
}

// Moves fd above the fixed numbers of the child's descriptors, so that dup2 in the child overwrites none of them.
static int
raise_fd(int fd)
{
    int raised = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE);
    if (fd >= 0)
        close(fd);
    return raised;
}

// An errno, or 0.
static int
child_spawn(child_t *child, int peer)
{
    char **environment;
    if (kt_child_environment(KT_CHILD_MODELS, &environment))
        return ENOMEM;
    static char                program[] = "kithara-node", option[] = "--solo-child";
    char                      *arguments[] = {program, option, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t          attributes;
    sigset_t                   none;
    int                        from[] = {peer, child->settings, child->memory};
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    for (int i = 0; i < 3; i++)
        posix_spawn_file_actions_adddup2(&actions, from[i], CHILD_SOCKET + i);
    int failed = posix_spawn(&child->pid, "/proc/self/exe", &actions, &attributes, arguments, environment);
    free(environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

// The child opens the models of the folder that the task's set is from.
static kt_err_t
pass_settings(const kt_settings_t *settings, const kt_task_t *task, int *fd)
{
    char          why[KT_SETTINGS_WHY];
    kt_settings_t copy;
    kt_err_t      err = kt_settings_copy(settings, &copy);
    if (err)
        return err;
    err = kt_settings_set(&copy, "ANALYZER_MODEL_PATH", task->models ? kt_model_set_folder(task->models) : "", why);
    if (!err)
        err = kt_settings_pass(&copy, fd);
    kt_settings_fini(&copy);
    return err;
}

static bool
child_start(child_t *child, const kt_settings_t *settings, const kt_task_t *task)
{
    int pair[2] = {-1, -1};
    *child      = (child_t){.socket = -1, .settings = -1, .memory = -1};
    if (pass_settings(settings, task, &child->settings))
        return false;
    child->memory = memfd_create("kithara-progress", MFD_CLOEXEC);
    if (child->memory < 0 || ftruncate(child->memory, sizeof *child->shared))
        return false;
    void *at = mmap(NULL, sizeof *child->shared, PROT_READ | PROT_WRITE, MAP_SHARED, child->memory, 0);
    if (at == MAP_FAILED)
        return false;
    child->shared = at;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return false;
    child->socket   = pair[0];
    child->settings = raise_fd(child->settings);
    child->memory   = raise_fd(child->memory);
    pair[1]         = raise_fd(pair[1]);
    int failed      = child->settings < 0 || child->memory < 0 || pair[1] < 0 || child_spawn(child, pair[1]);
    if (pair[1] >= 0)
        close(pair[1]);
    if (failed)
        child->pid = 0;
    return !failed;
}

// Waits for input while it adds the progress of the child to the caller's. False: cancelled, or too late.
static bool
child_wait(const child_t *child, const kt_task_t *task, _Atomic uint64_t *progress, int64_t until_ms)
{
    uint64_t seen = 0;
    while (!task->cancelled && kt_clock_ms() < until_ms) {
        struct pollfd fd    = {.fd = child->socket, .events = POLLIN};
        uint64_t      now   = *child->shared;
        int           ready = poll(&fd, 1, SLICE_MS);
        *progress += now - seen;
        seen = now;
        if (ready > 0)
            return true;
    }
    return false;
}

static void
outcome_from_wire(const kt_wire_outcome_t *wire, kt_outcome_t *outcome)
{
    outcome->err           = (kt_err_t)wire->err;
    outcome->processing_us = (int64_t)wire->processing_us;
    kt_bytes_copy(outcome->detail, sizeof outcome->detail, wire->detail);
    if (wire->content_digest.n == sizeof outcome->content_digest.bytes)
        memcpy(outcome->content_digest.bytes, wire->content_digest.at, wire->content_digest.n);
    outcome->n_stages = wire->stages.n < KT_OUTCOME_STAGES ? wire->stages.n : KT_OUTCOME_STAGES;
    for (size_t i = 0; i < outcome->n_stages; i++) {
        kt_bytes_copy(outcome->stages[i].name, sizeof outcome->stages[i].name, wire->stages.at[i].name);
        outcome->stages[i].us = (int64_t)wire->stages.at[i].us;
    }
    outcome->document = malloc(wire->document.n + 1);
    if (!outcome->document)
        return;
    memcpy(outcome->document, wire->document.at, wire->document.n);
    outcome->document[wire->document.n] = '\0';
    outcome->document_bytes             = wire->document.n;
}

// Sends the task and reads its outcome; false when the child returns none.
static bool
child_run_task(const child_t *child, const kt_task_t *task, _Atomic uint64_t *progress, int64_t until_ms,
               kt_outcome_t *outcome)
{
    kt_wire_arena_t arena = {0};
    kt_wire_work_t  work  = {.job         = task->job,
                             .run         = task->run,
                             .attempt     = task->attempt,
                             .body        = {task->body, task->body_bytes},
                             .deadline_ms = task->deadline_ms,
                             .isolated    = true};
    kt_msg_t        msg   = {.type = KT_MSG_BATCH};
    char           *bytes = NULL;
    msg.batch.items.at    = &work;
    msg.batch.items.n     = 1;
    bool good             = isolated_send(child->socket, &msg, kt_clock_ms() + SEND_MS) &&
                child_wait(child, task, progress, until_ms) &&
                isolated_read(child->socket, &arena, &bytes, &msg, kt_clock_ms() + SEND_MS) &&
                msg.type == KT_MSG_RESULT && msg.result.items.n == 1 && msg.result.items.at[0].document.n;
    if (good)
        outcome_from_wire(&msg.result.items.at[0], outcome);
    free(bytes);
    kt_wire_arena_fini(&arena);
    return good && outcome->document;
}

void
kt_isolated_run(const kt_settings_t *settings, const kt_task_t *task, _Atomic uint64_t *progress, kt_outcome_t *outcome)
{
    child_t child;
    int     status = 0;
    char    detail[KT_OUTCOME_DETAIL];
    int64_t start_us = kt_clock_us();
    int64_t until_ms = kt_clock_ms() + kt_task_limit_ms(task, settings) + GRACE_MS;
    if (!child_start(&child, settings, task)) {
        child_close(&child);
        kt_outcome_fail(outcome, task->body, task->body_bytes, KT_ESYSTEM, "no process of its own could be started");
        return;
    }
    bool good = child_run_task(&child, task, progress, until_ms, outcome);
    bool late = !good && kt_clock_ms() >= until_ms;
    if (late || task->cancelled)
        kill(child.pid, SIGKILL);
    child_close(&child);  // a child that waits for input ends at this
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (good)
        return;
    outcome->processing_us = kt_clock_us() - start_us;
    if (WIFSIGNALED(status))
        snprintf(detail, sizeof detail, "signal SIG%s (%d)",
                 sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?", WTERMSIG(status));
    else
        snprintf(detail, sizeof detail, "exit status %d without a result", WEXITSTATUS(status));
    char fields[KT_JOB_LOG];
    kt_log_warn("SOLO-FAILED", "job=%llu run=%u end=\"%s\" %s", (unsigned long long)task->job, task->run, detail,
                kt_job_log_fields(task->body, task->body_bytes, fields));
    kt_outcome_fail(outcome, task->body, task->body_bytes,
                    task->cancelled ? KT_ECANCELLED
                    : late          ? KT_ETIME
                                    : KT_ECRASH,
                    late ? "it ran alone and did not end in time" : detail);
}

static kt_err_t
child_analyse(const kt_settings_t *settings, kt_task_t *task, _Atomic uint64_t *progress)
{
    kt_pipeline_t     *pipeline = NULL;
    kt_worker_t       *worker   = NULL;
    kt_pipeline_opts_t opts     = {.settings = settings, .media_roots = settings->media_roots};
    kt_worker_opts_t   run_opts = {.cancelled = &task->cancelled, .progress = progress, .models = task->models};
    kt_err_t           err      = kt_pipeline_new(&pipeline, &opts);
    if (!err)
        err = kt_worker_new(&worker, pipeline);
    run_opts.deadline_ms = kt_clock_ms() + kt_task_limit_ms(task, settings);
    if (!err)
        kt_outcome_run(&task->outcome, worker, task->body, task->body_bytes, &run_opts);
    if (!err && task->outcome.err == KT_ENOMEM)  // at the limit above: another attempt would exceed it too
        kt_outcome_fail(&task->outcome, task->body, task->body_bytes, KT_EMEMLIMIT, task->outcome.detail);
    kt_worker_destroy(&worker);
    kt_pipeline_destroy(&pipeline);
    return err;
}

int
kt_isolated_child(void)
{
    static kt_tasks_t    tasks;
    kt_settings_t        settings;
    kt_wire_outcome_t    outcome;
    kt_wire_stage_time_t stages[KT_OUTCOME_STAGES];
    kt_wire_arena_t      arena = {0};
    kt_msg_t             msg;
    kt_task_t           *task  = NULL;
    char                *bytes = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    void *progress = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, CHILD_PROGRESS, 0);
    if (progress == MAP_FAILED || kt_settings_take(&settings, CHILD_SETTINGS))
        return 1;
        // A file that exhausts memory meets this limit before the host's. PROGRAM_MB is for program, libraries and
        // tables. Not with a sanitizer that reserves more than any limit.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    uint64_t      limit_bytes = ((uint64_t)settings.max_memory_mb + PROGRAM_MB) * MIB;
    struct rlimit limit       = {limit_bytes, limit_bytes};
    (void)setrlimit(RLIMIT_DATA, &limit);
#endif

    kt_model_set_t *models                = NULL;
    char            why[KT_CATALOGUE_WHY] = "";
    kt_model_opts_t opts                  = {.exec = {.isa = settings.isa, .int8 = settings.model_int8}};
    if (*settings.model_path && kt_model_set_open(&models, settings.model_path, &opts, why))
        models = NULL;  // the parent has it: what fails here is memory, and the file may fit without it
    bool good = isolated_read(CHILD_SOCKET, &arena, &bytes, &msg, kt_clock_ms() + SEND_MS) &&
                msg.type == KT_MSG_BATCH && msg.batch.items.n == 1 &&
                !kt_tasks_add(&tasks, &msg.batch.items.at[0], 0, models, &task) &&
                !child_analyse(&settings, task, progress) && task->outcome.document;
    if (good) {
        kt_task_to_wire(task, &outcome, stages);
        msg  = (kt_msg_t){.type = KT_MSG_RESULT, .result = {.items = {&outcome, 1}}};
        good = isolated_send(CHILD_SOCKET, &msg, kt_clock_ms() + SEND_MS);
    }
    free(bytes);
    kt_wire_arena_fini(&arena);
    kt_tasks_fini(&tasks);
    kt_model_set_release(&models);
    kt_settings_fini(&settings);
    return good ? 0 : 1;
}
