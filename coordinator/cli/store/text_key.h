// kt_text_key -- a text of any length as 16 bytes of its digest: the key of rows that are sorted and found by a path or
// an id. Pure; any thread.
#pragma once

#include <stdint.h>

enum { KT_TEXT_KEY = 16 };

void kt_text_key(const char *text, uint8_t out[KT_TEXT_KEY]);
// For qsort and bsearch. The rows begin with their key.
int kt_text_key_compare(const void *a, const void *b);
