// kt_curve -- CURVE key pairs and the two files of a pair. Any thread.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { KT_CURVE_TEXT = 41, KT_CURVE_HEX = 65, KT_CURVE_BYTES = 32, KT_JOIN_TOKEN = 160 };

typedef struct kt_curve {
    char public_key[KT_CURVE_TEXT];  // Z85
    char secret_key[KT_CURVE_TEXT];
} kt_curve_t;

KT_MUST_USE kt_err_t kt_curve_new(kt_curve_t *out);
bool                 kt_curve_is_key(const char *text);  // 40 characters of Z85
// A key as people write it: Z85, or 64 hexadecimal digits, which no shell needs quoted. out: Z85. false: neither.
bool kt_curve_read_key(const char *text, char out[KT_CURVE_TEXT]);
void kt_curve_hex(const char *key, char out[KT_CURVE_HEX]);         // of a key in Z85
bool kt_curve_bytes(const char *key, uint8_t out[KT_CURVE_BYTES]);  // of a key in Z85; false: it is none
void kt_curve_text(const uint8_t bytes[KT_CURVE_BYTES], char out[KT_CURVE_TEXT]);
// Reads PATH.public and PATH.secret (mode 0600); makes them, and their folder (mode 0700), if they are missing. Several
// processes that start at once get the same pair. KT_EIO, KT_EDISK, KT_EACCESS, KT_EWRITE, KT_EINVAL (damaged, or the
// keys do not belong together).
KT_MUST_USE kt_err_t kt_curve_load_or_make(const char *path, kt_curve_t *out);
// The pair of the secret in that file. KT_ENOFILE, KT_EINVAL, KT_EACCESS, KT_EIO.
KT_MUST_USE kt_err_t kt_curve_read_secret(const char *path, kt_curve_t *out);

// The text that lets a new node in: the secret key of a CURVE pair whose public key the ledger holds until it expires,
// and the coordinators' public key. It has no characters that a shell reads. Whoever has it may enter keys of nodes
// until then.
void kt_join_token_write(const char *secret_key, const char *coordinator_key, char out[KT_JOIN_TOKEN]);
// pair: of the token; coordinator_key: in Z85. false: not a join token.
bool kt_join_token_read(const char *text, kt_curve_t *pair, char coordinator_key[KT_CURVE_TEXT]);
