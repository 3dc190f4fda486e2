// kt_decode_server -- starting kithara-decode, restarting it when it has exited, and sending requests to it. The
// other half of node/decode/client.h; only client.c includes this. Any thread.
#pragma once

#include "node/decode/client.h"
#include "node/decode/protocol.h"

// Sends one request with its descriptors, which stay the caller's. A server that has exited is started again, once per
// call. Blocks until deadline_ms (monotonic) at most. KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_decode_server_send(kt_decode_server_t *self, const kt_decode_request_t *request,
                                           const int fds[KT_REQUEST_FDS], int64_t deadline_ms);
