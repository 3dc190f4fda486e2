// kt_zap -- the ZAP handler of a coordinator: which CURVE public keys may connect. Own thread; answers from
// memory; the set is replaced as a whole by kt_zap_allow. The key becomes the connection's User-Id.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_zap kt_zap_t;

KT_MUST_USE kt_err_t kt_zap_new(kt_zap_t **self_p);  // before the ROUTER is bound; KT_ESTATE: one is there
void                 kt_zap_destroy(kt_zap_t **self_p);
uint64_t             kt_zap_refused(const kt_zap_t *self);  // handshakes refused so far; any thread
bool                 kt_zap_is_running(void);               // any thread: one is there
// keys: n Z85 texts of 40 characters. Any thread. KT_ENOMEM, KT_EINVAL.
KT_MUST_USE kt_err_t kt_zap_allow(kt_zap_t *self, const char (*keys)[41], size_t n);
