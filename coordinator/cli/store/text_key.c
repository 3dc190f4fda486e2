#include "coordinator/cli/store/text_key.h"

#include "common/digest.h"

#include <string.h>

void
kt_text_key(const char *text, uint8_t out[KT_TEXT_KEY])
{
    kt_digest_t digest;
    kt_digest_of(text, strlen(text), &digest);
    memcpy(out, digest.bytes, KT_TEXT_KEY);
}

int
kt_text_key_compare(const void *a, const void *b)
{
    return memcmp(a, b, KT_TEXT_KEY);
}
