// kt_patience -- a wait for a coordinator that may be silent: after 3 s it says so, once, and the wait goes on. One
// thread.
#pragma once

#include "coordinator/cli/client.h"
#include "coordinator/cli/progress.h"

typedef struct kt_patience {
    int64_t silent_since_ms;  // 0: it answers
    bool    said;
} kt_patience_t;

// After each request. True: go on, with or without an answer; false: an error that waiting does not heal.
bool kt_patience_take(kt_patience_t *self, kt_progress_t *progress, kt_err_t err);
