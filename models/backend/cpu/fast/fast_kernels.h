// Names of the kernels of one instruction set, KT_ISA.
#pragma once

#include "models/backend/cpu/fast.h"
#include "models/backend/cpu/fast/vec.h"

void KT_NAME(kt_fast_elementwise)(const kt_ew_op_t *op, float *y, const float *x, size_t n, size_t channels, size_t i);
void KT_NAME(kt_fast_reduce_max)(float *y, const float *x, size_t outer, size_t count, size_t inner);
void KT_NAME(kt_fast_reduce_sum)(float *y, const float *x, size_t outer, size_t count, size_t inner, float factor);
void KT_NAME(kt_fast_softmax)(float *y, const float *x, size_t rows, size_t n);
void KT_NAME(kt_fast_l2_normalise)(float *y, const float *x, size_t rows, size_t n, float epsilon);
void KT_NAME(kt_fast_layer_norm)(float *y, const float *x, size_t rows, size_t n, const float *scale,
                                 const float *shift, float epsilon);
void KT_NAME(kt_fast_pool)(const kt_pool_t *pool, float *y, const float *x);
void KT_NAME(kt_fast_upsampled)(const kt_upsampled_t *u, float *y, const float *x);
void KT_NAME(kt_fast_time_conv)(float *y, const float *x, size_t frames, size_t channels, const float *w, int taps,
                                int before, const float *bias, const float *plus);
void KT_NAME(kt_fast_lstm)(float *y, const float *gates, size_t frames, size_t hidden, const float *r, float *h,
                           float *c, float *work);
void KT_NAME(kt_fast_front)(const kt_front_t *front, const float *x, float *y);
void KT_NAME(kt_fast_range)(const float *x, size_t n, float *low, float *high);
void KT_NAME(kt_fast_quantise)(uint8_t *y, const float *x, size_t n, float scale, int zero);
#if defined(__AVX512F__)
void kt_fast_front_8bit_avx512(const kt_front_t *front, const uint8_t *x, float scale, int zero, float *y);
#endif
