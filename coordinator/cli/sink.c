#include "common/file.h"
#include "coordinator/cli/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool
kt_sink_open(kt_cli_t *cli, const char *path)
{
    struct stat facts;
    if (strcmp(path, "-") == 0)
        return true;
    const bool direct = stat(path, &facts) == 0 && !S_ISREG(facts.st_mode);
    const int  length = snprintf(cli->sink.part, sizeof cli->sink.part, "%s.%ld.part", path, (long)getpid());
    errno             = ENAMETOOLONG;
    int fd =
        length >= PATH_MAX ? -1 : open(direct ? path : cli->sink.part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0) {
        (void)kt_cli_usage(cli, "--out %s cannot be written: %s", path, strerror(errno));
        cli->sink.part[0] = '\0';
        return false;
    }
    close(fd);
    if (direct)
        cli->sink.part[0] = '\0';
    cli->sink.path = path;
    cli->color     = false;
    return true;
}

int
kt_sink_close(kt_cli_t *cli, int code)
{
    const kt_sink_t *sink = &cli->sink;
    const char      *name = sink->path ? sink->path : "standard output";
    const bool       bad  = ferror(stdout) != 0;
    errno                 = 0;
    if (bad) {  // the reason of an earlier failure is gone: one more byte gives it again
        clearerr(stdout);
        (void)fputc('\n', stdout);
    }
    const bool lost = fflush(stdout) != 0 || bad;
    if (lost && errno != EPIPE && code == KT_EXIT_OK)  // a reader that went early is no failure
        code =
            kt_cli_fail(errno == ENOSPC ? KT_EDISK : KT_EIO, name, errno && errno != ENOSPC ? strerror(errno) : NULL);
    if (!sink->part[0])
        return code;

    // A command that failed before it wrote anything leaves the file as it was.
    struct stat facts;
    const bool  empty = stat(sink->part, &facts) == 0 && facts.st_size == 0;
    if (lost || code == KT_EXIT_USAGE || (code != KT_EXIT_OK && empty)) {
        (void)unlink(sink->part);
        return code;
    }
    if (rename(sink->part, sink->path) != 0) {
        const int saved = errno;
        (void)unlink(sink->part);
        return kt_cli_fail_write(sink->path, saved);
    }
    return code;
}
