// kt_walls_raise -- the walls around the server and all of its children, set up once, by the server alone, after
// everything that needs files has been loaded. See namespaces(7), landlock(7), capabilities(7).
#pragma once

#include "node/decode/walls.h"

// One thread. Returns in the process that is to serve: where a PID namespace can be had, a child of the caller, which
// waits for it and ends with its status. Returns the set of walls that stand; a wall that cannot be had is left out.
uint32_t kt_walls_raise(void);
