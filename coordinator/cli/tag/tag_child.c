#include "coordinator/cli/tag/tag_child.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// MEMORY: beyond what the process has; an ID3v2 tag has up to 256 MB, which TagLib copies several times.
enum { CPU_S = 60, WALL_MS = 300 * 1000 };
#define MEMORY ((rlim_t)2 << 30)

typedef struct call {
    int                    fd;
    const kt_tag_format_t *format;
    uint32_t               which;   // 0: read alone
    const kt_tag_set_t    *values;  // to write
} call_t;

typedef struct reply {
    kt_err_t     err;
    char         why[KT_TAG_WHY];
    kt_tag_set_t now;
} reply_t;

static void
limit_child(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGXFSZ, SIG_IGN);  // a write behind the limit fails instead
    (void)signal(SIGINT, SIG_IGN);   // the caller ends after this file
    (void)setrlimit(RLIMIT_CPU, &(struct rlimit){CPU_S, CPU_S});
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    unsigned long pages = 0;
    FILE         *file  = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%lu", &pages) == 1) {
        const rlim_t most = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + MEMORY;
        (void)setrlimit(RLIMIT_AS, &(struct rlimit){most, most});
    }
    if (file)
        (void)fclose(file);
#endif
}

static _Noreturn void
run_child(const call_t *call, int out)
{
    static reply_t reply;
    limit_child();
    if (call->which)
        reply.err = kt_tag_file_write(call->fd, call->format, call->which, call->values, reply.why);
    if (!reply.err)
        reply.err = kt_tag_file_read(call->fd, call->format, &reply.now, reply.why);
    const char *bytes = (const char *)&reply;
    for (size_t done = 0; done < sizeof reply;) {
        const ssize_t n = write(out, bytes + done, sizeof reply - done);
        if (n < 0 && errno != EINTR)
            _exit(1);
        done += n > 0 ? (size_t)n : 0;
    }
    _exit(0);
}

// Until the child has closed its end, or the deadline.
static size_t
read_reply(int in, reply_t *reply)
{
    const int64_t until = kt_clock_ms() + WALL_MS;
    size_t        done  = 0;
    while (done < sizeof *reply) {
        const int64_t left = until - kt_clock_ms();
        struct pollfd wait = {.fd = in, .events = POLLIN};
        if (left <= 0)
            break;
        if (poll(&wait, 1, (int)left) <= 0)
            continue;
        const ssize_t n = read(in, (char *)reply + done, sizeof *reply - done);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    return done;
}

static kt_err_t
call_child(const call_t *call, kt_tag_set_t *now, char why[KT_TAG_WHY])
{
    static reply_t reply;
    int            ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC))
        return KT_ESYSTEM;
    (void)fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_child(call, ends[1]);
    }
    close(ends[1]);
    const size_t n = child > 0 ? read_reply(ends[0], &reply) : 0;
    close(ends[0]);
    if (child < 0)
        return KT_ESYSTEM;
    if (n < sizeof reply)
        (void)kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (n < sizeof reply) {
        const bool ended = WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGXCPU);
        return kt_text_explain(why, KT_TAG_WHY, KT_EDAMAGED, "TagLib %s on its tags",
                               ended ? "was ended for time or memory" : "crashed");
    }
    reply.why[KT_TAG_WHY - 1] = '\0';
    (void)kt_text_copy(why, KT_TAG_WHY, reply.why);
    if (!reply.err)
        *now = reply.now;
    return reply.err;
}

kt_err_t
kt_tag_child_read(int fd, const kt_tag_format_t *format, kt_tag_set_t *out, char why[KT_TAG_WHY])
{
    return call_child(&(call_t){.fd = fd, .format = format}, out, why);
}

kt_err_t
kt_tag_child_write(int fd, const kt_tag_format_t *format, uint32_t which, const kt_tag_set_t *values, kt_tag_set_t *now,
                   char why[KT_TAG_WHY])
{
    return call_child(&(call_t){.fd = fd, .format = format, .which = which, .values = values}, now, why);
}
