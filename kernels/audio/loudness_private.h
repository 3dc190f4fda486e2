// The tables of loudness kernels, one an instruction set.
#pragma once

#include "kernels/audio/loudness.h"

extern const kt_loudness_ops_t kt_loudness_ops_ref, kt_loudness_ops_base;
#ifdef KT_HAVE_AVX
extern const kt_loudness_ops_t kt_loudness_ops_avx2, kt_loudness_ops_avx512;
#endif
