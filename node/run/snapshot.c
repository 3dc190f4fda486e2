#include "node/run/snapshot.h"

#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SNAPSHOT_MS = 60000 };

// The copy sends this, then the message (KT_OK) or the reason.
typedef struct head {
    kt_err_t err;
    size_t   length;
} head_t;

static bool
snapshot_write(int fd, const void *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = write(fd, (const char *)bytes + done, length - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

// Up to `capacity` bytes, or to the end. KT_ETIME, KT_ESYSTEM.
static kt_err_t
snapshot_read(int fd, char *bytes, size_t capacity, int64_t deadline_ms, size_t *length)
{
    size_t done = 0;
    while (done < capacity) {
        int64_t       left = deadline_ms - kt_clock_ms();
        struct pollfd one  = {.fd = fd, .events = POLLIN};
        if (left <= 0)
            return KT_ETIME;
        if (poll(&one, 1, (int)left) < 0 && errno != EINTR)
            return KT_ESYSTEM;
        ssize_t n = one.revents ? read(fd, bytes + done, capacity - done) : -1;
        if (n < 0 && one.revents && errno != EINTR && errno != EAGAIN)
            return KT_ESYSTEM;
        if (n == 0)
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    *length = done;
    return KT_OK;
}

// A copy that ends without a message has crashed, or was killed for its memory.
static kt_err_t
snapshot_receive(int fd, kt_buf_t *out, char why[KT_DOCUMENT_WHY])
{
    int64_t deadline_ms = kt_clock_ms() + SNAPSHOT_MS;
    head_t  head        = {0};
    size_t  n           = 0;
    char   *bytes       = NULL;
    why[0]              = '\0';
    kt_err_t err        = snapshot_read(fd, (char *)&head, sizeof head, deadline_ms, &n);
    if (!err && (n < sizeof head || head.length > KT_DOCUMENT_MAX_BYTES))
        err = KT_ESYSTEM;
    if (!err && !(bytes = malloc(head.length + 1)))
        err = KT_ENOMEM;
    if (!err)
        err = snapshot_read(fd, bytes, head.length, deadline_ms, &n);
    if (!err && n < head.length)
        err = KT_ESYSTEM;
    if (!err && head.err) {
        err                                 = head.err;
        size_t shown                        = n < KT_DOCUMENT_WHY ? n : KT_DOCUMENT_WHY - 1;
        *(char *)mempcpy(why, bytes, shown) = '\0';
    } else if (!err) {
        kt_buf_add(out, bytes, head.length);
        err = out->err;
    }
    free(bytes);
    return err;
}

kt_err_t
kt_snapshot_take(kt_snapshot_fn *finish, void *context, kt_buf_t *out, char why[KT_DOCUMENT_WHY])
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return KT_ESYSTEM;
    pid_t pid = fork();
    if (pid == 0) {  // nothing is freed: the copy ends with _exit
        kt_buf_t text;
        close(ends[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
        why[0]            = '\0';
        head_t      head  = {.err = finish(context, &text, why)};
        const char *bytes = head.err ? why : text.bytes;
        head.length       = head.err ? strlen(why) : text.length;
        bool good         = snapshot_write(ends[1], &head, sizeof head) && snapshot_write(ends[1], bytes, head.length);
        _exit(good ? 0 : 1);
    }
    close(ends[1]);
    kt_err_t err = pid < 0 ? KT_ESYSTEM : snapshot_receive(ends[0], out, why);
    close(ends[0]);
    if (pid > 0) {
        kill(pid, SIGKILL);  // it has sent everything, or is late
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    return err;
}
