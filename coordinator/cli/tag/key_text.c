#include "coordinator/cli/tag/key_text.h"

#include <stdio.h>
#include <string.h>

enum { PITCH_CLASSES = 12, FIFTH = 7, RELATIVE_MAJOR = 3 };

static const char *const PITCH_CLASS[PITCH_CLASSES] = {"C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"};
static const char *const FORMAT[]                   = {"musical", "camelot", "open-key"};

bool
kt_key_format_find(const char *name, kt_key_format_t *out)
{
    for (size_t i = 0; i < sizeof FORMAT / sizeof *FORMAT; i++)
        if (!strcmp(FORMAT[i], name)) {
            *out = (kt_key_format_t)i;
            return true;
        }
    return false;
}

bool
kt_key_text(const char *key, const char *mode, kt_key_format_t format, char out[KT_KEY_TEXT])
{
    const bool minor = !strcmp(mode, "minor");
    int        p     = 0;
    while (p < PITCH_CLASSES && strcmp(PITCH_CLASS[p], key) != 0)
        p++;
    if (p == PITCH_CLASSES || (!minor && strcmp(mode, "major") != 0))
        return false;
    const int major = minor ? (p + RELATIVE_MAJOR) % PITCH_CLASSES : p;
    const int open = FIFTH * major % PITCH_CLASSES + 1, camelot = (FIFTH * major + 7) % PITCH_CLASSES + 1;
    switch (format) {
    case KT_KEY_CAMELOT: snprintf(out, KT_KEY_TEXT, "%d%c", camelot, minor ? 'A' : 'B'); break;
    case KT_KEY_OPEN_KEY: snprintf(out, KT_KEY_TEXT, "%d%c", open, minor ? 'm' : 'd'); break;
    case KT_KEY_MUSICAL: snprintf(out, KT_KEY_TEXT, "%s%s", PITCH_CLASS[p], minor ? "m" : ""); break;
    }
    return true;
}
