// cuFFT by a plain mixed-radix transform in double. A call is work of its plan's stream like any other.
#include "include/cufft.h"

#include "internal.h"

#include <cmath>
#include <complex>

using namespace cudasim;

typedef std::complex<double> Complex;

namespace
{
struct Plan {
    bool         made, destroyed;
    int          n, batch;
    size_t       in_stride, in_distance, out_stride, out_distance;
    cufftType    type;
    cudaStream_t stream;
    Owner        owner;
};
}  // namespace
static std::vector<Plan> plans;

static Plan *
find(cufftHandle handle)
{
    return handle > 0 && (size_t)handle <= plans.size() && !plans[handle - 1].destroyed ? &plans[handle - 1] : nullptr;
}

// Sum over j of in[j * stride] e^(sign 2 pi i j k / n): split by the smallest factor of n, then combined.
static void
transform(const Complex *in, size_t stride, size_t n, int sign, Complex *out)
{
    size_t radix = 2;
    while (n % radix && radix * radix < n)
        radix++;
    if (n % radix)
        radix = n;
    if (n == 1) {
        out[0] = in[0];
        return;
    }
    size_t               m = n / radix;
    std::vector<Complex> parts(n), turns(n);
    for (size_t r = 0; r < radix; r++)
        transform(in + r * stride, stride * radix, m, sign, &parts[r * m]);
    for (size_t i = 0; i < n; i++)
        turns[i] = std::polar(1., sign * 2 * M_PI * (double)i / (double)n);
    for (size_t k = 0; k < n; k++) {
        out[k] = 0;
        for (size_t r = 0; r < radix; r++)
            out[k] += parts[r * m + k % m] * turns[r * k % n];
    }
}

static bool
real_in(cufftType type)
{
    return type == CUFFT_R2C || type == CUFFT_D2Z;
}

static bool
real_out(cufftType type)
{
    return type == CUFFT_C2R || type == CUFFT_Z2D;
}

template <class T>
static Complex
load(const void *from, size_t i, bool real)
{
    const T *p = (const T *)from;
    return real ? Complex(p[i], 0) : Complex(p[2 * i], p[2 * i + 1]);
}

template <class T>
static void
store(void *to, size_t i, bool real, Complex value)
{
    T *p = (T *)to;
    if (real) {
        p[i] = (T)value.real();
        return;
    }
    p[2 * i]     = (T)value.real();
    p[2 * i + 1] = (T)value.imag();
}

template <class T>
static void
one(const Plan &p, const void *in, void *out, size_t b, int sign)
{
    size_t               n = (size_t)p.n, half = n / 2 + 1;
    std::vector<Complex> from(n), to(n);
    for (size_t i = 0; i < n; i++) {
        bool   mirrored = real_out(p.type) && i >= half;
        size_t at       = b * p.in_distance + (mirrored ? n - i : i) * p.in_stride;
        from[i]         = load<T>(in, at, real_in(p.type));
        from[i]         = mirrored ? std::conj(from[i]) : from[i];
        if (real_out(p.type) && (i == 0 || 2 * i == n))
            from[i] = from[i].real();
    }
    transform(from.data(), 1, n, sign, to.data());
    for (size_t i = 0; i < (real_in(p.type) ? half : n); i++)
        store<T>(out, b * p.out_distance + i * p.out_stride, real_out(p.type), to[i]);
}

static size_t
span(size_t count, size_t stride, size_t distance, int batch)
{
    return (size_t)(batch - 1) * distance + (count - 1) * stride + 1;
}

