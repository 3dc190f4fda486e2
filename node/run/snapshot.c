// A snapshot is a finish in a copy of the process. The resampler's state cannot be copied by its interface, and what
// finish does to the open segment and to the modules cannot be undone; the operating system copies all of it, only as
// far as it is touched, and no module needs to know. The copy writes its message to a pipe and is gone.
#include "common/clock.h"
#include "node/audio/track.h"

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

// What the copy sends: this, then the message (KT_OK) or the reason.
typedef struct head {
    kt_err_t err;
    size_t   length;
} head_t;

static bool
write_all(int fd, const void *bytes, size_t length)
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

// In the copy. Nothing is given back: the process ends.
static _Noreturn void
finish_here(kt_analysis_t *self, kt_document_t *document, const kt_stamp_t *stamp, int fd)
{
    char     why[KT_DOCUMENT_WHY] = "";
    kt_buf_t text;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
    kt_document_snapshot(document);
    head_t head = {.err = kt_analysis_finish(self, document)};
    if (!head.err)
        head.err = kt_document_finish(document, stamp, &text, why);
    const char *bytes = head.err ? why : text.bytes;
    head.length       = head.err ? strlen(why) : text.length;
    bool good         = write_all(fd, &head, sizeof head) && write_all(fd, bytes, head.length);
    _exit(good ? 0 : 1);
}

// Up to `capacity` bytes, or to the end. KT_ETIME, KT_ESYSTEM.
static kt_err_t
read_all(int fd, char *bytes, size_t capacity, int64_t deadline_ms, size_t *length)
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

// What the copy has to say. A copy that ends without its word has crashed, or was killed for its memory.
static kt_err_t
receive(int fd, kt_buf_t *out, char why[KT_DOCUMENT_WHY])
{
    int64_t deadline_ms = kt_clock_ms() + SNAPSHOT_MS;
    head_t  head        = {0};
    size_t  n           = 0;
    char   *bytes       = NULL;
    why[0]              = '\0';
    kt_err_t err        = read_all(fd, (char *)&head, sizeof head, deadline_ms, &n);
    if (!err && (n < sizeof head || head.length > KT_DOCUMENT_MAX_BYTES))
        err = KT_ESYSTEM;
    if (!err && !(bytes = malloc(head.length + 1)))
        err = KT_ENOMEM;
    if (!err)
        err = read_all(fd, bytes, head.length, deadline_ms, &n);
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
kt_analysis_snapshot(const kt_analysis_t *self, const kt_document_t *document, const kt_stamp_t *stamp, kt_buf_t *out,
                     char why[KT_DOCUMENT_WHY])
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return KT_ESYSTEM;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        finish_here((kt_analysis_t *)self, (kt_document_t *)document, stamp, ends[1]);
    }
    close(ends[1]);
    kt_err_t err = pid < 0 ? KT_ESYSTEM : receive(ends[0], out, why);
    close(ends[0]);
    if (pid > 0) {
        kill(pid, SIGKILL);  // it has said all, or is late
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    return err;
}
