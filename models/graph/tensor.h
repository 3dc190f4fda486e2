// The values of a tensor as float32: value = scale * int for i8. Any thread.
#pragma once

#include "models/format/ktm.h"

void kt_tensor_floats(const kt_ktm_tensor_t *tensor, float *out);  // [tensor->count]
