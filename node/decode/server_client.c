#include "node/decode/server_client.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "node/decode/child_environment.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

// FILES_PER_SERVER: each child has the address layout of its server, so what one file learns of it is of use to as
// many. A server starts in the time of a few files, most of it the dynamic linker's work on FFmpeg's libraries.
// RETIRED_SERVERS: that still decode their last files.
// NOT_LINKED: the exit status of the dynamic linker where it does not find a library.
enum { NOT_LINKED = 127 };
enum { START_MS = 20000, STOP_MS = 5000, FILES_PER_SERVER = 256, RETIRED_SERVERS = 4 };

typedef struct process {
    pid_t pid;  // 0: none runs
    int   socket;
} process_t;

struct kt_decode_server {
    pthread_mutex_t mutex;  // guards what follows
    process_t       running, retired[RETIRED_SERVERS];
    uint32_t        files;  // that the running one was sent
    uint32_t        walls;  // of the first one; not changed later
    char            program[PATH_MAX];
};

// Waits for events on one descriptor. KT_ETIME, KT_ESYSTEM.
static kt_err_t
wait_for_fd(int fd, short events, int64_t deadline_ms)
{
    for (;;) {
        int64_t       left = deadline_ms - kt_clock_ms();
        struct pollfd one  = {.fd = fd, .events = events};
        int           n    = poll(&one, 1, left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left);
        if (n > 0)
            return KT_OK;
        if (n < 0 && errno != EINTR)
            return KT_ESYSTEM;
        if (n == 0)
            return KT_ETIME;
    }
}

// The server's exit follows from the closed socket; SIGKILL is for one that is stuck.
// Returns the exit status, -1: none, or ended by a signal.
static int
process_stop(process_t *self)
{
    int status = 0;
    if (self->pid) {
        close(self->socket);
        int fd = pidfd_open(self->pid, 0);
        if (fd < 0 || wait_for_fd(fd, POLLIN, kt_clock_ms() + STOP_MS) != KT_OK)
            kill(self->pid, SIGKILL);
        if (fd >= 0)
            close(fd);
        while (waitpid(self->pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    const bool exited = self->pid && WIFEXITED(status);
    *self             = (process_t){0};
    return exited ? WEXITSTATUS(status) : -1;
}

static int
server_spawn(const kt_decode_server_t *self, int socket, char **environment, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t          attr;
    sigset_t                   none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawn_file_actions_init(&files))
        return ENOMEM;
    if (posix_spawnattr_init(&attr)) {
        posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    // Not PR_SET_PDEATHSIG: it follows the thread that starts the server, which may be one worker among many. The
    // server ends with its socket, whichever way this process goes.
    int bad = posix_spawn_file_actions_adddup2(&files, socket, KT_DECODE_FD);
    bad     = bad ? bad : posix_spawn_file_actions_addclosefrom_np(&files, KT_DECODE_FD + 1);
    bad     = bad ? bad : posix_spawnattr_setsigmask(&attr, &none);
    bad     = bad ? bad : posix_spawnattr_setsigdefault(&attr, &all);
    bad     = bad ? bad : posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (!bad)
        bad = posix_spawn(pid, self->program, &files, &attr, (char *[]){(char *)self->program, NULL}, environment);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return bad;
}

// Starts the server and waits for its HELLO, sent when FFmpeg is loaded.
static kt_err_t
server_start(kt_decode_server_t *self)
{
    kt_decode_record_t hello = {0};
    process_t          made  = {0};
    char             **environment;
    int                pair[2];
    kt_err_t           err = kt_child_environment(KT_CHILD_DECODER, &environment);
    if (err)
        return err;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
        free(environment);
        return KT_ESYSTEM;
    }
    int bad = server_spawn(self, pair[1], environment, &made.pid);
    free(environment);
    close(pair[1]);
    made.socket = pair[0];
    if (!bad && wait_for_fd(made.socket, POLLIN, kt_clock_ms() + START_MS) == KT_OK &&
        recv(made.socket, &hello, sizeof hello, MSG_DONTWAIT) == sizeof hello && hello.kind == KT_DECODE_HELLO &&
        hello.code == KT_DECODE_VERSION) {
        self->running = made;
        self->files   = 0;
        if (!self->walls)
            self->walls = hello.walls;
        return KT_OK;
    }
    int status = -1;
    if (bad)
        close(made.socket);
    else
        status = process_stop(&made);
    kt_log_error("DECODER-START", "program=\"%s\" reason=\"%s\"", self->program,
                 bad                    ? strerror(bad)
                 : status == NOT_LINKED ? "a library that it needs is missing: see its message above"
                                        : "it sent no HELLO, or it is of another version");
    return bad == ENOENT || bad == EACCES ? KT_ENOFILE : KT_ESYSTEM;
}

static void
reap_retired(kt_decode_server_t *self)
{
    for (size_t i = 0; i < RETIRED_SERVERS; i++) {
        process_t *one = &self->retired[i];
        if (one->pid && waitpid(one->pid, NULL, WNOHANG) == one->pid) {
            close(one->socket);
            *one = (process_t){0};
        }
    }
}

// After its share of files: the server decodes what it has and ends, and the next request goes to a new one. It stays
// while the servers before it have not ended.
static void
server_retire(kt_decode_server_t *self)
{
    reap_retired(self);
    for (size_t i = 0; i < RETIRED_SERVERS && self->files >= FILES_PER_SERVER; i++) {
        if (self->retired[i].pid || shutdown(self->running.socket, SHUT_WR))
            continue;
        self->retired[i] = self->running;
        self->running    = (process_t){0};
        self->files      = 0;
    }
}

// KT_ECLOSED: the server has exited. KT_ETIME, KT_ESYSTEM.
static kt_err_t
server_send_once(kt_decode_server_t *self, const kt_decode_request_t *request, const int fds[KT_REQUEST_FDS],
                 int64_t deadline_ms)
{
    union {
        struct cmsghdr align;
        char           bytes[CMSG_SPACE(KT_REQUEST_FDS * sizeof(int))];
    } rights             = {0};
    struct iovec  part   = {.iov_base = (void *)request, .iov_len = sizeof *request};
    struct msghdr msg    = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
    *CMSG_FIRSTHDR(&msg) = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(KT_REQUEST_FDS * sizeof(int))};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), fds, KT_REQUEST_FDS * sizeof(int));
    while (sendmsg(self->running.socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno != EAGAIN && errno != EINTR)
            return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN ? KT_ECLOSED : KT_ESYSTEM;
        kt_err_t err = wait_for_fd(self->running.socket, POLLOUT, deadline_ms);
        if (err != KT_OK)
            return err;
    }
    return KT_OK;
}

