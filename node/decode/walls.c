#include "node/decode/walls.h"

#include <stddef.h>
#include <stdio.h>

static const struct {
    kt_wall_t   wall;
    const char *name;
} NAMES[] = {
    {KT_WALL_CALLS, "seccomp"},       {KT_WALL_FILES, "landlock"}, {KT_WALL_ROOT, "empty-root"},
    {KT_WALL_NETWORK, "network"},     {KT_WALL_PROCESSES, "pid"},  {KT_WALL_IPC, "ipc"},
    {KT_WALL_USER, "user-namespace"}, {KT_WALL_UID, "uid"},        {KT_WALL_CAPABILITIES, "capabilities"},
    {KT_WALL_OOM, "oom-score"},
};

void
kt_walls_print(uint32_t walls, char *out, unsigned long bytes)
{
    size_t at = 0;
    if (bytes > 0)
        out[0] = '\0';
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (!(walls & (uint32_t)NAMES[i].wall) || at + 1 >= bytes)
            continue;
        const int n = snprintf(out + at, bytes - at, "%s%s", at > 0 ? ", " : "", NAMES[i].name);
        at += n > 0 ? (size_t)n : 0;
    }
}
