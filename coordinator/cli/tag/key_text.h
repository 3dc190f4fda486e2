// kt_key_text -- a key in the three notations that players and DJ programs read. Pure; any thread.
//
// Camelot and Open Key number the circle of fifths: with p the pitch class of the tonic of a major key (C = 0), or of
// the relative major of a minor key, Open Key is 7 p mod 12 + 1 with d (dur) or m (moll), Camelot (7 p + 7) mod 12 + 1
// with B or A.
#pragma once

#include <stdbool.h>

typedef enum kt_key_format { KT_KEY_MUSICAL, KT_KEY_CAMELOT, KT_KEY_OPEN_KEY } kt_key_format_t;

enum { KT_KEY_TEXT = 8 };

bool kt_key_format_find(const char *name, kt_key_format_t *out);  // "musical", "camelot", "open-key"
// key: "C", "C#", ... "B"; mode: "major" or "minor". "F#m", "11A", "4m". False: no key of that name.
bool kt_key_text(const char *key, const char *mode, kt_key_format_t format, char out[KT_KEY_TEXT]);
