// Stands in for CUDA's header of this name when a .cu file is compiled for the simulator (tests/cudasim/README.md).
// C sees the run-time API; C++ sees kernels too.
#pragma once
#define KT_CUDA_SIM 1

#include "sim/api.h"
#include "sim/types.h"

#ifdef __cplusplus
// clang-format off
#include "sim/device.h"
#include "sim/intrinsics.h"
#include "sim/bits.h"
#include "sim/warp.h"
#include "sim/atomics.h"
#include "sim/launch.h"
// clang-format on
#endif
