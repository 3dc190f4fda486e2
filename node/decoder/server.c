#include "node/decoder/server.h"

#include "common/clock.h"
#include "node/decoder/child.h"
#include "node/decoder/walls/walls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIXED_FDS = 2, IDLE_MS = 60000 };

typedef struct entry {
    pid_t   pid;         // 0: this entry is free
    int     control_fd;  // the server's duplicate of the child's end
    int64_t due_ms;
    bool    killed, out_of_time;
} entry_t;

typedef struct server {
    int                     socket, signals;
    bool                    retired;  // the client sends no more requests
    pid_t                   pid;
    sigset_t                mask;  // as it was before SIGCHLD was blocked: restored in each child
    kt_sandbox_t           *sandbox;
    const kt_test_faults_t *faults;
    entry_t                 entries[KT_DECODE_CHILDREN];
    struct pollfd           polled[FIXED_FDS + KT_DECODE_CHILDREN];
} server_t;

// Lost when the client has closed the socket or when a child has filled the queue.
static void
server_send(int control_fd, const kt_decode_record_t *record)
{
    (void)!send(control_fd, record, sizeof *record, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// pid 0: a free one. NULL: none.
static entry_t *
child_entry(server_t *self, pid_t pid)
{
    for (size_t i = 0; i < KT_DECODE_CHILDREN; i++)
        if (self->entries[i].pid == pid)
            return &self->entries[i];
    return NULL;
}

static void
server_start_child(server_t *self, const kt_decode_request_t *request, const int fds[KT_REQUEST_FDS])
{
    entry_t *entry   = child_entry(self, 0);
    int      control = entry ? fcntl(fds[KT_FD_CONTROL], F_DUPFD_CLOEXEC, 0) : -1;
    pid_t    pid     = control >= 0 ? fork() : -1;
    if (pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || getppid() != self->pid ||
            sigprocmask(SIG_SETMASK, &self->mask, NULL))
            _exit(1);
        kt_child_run(self->sandbox, self->faults, request, fds);
    }
    if (pid > 0) {
        *entry        = (entry_t){.pid = pid, .control_fd = control};
        entry->due_ms = kt_clock_ms() + (int64_t)request->limits.wall_s * 1000;
        return;
    }
    kt_decode_record_t record = {.kind = KT_DECODE_FAULT, .code = entry ? KT_ESYSTEM : KT_EFULL};
    snprintf(record.why, sizeof record.why, "%s",
             entry ? "no process could be started" : "too many files are being decoded at a time");
    server_send(fds[KT_FD_CONTROL], &record);
    if (control >= 0)
        close(control);
}

// Collects the descriptors of one packet, even of an invalid one, so that none leaks.
static size_t
receive_fds(struct msghdr *msg, int fds[KT_REQUEST_FDS])
{
    size_t count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (count < KT_REQUEST_FDS)
                fds[count++] = fd;
            else
                close(fd);
        }
    }
    return count;
}

