#include "common/secret.h"

#include "common/assert.h"
#include "common/digest.h"

#include <sodium.h>
#include <string.h>

enum { RANDOM_BYTES = 32 };

const char *
kt_secret_make(char out[KT_SECRET_TEXT])
{
    unsigned char bytes[RANDOM_BYTES];
    kt_assert(sodium_init() >= 0);
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2base64(out, KT_SECRET_TEXT, bytes, sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof bytes);
    return out;
}

bool
kt_secret_same(const void *a, const void *b, size_t n)
{
    return sodium_memcmp(a, b, n) == 0;
}

void
kt_secret_wipe(void *bytes, size_t n)
{
    sodium_memzero(bytes, n);
}

// Digests have one length, so that the comparison always covers all bytes.
bool
kt_secret_equal(const char *a, const char *b)
{
    kt_digest_t left, right;
    kt_digest_of(a, strlen(a), &left);
    kt_digest_of(b, strlen(b), &right);
    bool equal = sodium_memcmp(left.bytes, right.bytes, sizeof left.bytes) == 0;
    return equal && *a;
}
