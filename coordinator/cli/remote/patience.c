#include "coordinator/cli/remote/patience.h"

#include "common/clock.h"

#include <stdio.h>

enum { SILENCE_MS = 3000 };

bool
kt_patience_take(kt_patience_t *self, kt_progress_t *progress, kt_err_t err)
{
    const int64_t now_ms = kt_clock_ms();
    const bool    silent = err == KT_EUNREACHABLE || err == KT_ETIME || err == KT_EAGAIN || err == KT_ECLOSED;
    if (!silent) {
        if (self->said && !err) {
            kt_progress_end(progress);
            fprintf(stderr, "kithara: the coordinator answers again\n");
        }
        *self = (kt_patience_t){0};
        return !err;
    }
    if (!self->silent_since_ms)
        self->silent_since_ms = now_ms;
    // A request that timed out has waited already.
    if (!self->said && (err == KT_ETIME || now_ms - self->silent_since_ms >= SILENCE_MS)) {
        kt_progress_end(progress);
        fprintf(stderr,
                "kithara: the coordinator does not answer; waiting for it (Ctrl-C ends the wait, not the jobs)\n");
        self->said = true;
    }
    return true;
}
