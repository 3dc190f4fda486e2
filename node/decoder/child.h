// kt_child -- the life of one sandboxed child: sniff, open, media info, samples, end. Never returns.
#pragma once

#include "common/fault.h"
#include "node/decoder/sandbox.h"

// fds as in the request.
_Noreturn void kt_child_run(const kt_sandbox_t *sandbox, const kt_test_faults_t *faults,
                            const kt_decode_request_t *request, const int fds[KT_REQUEST_FDS]);
