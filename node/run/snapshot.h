// kt_snapshot -- a finish in a copy of this process (fork, whose pages are shared until one side writes): the
// resampler's state cannot be copied by its interface, and what finish does to open segments and modules cannot be
// undone. The copy sends its message through a pipe and exits; here nothing changes. The process must have this one
// thread only, and the device must be the processor: `kithara analyze -`, not a node's worker.
#pragma once

#include "proto/document.h"

// Runs in the copy: the message into *text; why on failure. Nothing need be freed.
typedef kt_err_t kt_snapshot_fn(void *context, kt_buf_t *text, char why[KT_DOCUMENT_WHY]);

// Appends the message. What finish returns (with its why), KT_ETIME, KT_ESYSTEM (the copy has crashed or was killed for
// its memory, of which it needs as much again at most), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_snapshot_take(kt_snapshot_fn *finish, void *context, kt_buf_t *out, char why[KT_DOCUMENT_WHY]);
