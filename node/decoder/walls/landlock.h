// Landlock without a single rule: after it this process and its children open, create and connect to nothing.
// Descriptors that are open stay usable. landlock(7).
#pragma once

#include <stdbool.h>

// false: the kernel has no Landlock, or it is turned off.
bool kt_landlock_deny_all(void);
