#include "coordinator/cli/progress.h"

#include "common/clock.h"
#include "common/text.h"
#include "coordinator/cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BAR = 24, REDRAW_MS = 100, LINE_MS = 30000, SETTLE_MS = 1000, LINE_BYTES = 1024, SIZES_MAX = 1 << 22 };

void
kt_progress_begin(kt_progress_t *self, const kt_cli_t *cli, const char *what, uint64_t done)
{
    const int64_t now_ms = kt_clock_ms();
    *self                = (kt_progress_t){.terminal = cli->progress, .began_ms = now_ms, .first = done, .what = what};
    self->next_ms        = now_ms + (cli->progress ? 0 : LINE_MS);
}

// The share that is done; negative: unknown.
static double
share_of(const kt_progress_state_t *state)
{
    if (state->total_bytes > 0)
        return (double)state->done_bytes / (double)state->total_bytes;
    return state->total > 0 ? (double)state->done / (double)state->total : -1;
}

// "3 min 04 s left", or "".
static const char *
time_left(kt_progress_t *self, const kt_progress_state_t *state, double spent_s, char out[48])
{
    char         seconds[32];
    const double share = share_of(state);
    out[0]             = '\0';
    if (spent_s * 1000 < SETTLE_MS || share <= 0 || share >= 1)
        return out;
    snprintf(out, 48, "%.20s left", kt_table_seconds(seconds, kt_eta_left(&self->eta, share, spent_s)));
    return out;
}

static size_t
terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

static const char *
last_component(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path ? path : "";
}

void
kt_progress_show(kt_progress_t *self, const kt_progress_state_t *state)
{
    const int64_t now_ms = kt_clock_ms();
    if (now_ms < self->next_ms)
        return;
    self->next_ms        = now_ms + (self->terminal ? REDRAW_MS : LINE_MS);
    const double spent_s = (double)(now_ms - self->began_ms) / 1000;
    const double rate    = spent_s * 1000 > SETTLE_MS ? (double)(state->done - self->first) / spent_s : 0;
    char         line[LINE_BYTES], name[256], counts[96], left[48], bar[BAR + 4] = "";
    const double share   = share_of(state);
    const size_t columns = terminal_columns();
    if (self->terminal) {
        const int wide = columns < 80 ? BAR / 3 : BAR;
        const int full = share > 0 ? (int)(wide * (share < 1 ? share : 1)) : 0;
        bar[0]         = '[';
        memset(bar + 1, '#', (size_t)full);
        memset(bar + 1 + full, '.', (size_t)(wide - full));
        memcpy(bar + 1 + wide, "] ", 3);
    }
    if (state->total > 0)
        snprintf(counts, sizeof counts, "%llu/%llu %s", (unsigned long long)state->done,
                 (unsigned long long)state->total, self->what);
    else
        snprintf(counts, sizeof counts, "%llu %s", (unsigned long long)state->done, self->what);
    const char *file = last_component(state->file);
    kt_text_sanitize(name, sizeof name, file, strlen(file));
    kt_text_remove_controls(name);
    time_left(self, state, spent_s, left);
    snprintf(line, sizeof line, "%s%s  %.1f/s%s%s%s%s%s%s", bar, counts, rate, *left ? "  " : "", left,
             state->note && *state->note ? "  " : "", state->note ? state->note : "", *name ? "  " : "", name);
    if (self->terminal) {
        kt_table_cut(line, columns - 1);
        fprintf(stderr, "\r\033[K%s", line);
        self->drawn = true;
    } else {
        fprintf(stderr, "kithara: %s\n", line);
    }
    fflush(stderr);
}

void
kt_progress_end(kt_progress_t *self)
{
    if (self->drawn)
        fputs("\r\033[K", stderr);
    self->drawn = false;
    if (self->terminal)
        self->next_ms = 0;
    fflush(stderr);
}

void
kt_sizes_add(kt_sizes_t *self, const char *path)
{
    struct stat    facts;
    const uint64_t bytes = stat(path, &facts) == 0 && facts.st_size > 0 ? (uint64_t)facts.st_size : 1;
    if (self->n == self->capacity && !self->full) {
        const size_t capacity = self->capacity ? 2 * self->capacity : 1024;
        uint64_t    *larger   = capacity <= SIZES_MAX ? realloc(self->ends, capacity * sizeof *larger) : NULL;
        self->full            = !larger;
        if (larger) {
            self->ends     = larger;
            self->capacity = capacity;
        }
    }
    if (!self->full) {
        self->ends[self->n] = bytes + (self->n > 0 ? self->ends[self->n - 1] : 0);
        self->n++;
    }
}

uint64_t
kt_sizes_of_first(const kt_sizes_t *self, uint64_t done)
{
    if (self->full || done == 0 || self->n == 0)
        return 0;
    return self->ends[done < self->n ? done - 1 : self->n - 1];
}

uint64_t
kt_sizes_total(const kt_sizes_t *self)
{
    return self->full ? 0 : kt_sizes_of_first(self, self->n);
}

void
kt_sizes_fini(kt_sizes_t *self)
{
    free(self->ends);
    *self = (kt_sizes_t){0};
}
