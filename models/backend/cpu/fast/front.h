// Included first by front.c and front_vnni.c.
#pragma once

#ifndef __clang__
#pragma GCC optimize("no-predictive-commoning")  // it spills the inputs of a tile: 45 instead of 100 GMAC/s
#endif
#include "models/backend/cpu/fast/fast_kernels.h"
