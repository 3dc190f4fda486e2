// kt_digest -- SHA-256 of a stream (libsodium): content identity of files, bodies and documents. One object per thread.
// kt_hmac -- HMAC-SHA256 (RFC 2104) and keys derived with it (HKDF, RFC 5869). Any thread.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_DIGEST_BYTES = 32, KT_DIGEST_HEX = 65, KT_UUID_TEXT = 37 };

typedef struct kt_digest {
    uint8_t bytes[KT_DIGEST_BYTES];
} kt_digest_t;

void                 kt_digest_of(const void *bytes, size_t length, kt_digest_t *out);
KT_MUST_USE kt_err_t kt_digest_of_fd(int          fd,
                                     kt_digest_t *out);  // whole file by pread; KT_EIO, KT_ENOMEM
// The same; turn: called after each block, so that a long file shows progress and can be cancelled; its error ends it.
typedef kt_err_t     kt_digest_turn_fn(void *context);
KT_MUST_USE kt_err_t kt_digest_of_fd_in_turns(int fd, kt_digest_turn_fn *turn, void *context, kt_digest_t *out);
const char          *kt_digest_hex(const kt_digest_t *digest, char out[KT_DIGEST_HEX]);
// Reads 64 hexadecimal digits of either case. False: the text is something else; *out is unchanged.
bool kt_digest_read(kt_digest_t *out, const char *hex);
bool kt_digest_is_zero(const kt_digest_t *digest);
// A name-based UUID (RFC 9562 version 8: the first 122 free bits of the digest), lower case.
const char *kt_digest_uuid(const kt_digest_t *digest, char out[KT_UUID_TEXT]);
// A random UUID (version 4).
const char *kt_uuid_random(char out[KT_UUID_TEXT]);

enum { KT_HMAC_KEY = 64, KT_HKDF_INFO = 128 };  // most bytes of a key; fewer bytes of info than that

// A key that is used again and again: the states of SHA-256 after its two pads, so that a short message takes two
// compressions instead of four. Secret as the key itself.
typedef struct kt_hmac_key {
    uint32_t inner[8], outer[8];
} kt_hmac_key_t;

void kt_hmac_key_init(kt_hmac_key_t *self, const void *key, size_t key_bytes);
void kt_hmac_of(const kt_hmac_key_t *self, const void *message, size_t n, kt_digest_t *out);
void kt_hmac(const void *key, size_t key_bytes, const void *message, size_t n, kt_digest_t *out);
// The first 32 bytes that HKDF-SHA256 gives for that secret, salt and info; info of less than KT_HKDF_INFO bytes.
void kt_hkdf(const void *secret, size_t n, const void *salt, size_t salt_bytes, const char *info, size_t info_bytes,
             kt_digest_t *out);