template <class T>
static void
work(const Plan &p, const void *in, void *out, int sign)
{
    size_t n = (size_t)p.n, half = n / 2 + 1, value = sizeof(T);
    size_t in_value = value * (real_in(p.type) ? 1 : 2), out_value = value * (real_out(p.type) ? 1 : 2);
    size_t in_bytes  = span(real_out(p.type) ? half : n, p.in_stride, p.in_distance, p.batch) * in_value;
    size_t out_bytes = span(real_in(p.type) ? half : n, p.out_stride, p.out_distance, p.batch) * out_value;
    if (!memory_check((uintptr_t)in, in_bytes, "cufftExec") || !memory_check((uintptr_t)out, out_bytes, "cufftExec"))
        return break_device(run.device, cudaErrorIllegalAddress, 31);
    if (p.in_stride == 1 && p.in_distance <= (real_out(p.type) ? half : n))
        memory_check_written((uintptr_t)in, in_bytes, "cufftExec");
    for (int b = 0; b < p.batch; b++)
        one<T>(p, in, out, (size_t)b, sign);
    memory_mark_written((uintptr_t)out, out_bytes);
    memory_count((uintptr_t)in, in_bytes, false);
    memory_count((uintptr_t)out, out_bytes, true);
}

static cufftResult
execute(cufftHandle handle, const void *in, void *out, cufftType type, int sign)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    cudaError_t                           refused;
    Plan                                 *found = find(handle);
    if (!found || !found->made)
        return CUFFT_INVALID_PLAN;
    if (found->type != type)
        return CUFFT_INVALID_TYPE;
    if (!enter("cufftExec", &refused))
        return CUFFT_EXEC_FAILED;
    owner_check(found->owner, found->stream, "cuFFT");
    Plan        p     = *found;
    cudaError_t error = stream_add(p.stream, "cufftExec", [=] {
        if (type == CUFFT_R2C || type == CUFFT_C2R || type == CUFFT_C2C)
            work<float>(p, in, out, sign);
        else
            work<double>(p, in, out, sign);
    });
    return error == cudaSuccess ? CUFFT_SUCCESS : CUFFT_EXEC_FAILED;
}

extern "C" cufftResult
cufftCreate(cufftHandle *plan)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    cudaError_t                           refused;
    if (!enter("cufftCreate", &refused))
        return CUFFT_SETUP_FAILED;
    plans.push_back({});
    *plan = (cufftHandle)plans.size();
    return CUFFT_SUCCESS;
}

extern "C" cufftResult
cufftDestroy(cufftHandle plan)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    Plan                                 *p = find(plan);
    if (!p)
        return CUFFT_INVALID_PLAN;
    p->destroyed = true;
    return CUFFT_SUCCESS;
}

extern "C" cufftResult
cufftSetStream(cufftHandle plan, cudaStream_t stream)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    Plan                                 *p = find(plan);
    if (!p)
        return CUFFT_INVALID_PLAN;
    p->stream = stream;
    return CUFFT_SUCCESS;
}

extern "C" cufftResult
cufftSetAutoAllocation(cufftHandle plan, int)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    return find(plan) ? CUFFT_SUCCESS : CUFFT_INVALID_PLAN;
}

extern "C" cufftResult
cufftSetWorkArea(cufftHandle plan, void *area)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    size_t                                bytes;
    if (cufftGetSize(plan, &bytes) != CUFFT_SUCCESS)
        return CUFFT_INVALID_PLAN;
    return !bytes || memory_check((uintptr_t)area, bytes, "cufftSetWorkArea") ? CUFFT_SUCCESS : CUFFT_INVALID_VALUE;
}

// As much as a transform that is not in place needs once: its data.
extern "C" cufftResult
cufftGetSize(cufftHandle plan, size_t *bytes)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    const Plan                           *p = find(plan);
    if (!p || !p->made)
        return CUFFT_INVALID_PLAN;
    *bytes = (size_t)p->n * (size_t)p->batch * 2 * (p->type >= CUFFT_Z2Z ? sizeof(double) : sizeof(float));
    return CUFFT_SUCCESS;
}

