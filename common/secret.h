// kt_secret -- random shared tokens and keys, compared in constant time
// (libsodium). Any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { KT_SECRET_TEXT = 44 };  // 32 random bytes as base64url without padding, and NUL

const char *kt_secret_make(char out[KT_SECRET_TEXT]);  // returns out
// The time depends only on the lengths, not on where the texts differ. An empty text equals no text.
bool kt_secret_equal(const char *a, const char *b);
bool kt_secret_same(const void *a, const void *b, size_t n);  // the same of n bytes
void kt_secret_wipe(void *bytes, size_t n);                   // zeroes what is not used any more
