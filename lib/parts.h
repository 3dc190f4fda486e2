// What the files of lib share, and kt_lib_open for the programs of this tree.
#pragma once

#include "common/err.h"
#include "lib/kithara.h"
#include "node/run/pipeline.h"

enum { KT_LIB_WHY = 512 };

// Keeps the reason for kithara_why of this thread. Returns err. format NULL: no more is known than the error's text.
kt_err_t kt_lib_fail(kt_err_t err, const char *format, ...) __attribute__((format(printf, 2, 3)));

// kithara_open with settings that are read already: borrowed as long as the context. kithara-decode is found as
// node/decode/client.h says.
KT_MUST_USE kt_err_t kt_lib_open(kithara_t **out, const kt_settings_t *settings);

// A worker of the context for the time of one call. KT_ENOMEM, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_lib_worker_take(kithara_t *self, kt_worker_t **out);
void                 kt_lib_worker_give(kithara_t *self, kt_worker_t *worker);

// Path of kithara-decode: `setting`, KITHARA_DECODE, or beside this library. KT_ENOFILE: none is there.
KT_MUST_USE kt_err_t kt_lib_decoder(const char *setting, char *out, size_t capacity);