// One request, or the end of all requests.
static void
server_receive(server_t *self)
{
    union {
        struct cmsghdr align;
        char           bytes[CMSG_SPACE(KT_REQUEST_FDS * sizeof(int))];
    } rights;
    kt_decode_request_t request;
    int                 fds[KT_REQUEST_FDS];
    struct iovec        part = {.iov_base = &request, .iov_len = sizeof request};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
    ssize_t       n   = recvmsg(self->socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n <= 0) {
        self->retired = n == 0 || (errno != EAGAIN && errno != EINTR);
        return;
    }
    size_t count = receive_fds(&msg, fds);
    if (count == KT_REQUEST_FDS && n == sizeof request && !(msg.msg_flags & MSG_TRUNC) &&
        request.magic == KT_DECODE_MAGIC && request.version == KT_DECODE_VERSION)
        server_start_child(self, &request, fds);
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

static void
reap_children(server_t *self)
{
    struct signalfd_siginfo info;
    struct rusage           usage;
    int                     status;
    pid_t                   pid;
    while (read(self->signals, &info, sizeof info) > 0)
        ;
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        entry_t *entry = child_entry(self, pid);
        if (!entry)
            continue;
        kt_decode_record_t record = {.kind = KT_DECODE_EXIT, .code = status, .out_of_time = entry->out_of_time};
        record.peak_bytes         = (uint64_t)usage.ru_maxrss * 1024;
        record.cpu_us             = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
                        (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
        server_send(entry->control_fd, &record);
        close(entry->control_fd);
        *entry = (entry_t){0};
    }
}

static void
end_child(entry_t *entry)
{
    entry->killed = true;
    kill(entry->pid, SIGKILL);
}

static bool
has_children(const server_t *self)
{
    for (size_t i = 0; i < KT_DECODE_CHILDREN; i++)
        if (self->entries[i].pid)
            return true;
    return false;
}

// Kills the children that are out of time, waits until the next one will be, and handles what has arrived. false:
// the client has closed the socket, or it sends no more requests and the last child has ended.
static bool
server_step(server_t *self)
{
    int64_t now = kt_clock_ms(), next = now + IDLE_MS;
    self->polled[0] = (struct pollfd){.fd = self->socket, .events = self->retired ? 0 : POLLIN};
    self->polled[1] = (struct pollfd){.fd = self->signals, .events = POLLIN};
    for (size_t i = 0; i < KT_DECODE_CHILDREN; i++) {
        entry_t *entry              = &self->entries[i];
        bool     runs               = entry->pid && !entry->killed;
        self->polled[FIXED_FDS + i] = (struct pollfd){.fd = runs ? entry->control_fd : -1};
        if (runs && entry->due_ms <= now) {
            entry->out_of_time = true;
            end_child(entry);
        } else if (runs && entry->due_ms < next) {
            next = entry->due_ms;
        }
    }
    if (poll(self->polled, FIXED_FDS + KT_DECODE_CHILDREN, (int)(next - now)) <= 0)
        return true;
    for (size_t i = 0; i < KT_DECODE_CHILDREN; i++)
        if (self->polled[FIXED_FDS + i].revents && self->entries[i].pid)
            end_child(&self->entries[i]);
    if (self->polled[1].revents)
        reap_children(self);
    if (self->polled[0].revents & (POLLHUP | POLLERR))
        return false;
    if (self->polled[0].revents)
        server_receive(self);
    return !self->retired || has_children(self);
}

kt_err_t
kt_server_run(int socket, const kt_test_faults_t *faults)
{
    static server_t self;
    sigset_t        block;
    self         = (server_t){.socket = socket, .signals = -1, .faults = faults};
    kt_err_t err = kt_sandbox_new(&self.sandbox);
    if (err != KT_OK)
        return err;
    const uint32_t walls = kt_walls_raise();
    self.pid             = getpid();
    sigemptyset(&block);
    sigaddset(&block, SIGCHLD);
    // Ctrl-C and a service manager's SIGTERM reach the whole group; the node decides when decoding ends.
    if (signal(SIGINT, SIG_IGN) == SIG_ERR || signal(SIGTERM, SIG_IGN) == SIG_ERR ||
        signal(SIGHUP, SIG_IGN) == SIG_ERR || sigprocmask(SIG_BLOCK, &block, &self.mask) ||
        (self.signals = signalfd(-1, &block, SFD_CLOEXEC | SFD_NONBLOCK)) < 0) {
        kt_sandbox_destroy(&self.sandbox);
        return KT_ESYSTEM;
    }

    server_send(socket, &(kt_decode_record_t){.kind = KT_DECODE_HELLO, .code = KT_DECODE_VERSION, .walls = walls});
    while (server_step(&self))
        ;
    for (size_t i = 0; i < KT_DECODE_CHILDREN; i++) {
        entry_t *entry = &self.entries[i];
        if (!entry->pid)
            continue;
        end_child(entry);
        (void)waitpid(entry->pid, NULL, 0);  // killed: returns at once
        close(entry->control_fd);
    }
    close(self.signals);
    kt_sandbox_destroy(&self.sandbox);
    return KT_OK;
}
