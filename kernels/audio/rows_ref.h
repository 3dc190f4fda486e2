// The references of the functions of a whole segment (kt_rows_*); contracts in kernels/device.h.
#pragma once

#include "kernels/audio/rows.h"
