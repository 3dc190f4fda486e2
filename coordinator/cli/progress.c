#include "coordinator/cli/progress.h"

#include "common/clock.h"
#include "coordinator/cli/table.h"

#include <stdio.h>

enum { BAR = 24, REDRAW_MS = 100, SETTLE_MS = 1000 };

void
kt_progress_begin(kt_progress_t *self, const kt_cli_t *cli, const char *what, uint64_t done)
{
    *self = (kt_progress_t){.on = cli->progress, .began_ms = kt_clock_ms(), .first = done, .what = what};
}

void
kt_progress_show(kt_progress_t *self, uint64_t done, uint64_t total, const char *note)
{
    int64_t now_ms = kt_clock_ms(), spent_ms = now_ms - self->began_ms;
    if (!self->on || now_ms - self->drawn_ms < REDRAW_MS)
        return;
    self->drawn_ms = now_ms;
    double rate    = spent_ms > SETTLE_MS ? 1000.0 * (double)(done - self->first) / (double)spent_ms : 0;
    char   bar[BAR + 1], left[32] = "", seconds[32];
    int    full = total ? (int)(BAR * done / total) : 0;
    for (int i = 0; i < BAR; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR] = '\0';
    if (rate > 0 && total > done)
        snprintf(left, sizeof left, "%.20s left", kt_table_seconds(seconds, (double)(total - done) / rate));
    fprintf(stderr, "\r\033[K[%s] %llu/%llu %s  %.1f/s  %s%s%s", bar, (unsigned long long)done,
            (unsigned long long)total, self->what, rate, left, *note ? "  " : "", note);
    fflush(stderr);
}

void
kt_progress_end(kt_progress_t *self)
{
    if (self->on && self->drawn_ms)
        fputs("\r\033[K", stderr);
    fflush(stderr);
}
