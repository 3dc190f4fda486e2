#include "node/run/pipeline_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SWELL_STEP = 16 << 20, WORD_BYTES = 128 };

// The word of "kind:WORD" in the list, when the path holds it.
static bool
strikes(const char *setting, const char *kind, const char *path)
{
    size_t kind_length = strlen(kind);
    for (const char *at = setting; *at;) {
        size_t length = strcspn(at, ",");
        if (length > kind_length && at[kind_length] == ':' && strncmp(at, kind, kind_length) == 0) {
            char   word[WORD_BYTES];
            size_t n = length - kind_length - 1;
            if (n > 0 && n < sizeof word) {
                memcpy(word, at + kind_length + 1, n);
                word[n] = '\0';
                if (strstr(path, word))
                    return true;
            }
        }
        at += length + (at[length] == ',');
    }
    return false;
}

bool
kt_fault_noop(const char *setting)
{
    for (const char *at = setting; *at;) {
        size_t length = strcspn(at, ",");
        if (length == 4 && strncmp(at, "noop", 4) == 0)
            return true;
        at += length + (at[length] == ',');
    }
    return false;
}

// Each block begins with the address of the one before.
static kt_err_t
swell(uint64_t max_bytes)
{
    void **blocks = NULL;
    for (uint64_t taken = 0; taken < 2 * max_bytes; taken += SWELL_STEP) {
        void **block = malloc(SWELL_STEP);
        if (!block)
            break;
        memset(block, 1, SWELL_STEP);
        *block = blocks;
        blocks = block;
    }
    while (blocks) {
        void **before = *blocks;
        free(blocks);
        blocks = before;
    }
    return KT_ENOMEM;
}

kt_err_t
kt_fault_inject(const char *setting, const char *path, uint64_t max_bytes)
{
    if (setting[0] == '\0')
        return KT_OK;
    if (strikes(setting, "crash", path))
        abort();
    while (strikes(setting, "hang", path))
        pause();
    return strikes(setting, "swell", path) ? swell(max_bytes) : KT_OK;
}
