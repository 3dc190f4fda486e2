// kt_digest -- SHA-256 of a stream (libsodium): content identity of files, bodies and documents. One object per thread.
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
const char          *kt_digest_hex(const kt_digest_t *digest, char out[KT_DIGEST_HEX]);
// Reads 64 hexadecimal digits of either case. False: the text is something else; *out is unchanged.
bool kt_digest_read(kt_digest_t *out, const char *hex);
bool kt_digest_is_zero(const kt_digest_t *digest);
// A name-based UUID (RFC 9562 version 8: the first 122 free bits of the digest), lower case.
const char *kt_digest_uuid(const kt_digest_t *digest, char out[KT_UUID_TEXT]);
// A random UUID (version 4).
const char *kt_uuid_random(char out[KT_UUID_TEXT]);
