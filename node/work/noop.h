// kt_noop -- the analysis that analyses nothing (ANALYZER_TEST_FAULT=noop): a valid output message with every feature
// left out, made once and then filled in with the ids of each job. noop:BYTES makes messages of about that size, which
// hold the ids and padding. For tests and benchmarks of the farm itself.
// Constant after new: any thread.
#pragma once

#include "node/work/task.h"

typedef struct kt_noop kt_noop_t;

// fault: the setting. KT_EINVAL: no size that it can have.
KT_MUST_USE kt_err_t kt_noop_new(kt_noop_t **self_p, const char *fault);
void                 kt_noop_destroy(kt_noop_t **self_p);
void                 kt_noop_run(const kt_noop_t *self, const char *body, size_t body_bytes, kt_outcome_t *outcome);
