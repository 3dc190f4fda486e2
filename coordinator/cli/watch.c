#include "coordinator/cli/watch.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

void
kt_watch_clear(const kt_cli_t *cli, bool watch)
{
    if (watch && cli->color)
        fputs("\033[H\033[2J", stdout);
}

bool
kt_watch_wait(int64_t interval_ms)
{
    sigset_t        stop;
    struct timespec interval = {interval_ms / 1000, interval_ms % 1000 * 1000000};
    fflush(stdout);
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    return sigtimedwait(&stop, NULL, &interval) < 0;
}