extern "C" cufftResult
cufftMakePlanMany(cufftHandle plan, int rank, int *n, int *inembed, int istride, int idist, int *onembed, int ostride,
                  int odist, cufftType type, int batch, size_t *bytes)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    Plan                                 *p = find(plan);
    if (!p || p->made)
        return CUFFT_INVALID_PLAN;
    if (rank != 1 || batch < 1 || (inembed && (istride < 1 || idist < 0)) || (onembed && (ostride < 1 || odist < 0)))
        return CUFFT_INVALID_VALUE;
    if (n[0] < 1)
        return CUFFT_INVALID_SIZE;
    size_t full = (size_t)n[0], half = full / 2 + 1;
    p->made = true, p->n = n[0], p->batch = batch, p->type = type;
    p->in_stride    = inembed ? (size_t)istride : 1;
    p->in_distance  = inembed ? (size_t)idist : real_out(type) ? half : full;
    p->out_stride   = onembed ? (size_t)ostride : 1;
    p->out_distance = onembed ? (size_t)odist : real_in(type) ? half : full;
    return bytes ? cufftGetSize(plan, bytes) : CUFFT_SUCCESS;
}

extern "C" cufftResult
cufftPlanMany(cufftHandle *plan, int rank, int *n, int *inembed, int istride, int idist, int *onembed, int ostride,
              int odist, cufftType type, int batch)
{
    cufftHandle handle;
    cufftResult result = cufftCreate(&handle);
    if (result != CUFFT_SUCCESS)
        return result;
    result = cufftMakePlanMany(handle, rank, n, inembed, istride, idist, onembed, ostride, odist, type, batch, nullptr);
    if (result == CUFFT_SUCCESS)
        *plan = handle;
    else
        cufftDestroy(handle);
    return result;
}

extern "C" cufftResult
cufftPlan1d(cufftHandle *plan, int n, cufftType type, int batch)
{
    return cufftPlanMany(plan, 1, &n, nullptr, 1, 0, nullptr, 1, 0, type, batch);
}

extern "C" cufftResult
cufftMakePlan1d(cufftHandle plan, int n, cufftType type, int batch, size_t *bytes)
{
    return cufftMakePlanMany(plan, 1, &n, nullptr, 1, 0, nullptr, 1, 0, type, batch, bytes);
}

extern "C" cufftResult
cufftEstimateMany(int, int *n, int *, int, int, int *, int, int, cufftType type, int batch, size_t *bytes)
{
    *bytes = (size_t)n[0] * (size_t)batch * 2 * (type >= CUFFT_Z2Z ? sizeof(double) : sizeof(float));
    return CUFFT_SUCCESS;
}

extern "C" cufftResult
cufftExecC2C(cufftHandle plan, cufftComplex *in, cufftComplex *out, int direction)
{
    return execute(plan, in, out, CUFFT_C2C, direction);
}

extern "C" cufftResult
cufftExecR2C(cufftHandle plan, cufftReal *in, cufftComplex *out)
{
    return execute(plan, in, out, CUFFT_R2C, CUFFT_FORWARD);
}

extern "C" cufftResult
cufftExecC2R(cufftHandle plan, cufftComplex *in, cufftReal *out)
{
    return execute(plan, in, out, CUFFT_C2R, CUFFT_INVERSE);
}

extern "C" cufftResult
cufftExecZ2Z(cufftHandle plan, cufftDoubleComplex *in, cufftDoubleComplex *out, int direction)
{
    return execute(plan, in, out, CUFFT_Z2Z, direction);
}

extern "C" cufftResult
cufftExecD2Z(cufftHandle plan, cufftDoubleReal *in, cufftDoubleComplex *out)
{
    return execute(plan, in, out, CUFFT_D2Z, CUFFT_FORWARD);
}

extern "C" cufftResult
cufftExecZ2D(cufftHandle plan, cufftDoubleComplex *in, cufftDoubleReal *out)
{
    return execute(plan, in, out, CUFFT_Z2D, CUFFT_INVERSE);
}

extern "C" cufftResult
cufftGetVersion(int *version)
{
    *version = 12000;
    return CUFFT_SUCCESS;
}
