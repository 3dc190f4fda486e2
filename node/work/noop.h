// kt_noop_ops -- what the workers do under ANALYZER_TEST_FAULT=noop: each task gets an empty message, no file is
// opened.
#pragma once

#include "node/core.h"

extern const kt_worker_ops_t kt_noop_ops;
