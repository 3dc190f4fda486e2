// kt_noop_message -- the output message when nothing is analysed (ANALYZER_TEST_FAULT=noop): valid, every feature left
// out; with a size (noop:BYTES) about that many bytes of ids and padding instead. Rendered once, then filled in with
// the ids of each job. For tests and benchmarks of the farm itself. Constant after new: any thread.
#pragma once

#include "common/buf.h"
#include "proto/job.h"

#include <stdint.h>

typedef struct kt_noop_message kt_noop_message_t;

// bytes: 0, or KT_NOOP_BYTES_MIN to KT_NOOP_BYTES_MAX. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_noop_message_new(kt_noop_message_t **self_p, uint32_t bytes);
void                 kt_noop_message_destroy(kt_noop_message_t **self_p);
void kt_noop_message_write(const kt_noop_message_t *self, const kt_job_t *job, kt_buf_t *out);  // out->err
