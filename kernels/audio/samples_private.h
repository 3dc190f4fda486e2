// The tables of sample kernels, one an instruction set.
#pragma once

#include "kernels/audio/samples.h"

extern const kt_samples_ops_t kt_samples_ops_ref, kt_samples_ops_base;
#ifdef KT_HAVE_AVX
extern const kt_samples_ops_t kt_samples_ops_avx2, kt_samples_ops_avx512;
#endif
