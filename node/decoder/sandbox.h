// kt_sandbox -- limits a child that holds its three descriptors to computing, reading the media file, writing its ring
// and using its control socket. The filter is compiled once in the server and only installed in the child.
#pragma once

#include "node/decode/protocol.h"

// The child's descriptors, the same in every child: the filter names them.
enum { KT_CHILD_CONTROL_FD = 3, KT_CHILD_MEDIA_FD = 4, KT_CHILD_RING_FD = 5 };

typedef struct kt_sandbox kt_sandbox_t;

// In the server, before the first fork. KT_ESYSTEM, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_sandbox_new(kt_sandbox_t **self_p);
void                 kt_sandbox_destroy(kt_sandbox_t **self_p);

// In the child: moves the descriptors (KT_FD_*, as in the request) to their places and closes all others. KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_sandbox_descriptors(const int fds[KT_REQUEST_FDS]);
// In the child: limits, no new privileges, filter. There is no way back. KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_sandbox_enter(const kt_sandbox_t *self, const kt_decode_limits_t *limits);