kt_err_t
kt_decode_server_send(kt_decode_server_t *self, const kt_decode_request_t *request, const int fds[KT_REQUEST_FDS],
                      int64_t deadline_ms)
{
    pthread_mutex_lock(&self->mutex);
    server_retire(self);
    kt_err_t err = self->running.pid ? KT_OK : server_start(self);
    if (err == KT_OK)
        err = server_send_once(self, request, fds, deadline_ms);
    if (err == KT_ECLOSED) {
        kt_log_warn("DECODER-RESTART", "program=\"%s\" pid=%d", self->program, (int)self->running.pid);
        process_stop(&self->running);
        err = server_start(self);
        if (err == KT_OK)
            err = server_send_once(self, request, fds, deadline_ms);
    }
    self->files += err == KT_OK;
    pthread_mutex_unlock(&self->mutex);
    return err == KT_OK ? KT_OK : KT_ESYSTEM;
}

kt_err_t
kt_decode_server_new(kt_decode_server_t **self_p, const char *program)
{
    static const char   name[] = "kithara-decode";
    kt_decode_server_t *self   = calloc(1, sizeof *self);
    kt_err_t            err    = KT_OK;
    if (!self)
        return KT_ENOMEM;
    pthread_mutex_init(&self->mutex, NULL);
    if (!program)
        program = getenv("KITHARA_DECODE");
    if (program) {
        err = kt_text_copy(self->program, PATH_MAX, program) ? KT_OK : KT_ENOFILE;
    } else {
        ssize_t n = readlink("/proc/self/exe", self->program, PATH_MAX - sizeof name);
        err       = n > 0 && n < PATH_MAX - (ssize_t)sizeof name ? KT_OK : KT_ESYSTEM;
        if (err == KT_OK) {
            self->program[n] = '\0';
            char *slash      = strrchr(self->program, '/');
            memcpy(slash ? slash + 1 : self->program, name, sizeof name);
        }
    }
    if (err == KT_OK)
        err = server_start(self);
    if (err != KT_OK)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_decode_server_destroy(&self);
    return err;
}

void
kt_decode_server_destroy(kt_decode_server_t **self_p)
{
    kt_decode_server_t *self = *self_p;
    if (!self)
        return;
    process_stop(&self->running);
    for (size_t i = 0; i < RETIRED_SERVERS; i++)
        process_stop(&self->retired[i]);
    pthread_mutex_destroy(&self->mutex);
    free(self);
    *self_p = NULL;
}

uint32_t
kt_decode_server_walls(const kt_decode_server_t *self)
{
    return self->walls;
}
