#include "kernels/cpu/fft.h"

// KT_NAME(FFT(kt_fft)) is kt_fft_f64_avx512 and so on.
#define FFT(name) KT_JOIN2(name, f64)
#define QUAD quad_f64_t
#define REAL double
#define VEC vd_t
#define LANES KT_LANES
#define TWIDDLE(plan) (plan)->twiddle
#define LOAD(pointer) widen(*(const vf_t *)(const void *)(pointer))
#include "kernels/cpu/fft_body.h"
#undef FFT
#undef QUAD
#undef REAL
#undef VEC
#undef LANES
#undef TWIDDLE
#undef LOAD

#define FFT(name) KT_JOIN2(name, f32)
#define QUAD quad_f32_t
#define REAL float
#define VEC vw_t
#define LANES KT_WIDE
#define TWIDDLE(plan) (plan)->twiddle_f32
#define LOAD(pointer) (*(const vw_t *)(const void *)(pointer))
#include "kernels/cpu/fft_body.h"
