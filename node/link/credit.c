#include "node/link/credit.h"

enum { AHEAD_US = 1000000, BATCHES_AHEAD = 4 };

size_t
kt_credit_wanted(size_t threads, size_t batch, double mean_us)
{
    double ahead = mean_us > 0 ? (double)threads * AHEAD_US / mean_us : (double)batch;
    double most  = (double)(batch * BATCHES_AHEAD);
    if (ahead > most)
        ahead = most;
    return threads + (ahead < (double)threads ? threads : (size_t)ahead);
}

// Up to `each` of `room` per coordinator that takes part and is idle, or is not; returns what was given.
static size_t
share_among(kt_coordinator_view_t *views, size_t n, size_t room, size_t each, bool idle, uint64_t turn)
{
    size_t given = 0;
    for (size_t k = 0; k < n && given < room; k++) {
        kt_coordinator_view_t *view = &views[(turn + k) % n];
        if (!view->welcomed || view->drained || (view->idle_beats >= KT_IDLE_BEATS) != idle)
            continue;
        size_t part = room - given < each ? room - given : each;
        view->share += part;
        given += part;
    }
    return given;
}

void
kt_credit_share(kt_coordinator_view_t *views, size_t n, size_t room, uint64_t turn)
{
    size_t idle = 0, busy = 0;
    for (size_t i = 0; i < n; i++) {
        kt_coordinator_view_t *view = &views[i];
        view->idle_beats            = view->used ? 0 : view->idle_beats + 1;
        view->used                  = false;
        view->share                 = 0;
        if (view->welcomed && !view->drained)
            *(view->idle_beats >= KT_IDLE_BEATS ? &idle : &busy) += 1;
    }
    size_t left    = busy && idle ? room - share_among(views, n, room, 1, true, turn) : room;
    size_t sharers = busy ? busy : idle;
    if (sharers)
        left -= share_among(views, n, left, left / sharers, !busy, turn);
    if (sharers && left)
        (void)share_among(views, n, left, 1, !busy, turn);
}
