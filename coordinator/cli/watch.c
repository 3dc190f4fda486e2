#include "coordinator/cli/watch.h"

#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { INTERVAL_MS = 1000 };

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

// Before each view, as the terminal may change.
static void
begin_view(kt_cli_t *cli, kt_watch_t *watch)
{
    struct winsize size;
    watch->lines = watch->columns = 0;
    if (!isatty(STDOUT_FILENO) || kt_cli_is_data(cli))
        return;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        watch->lines   = size.ws_row;
        watch->columns = size.ws_col;
    }
    fputs("\033[H\033[2J", stdout);
}

kt_err_t
kt_watch_run(kt_cli_t *cli, bool watch, kt_view_fn *view, void *context)
{
    kt_watch_t state = {0};
    if (!watch)
        return view(context, cli);
    cli->watch        = &state;
    kt_err_t err      = KT_OK;
    bool     answered = false;
    do {
        begin_view(cli, &state);
        err               = view(context, cli);
        const bool silent = err == KT_EUNREACHABLE || err == KT_ETIME;
        if (silent && !answered)
            break;
        if (silent && (!state.silent || state.lines > 0))
            fprintf(stderr, "kithara: the coordinator does not answer; waiting for it\n");
        if (!silent && state.silent && !err)
            fprintf(stderr, "kithara: the coordinator answers again\n");
        state.silent = silent;
        answered |= !silent;
        if (err && !silent)
            break;
        err = KT_OK;
        if (fflush(stdout) != 0)
            err = KT_EIO;
    } while (!err && kt_watch_wait(INTERVAL_MS));
    cli->watch = NULL;
    return err;
}
