// Libraries that are loaded at run time, for good.
#pragma once

#include <stdbool.h>

enum { KT_LIBRARY_WHY = 256 };

// The file that the environment variable names, else `name` in the folder of the program, in ../lib/kithara or ../lib,
// else, with `system`, where the system's libraries are. NULL: why is the reason.
void *kt_library_open(const char *name, const char *variable, bool system, char why[KT_LIBRARY_WHY]);
