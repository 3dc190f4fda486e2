// kt_walls -- what stands between a decoder that a file has taken over and the rest of the machine. kithara-decode sets
// them up once, before the first file; each child has them, and the limits of its own. A kernel or a container may not
// permit all of them: `kithara doctor` names those that are missing.
#pragma once

#include <stdint.h>

// Bits of a set.
typedef enum kt_wall {
    KT_WALL_CALLS        = 1 << 0,  // seccomp: a short list of system calls, on three descriptors
    KT_WALL_FILES        = 1 << 1,  // Landlock: no file can be opened
    KT_WALL_ROOT         = 1 << 2,  // mount namespace: the root folder is empty
    KT_WALL_NETWORK      = 1 << 3,  // network namespace: no interface is up
    KT_WALL_PROCESSES    = 1 << 4,  // PID namespace: no process outside can be named
    KT_WALL_IPC          = 1 << 5,  // IPC namespace
    KT_WALL_USER         = 1 << 6,  // user namespace: no rights outside
    KT_WALL_UID          = 1 << 7,  // not root: another user ID where the node runs as root
    KT_WALL_CAPABILITIES = 1 << 8,  // none left, and none to be had by running a program
    KT_WALL_OOM          = 1 << 9,  // ended first where the machine has no memory left
    KT_WALLS_ALL         = (1 << 10) - 1,
} kt_wall_t;

// The names of the walls in a set, separated by commas, in the order above. out is terminated; enough: 128 bytes.
void kt_walls_print(uint32_t walls, char *out, unsigned long bytes);
