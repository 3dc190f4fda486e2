// kt_zap -- the ZAP handler of a coordinator: which CURVE public keys may connect. Runs a thread that
// replies from memory; kt_zap_allow replaces the whole set. The key becomes the connection's User-Id.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_zap kt_zap_t;

// A key may make KT_ZAP_BURST handshakes at once, and then one each KT_ZAP_REFILL_MS; more are refused as those of a
// key that is not allowed. A node whose connection fails tries again each second and comes through.
enum { KT_ZAP_BURST = 256, KT_ZAP_REFILL_MS = 500 };

KT_MUST_USE kt_err_t kt_zap_new(kt_zap_t **self_p);  // before the ROUTER is bound; KT_ESTATE: a second one
void                 kt_zap_destroy(kt_zap_t **self_p);
uint64_t             kt_zap_refused(const kt_zap_t *self);  // handshakes refused so far; any thread
bool                 kt_zap_is_running(void);               // any thread: a kt_zap exists
// keys: n Z85 texts of 40 characters. Any thread. KT_ENOMEM, KT_EINVAL.
KT_MUST_USE kt_err_t kt_zap_allow(kt_zap_t *self, const char (*keys)[41], size_t n);
