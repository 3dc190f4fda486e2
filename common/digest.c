#include "common/digest.h"

#include "common/assert.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_BYTES = 256 << 10, UUID_BYTES = 16 };

_Static_assert((int)KT_DIGEST_BYTES == (int)crypto_hash_sha256_BYTES, "a digest is a SHA-256");

void
kt_digest_of(const void *bytes, size_t length, kt_digest_t *out)
{
    crypto_hash_sha256(out->bytes, bytes, length);
}

kt_err_t
kt_digest_of_fd(int fd, kt_digest_t *out)
{
    crypto_hash_sha256_state state;
    uint8_t                 *block = malloc(BLOCK_BYTES);
    if (!block)
        return KT_ENOMEM;
    crypto_hash_sha256_init(&state);
    ssize_t got = 1;
    for (off_t at = 0; got > 0;) {
        do
            got = pread(fd, block, BLOCK_BYTES, at);
        while (got < 0 && errno == EINTR);
        if (got > 0)
            crypto_hash_sha256_update(&state, block, (unsigned long long)got);
        at += got;
    }
    free(block);
    if (got < 0)
        return KT_EIO;
    crypto_hash_sha256_final(&state, out->bytes);
    return KT_OK;
}

const char *
kt_digest_hex(const kt_digest_t *digest, char out[KT_DIGEST_HEX])
{
    return sodium_bin2hex(out, KT_DIGEST_HEX, digest->bytes, KT_DIGEST_BYTES);
}

// RFC 9562: the version is the upper half of byte 6, the variant the two upper bits of byte 8.
static const char *
format_uuid(uint8_t bytes[UUID_BYTES], unsigned version, char out[KT_UUID_TEXT])
{
    char hex[2 * UUID_BYTES + 1];
    bytes[6] = (uint8_t)((bytes[6] & 0x0F) | version << 4);
    bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80);
    sodium_bin2hex(hex, sizeof hex, bytes, UUID_BYTES);
    char *to = out;
    for (size_t i = 0; i < sizeof hex; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *to++ = '-';
        *to++ = hex[i];
    }
    return out;
}

bool
kt_digest_read(kt_digest_t *out, const char *hex)
{
    kt_digest_t digest;
    size_t      length = 0;
    if (strlen(hex) != KT_DIGEST_HEX - 1 ||
        sodium_hex2bin(digest.bytes, sizeof digest.bytes, hex, KT_DIGEST_HEX - 1, NULL, &length, NULL) ||
        length != sizeof digest.bytes)
        return false;
    *out = digest;
    return true;
}

bool
kt_digest_is_zero(const kt_digest_t *digest)
{
    static const kt_digest_t ZERO = {{0}};
    return !memcmp(digest, &ZERO, sizeof ZERO);
}

const char *
kt_digest_uuid(const kt_digest_t *digest, char out[KT_UUID_TEXT])
{
    uint8_t bytes[UUID_BYTES];
    memcpy(bytes, digest->bytes, UUID_BYTES);
    return format_uuid(bytes, 8, out);
}

static void
start_sodium(void)
{
    kt_assert(sodium_init() >= 0);
}

const char *
kt_uuid_random(char out[KT_UUID_TEXT])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint8_t               bytes[UUID_BYTES];
    pthread_once(&once, start_sodium);
    randombytes_buf(bytes, sizeof bytes);
    return format_uuid(bytes, 4, out);
}
