// Arithmetic that CUDA offers as built-in functions. The quick ones (__sinf, __expf, ...) are answered exactly: the
// simulator does not model their error on a GPU.
#pragma once

#include "device.h"

#include <cmath>

// glibc has hidden functions of these names, declared in its headers.
#define __sinf cudasim_sinf
#define __cosf cudasim_cosf
#define __tanf cudasim_tanf
#define __expf cudasim_expf
#define __exp10f cudasim_exp10f
#define __logf cudasim_logf
#define __log2f cudasim_log2f
#define __log10f cudasim_log10f
#define __powf cudasim_powf
#define __sincosf cudasim_sincosf

// clang-format off
#define CUDASIM_F1(T, name, expression) static inline T name(T a) { return expression; }
#define CUDASIM_F2(T, name, expression) static inline T name(T a, T b) { return expression; }
#define CUDASIM_F3(T, name, expression) static inline T name(T a, T b, T c) { return expression; }

CUDASIM_F1(float, __sinf, ::sinf(a)) CUDASIM_F1(float, __cosf, ::cosf(a)) CUDASIM_F1(float, __tanf, ::tanf(a))
CUDASIM_F1(float, __expf, ::expf(a)) CUDASIM_F1(float, __exp10f, ::powf(10.f, a))
CUDASIM_F1(float, __logf, ::logf(a)) CUDASIM_F1(float, __log2f, ::log2f(a)) CUDASIM_F1(float, __log10f, ::log10f(a))
CUDASIM_F1(float, rsqrtf, 1.f / ::sqrtf(a)) CUDASIM_F1(double, rsqrt, 1. / ::sqrt(a))
CUDASIM_F1(float, __frsqrt_rn, 1.f / ::sqrtf(a)) CUDASIM_F1(float, __fsqrt_rn, ::sqrtf(a))
CUDASIM_F1(double, __dsqrt_rn, ::sqrt(a)) CUDASIM_F1(float, __frcp_rn, 1.f / a) CUDASIM_F1(double, __drcp_rn, 1. / a)
CUDASIM_F1(float, rcbrtf, 1.f / ::cbrtf(a)) CUDASIM_F1(float, __saturatef, a > 0.f ? (a < 1.f ? a : 1.f) : 0.f)
CUDASIM_F1(float, sinpif, (float)::sin(M_PI * ::remainder((double)a, 2.)))
CUDASIM_F1(float, cospif, (float)::cos(M_PI * ::remainder((double)a, 2.)))
CUDASIM_F1(double, sinpi, ::sin(M_PI * ::remainder(a, 2.)))
CUDASIM_F1(double, cospi, ::cos(M_PI * ::remainder(a, 2.)))
CUDASIM_F2(float, __powf, ::powf(a, b)) CUDASIM_F2(float, __fdividef, a / b) CUDASIM_F2(float, fdividef, a / b)
CUDASIM_F2(float, __fadd_rn, a + b) CUDASIM_F2(float, __fsub_rn, a - b) CUDASIM_F2(float, __fmul_rn, a * b)
CUDASIM_F2(float, __fdiv_rn, a / b) CUDASIM_F2(double, __dadd_rn, a + b) CUDASIM_F2(double, __dsub_rn, a - b)
CUDASIM_F2(double, __dmul_rn, a * b) CUDASIM_F2(double, __ddiv_rn, a / b)
CUDASIM_F3(float, __fmaf_rn, ::fmaf(a, b, c)) CUDASIM_F3(double, __fma_rn, ::fma(a, b, c))
    // clang-format on

    static inline void __sincosf(float a, float *s, float *c)
{
    *s = ::sinf(a);
    *c = ::cosf(a);
}
static inline void
sincospif(float a, float *s, float *c)
{
    *s = sinpif(a);
    *c = cospif(a);
}
static inline void
sincospi(double a, double *s, double *c)
{
    *s = sinpi(a);
    *c = cospi(a);
}
