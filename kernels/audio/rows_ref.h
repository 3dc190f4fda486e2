// The references of what needs a whole segment (kt_rows_*); contracts in kernels/device.h.
#pragma once

#include "kernels/audio/rows.h"
