// kt_noop -- what the workers do under ANALYZER_TEST_FAULT=noop: each task gets an empty message, no file is opened.
#pragma once

#include "node/run/noop_message.h"
#include "node/work/outcome.h"

void kt_noop_run(const kt_noop_message_t *message, const char *body, size_t body_bytes, kt_outcome_t *outcome);
