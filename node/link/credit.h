// kt_credit -- how many files a node requests, and how that is shared among its coordinators. Pure functions.
#pragma once

#include "node/link/state.h"

// Files that the node should hold: one per worker thread and about a second's work ahead, so that no thread waits for
// a frame, but at most a few batches ahead, so that other nodes get some of the last files of a run.
// mean_us: mean processing time per file; 0: unknown.
size_t kt_credit_wanted(size_t threads, size_t batch, double mean_us);

// Sets `share` of each view; the sum is `room` if any coordinator is welcomed and not drained, else 0. Updates the idle
// beats: a coordinator that has sent no BATCH for KT_IDLE_BEATS gets one file, so that it can begin again, while others
// are busy. `turn` rotates which ones get the remainder.
void kt_credit_share(kt_coordinator_view_t *views, size_t n, size_t room, uint64_t turn);
