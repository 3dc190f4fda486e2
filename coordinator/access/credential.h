// kt_credentials -- what a node has to bring back with everything that it says about a run: HMAC-SHA256 of the job, its
// run, the attempt and the node's public key, cut to 16 bytes. The key is derived by HKDF from the secret of the
// coordinator's CURVE pair, so that nothing is stored, and every coordinator with that pair, also after a restart,
// recognises what another one has given. Constant after init; any thread.
#pragma once

#include "common/curve.h"
#include "common/digest.h"
#include "proto/run.h"

#include <stdbool.h>

enum { KT_CREDENTIAL_BYTES = 16, KT_CREDENTIAL_SECRETS = 8 };

typedef struct kt_credentials {
    kt_hmac_key_t keys[KT_CREDENTIAL_SECRETS];  // the first one signs, all are accepted
    size_t        n;
} kt_credentials_t;

// Of that pair alone. KT_EINVAL: its secret is no key.
KT_MUST_USE kt_err_t kt_credentials_init(kt_credentials_t *self, const kt_curve_t *pair);
// Accepts also those of every other secret `<state>/keys/coordinator*.secret`: of the pair before a rotation, or of
// another coordinator. On failure *why names the file. KT_EINVAL
// (not a secret key), KT_EFULL, KT_EACCESS, KT_EIO.
enum { KT_CREDENTIALS_WHY = 320 };
KT_MUST_USE kt_err_t kt_credentials_load(kt_credentials_t *self, const char *state_dir, char why[KT_CREDENTIALS_WHY]);

// The credential of one dispatch. It is kept with the run, because a comparison costs less than another HMAC.
typedef struct kt_credential {
    uint32_t attempt;  // 0: of no dispatch
    uint8_t  node_key[KT_CURVE_BYTES], bytes[KT_CREDENTIAL_BYTES];
} kt_credential_t;

void kt_credential_sign(const kt_credentials_t *self, kt_run_id_t id, uint32_t attempt,
                        const uint8_t node_key[KT_CURVE_BYTES], kt_credential_t *out);
// Whether those bytes are the credential of that dispatch and it was to that node. In constant time for the bytes.
bool kt_credential_is(const kt_credential_t *self, uint32_t attempt, const uint8_t node_key[KT_CURVE_BYTES],
                      const void *bytes, size_t n);
// Computes what the bytes must be. In constant time for each secret.
bool kt_credential_check(const kt_credentials_t *self, kt_run_id_t id, uint32_t attempt,
                         const uint8_t node_key[KT_CURVE_BYTES], const void *bytes, size_t n);
