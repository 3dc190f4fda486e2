#include "coordinator/access/credential.h"

#include "common/digest.h"
#include "common/secret.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

// SIGNED_BYTES: job, run, attempt, key; integers in big-endian order.
enum {
    JOB_BYTES    = 8,
    NUMBER_BYTES = 4,
    SIGNED_BYTES = JOB_BYTES + 2 * NUMBER_BYTES + KT_CURVE_BYTES,
    PATH_BYTES   = 4096
};

static const char INFO[] = "kithara dispatch credential 1";
static const char OWN[]  = "/coordinator.secret";

static void
put_integer(uint8_t *out, uint64_t value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(value >> (8 * (n - 1 - i)));
}

static void
credential_compute(const kt_hmac_key_t *key, kt_run_id_t id, uint32_t attempt, const uint8_t node_key[KT_CURVE_BYTES],
                   kt_digest_t *out)
{
    uint8_t bytes[SIGNED_BYTES];
    put_integer(bytes, id.job, JOB_BYTES);
    put_integer(bytes + JOB_BYTES, id.run, NUMBER_BYTES);
    put_integer(bytes + JOB_BYTES + NUMBER_BYTES, attempt, NUMBER_BYTES);
    memcpy(bytes + JOB_BYTES + 2 * NUMBER_BYTES, node_key, KT_CURVE_BYTES);
    kt_hmac_of(key, bytes, sizeof bytes, out);
}

// KT_EINVAL, KT_EFULL.
static kt_err_t
accept_pair(kt_credentials_t *self, const kt_curve_t *pair)
{
    uint8_t     secret[KT_CURVE_BYTES];
    kt_digest_t derived;
    if (self->n == KT_CREDENTIAL_SECRETS)
        return KT_EFULL;
    if (!kt_curve_bytes(pair->secret_key, secret))
        return KT_EINVAL;
    kt_hkdf(secret, sizeof secret, NULL, 0, INFO, sizeof INFO - 1, &derived);
    kt_hmac_key_init(&self->keys[self->n++], derived.bytes, sizeof derived.bytes);
    kt_secret_wipe(secret, sizeof secret);
    kt_secret_wipe(&derived, sizeof derived);
    return KT_OK;
}

kt_err_t
kt_credentials_init(kt_credentials_t *self, const kt_curve_t *pair)
{
    *self = (kt_credentials_t){.n = 0};
    return accept_pair(self, pair);
}

kt_err_t
kt_credentials_load(kt_credentials_t *self, const char *state_dir, char why[KT_CREDENTIALS_WHY])
{
    char   pattern[PATH_BYTES];
    glob_t found;
    why[0]     = '\0';
    int length = snprintf(pattern, sizeof pattern, "%s/keys/coordinator*.secret", state_dir);
    if (length < 0 || length >= (int)sizeof pattern)
        return KT_EINVAL;
    int rc = glob(pattern, 0, NULL, &found);
    if (rc)
        return rc == GLOB_NOMATCH ? KT_OK : rc == GLOB_NOSPACE ? KT_ENOMEM : KT_EIO;
    kt_err_t err = KT_OK;
    for (size_t i = 0; i < found.gl_pathc && !err; i++) {
        const char *path   = found.gl_pathv[i];
        size_t      n      = strlen(path);
        bool        is_own = n >= sizeof OWN - 1 && strcmp(path + n - (sizeof OWN - 1), OWN) == 0;
        kt_curve_t  pair;
        if (is_own)
            continue;
        err = kt_curve_read_secret(path, &pair);
        if (!err)
            err = accept_pair(self, &pair);
        if (err)
            snprintf(why, KT_CREDENTIALS_WHY, "%.200s: %s", path,
                     err == KT_EFULL ? "too many secrets beside it" : "not the secret of a CURVE pair");
    }
    globfree(&found);
    return err;
}

void
kt_credential_sign(const kt_credentials_t *self, kt_run_id_t id, uint32_t attempt,
                   const uint8_t node_key[KT_CURVE_BYTES], kt_credential_t *out)
{
    kt_digest_t digest;
    credential_compute(&self->keys[0], id, attempt, node_key, &digest);
    out->attempt = attempt;
    memcpy(out->node_key, node_key, KT_CURVE_BYTES);
    memcpy(out->bytes, digest.bytes, KT_CREDENTIAL_BYTES);
}

bool
kt_credential_is(const kt_credential_t *self, uint32_t attempt, const uint8_t node_key[KT_CURVE_BYTES],
                 const void *bytes, size_t n)
{
    return self->attempt && self->attempt == attempt && n == KT_CREDENTIAL_BYTES &&
           memcmp(self->node_key, node_key, KT_CURVE_BYTES) == 0 &&
           kt_secret_same(self->bytes, bytes, KT_CREDENTIAL_BYTES);
}

bool
kt_credential_check(const kt_credentials_t *self, kt_run_id_t id, uint32_t attempt,
                    const uint8_t node_key[KT_CURVE_BYTES], const void *bytes, size_t n)
{
    kt_digest_t digest;
    if (n != KT_CREDENTIAL_BYTES)
        return false;
    for (size_t i = 0; i < self->n; i++) {
        credential_compute(&self->keys[i], id, attempt, node_key, &digest);
        if (kt_secret_same(digest.bytes, bytes, KT_CREDENTIAL_BYTES))
            return true;
    }
    return false;
}
