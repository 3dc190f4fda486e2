// Kernels that are right, each leaning on something that a careless simulator would take for a fault.
#include "cases.h"

#include <cmath>
#include <numeric>

// Sum of each row: one block a row, warp sums by shuffles, the last by the first warp. Two barriers, one array.
__global__ void __launch_bounds__(256) row_sums(const float *__restrict__ in, float *__restrict__ out, int n)
{
    __shared__ float partial[8];
    float            sum = 0;
    for (int i = (int)threadIdx.x; i < n; i += (int)blockDim.x)
        sum += __ldg(&in[(size_t)blockIdx.x * (size_t)n + (size_t)i]);
    for (int d = 16; d; d >>= 1)
        sum += __shfl_down_sync(0xffffffffu, sum, (unsigned)d);
    if (threadIdx.x % 32 == 0)
        partial[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x < 32) {
        sum = threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : 0.f;
        for (int d = 4; d; d >>= 1)
            sum += __shfl_xor_sync(0xffffffffu, sum, d);
        if (threadIdx.x == 0)
            out[blockIdx.x] = sum;
    }
}

void
right_reduction(void)
{
    const int          rows = 20, n = 1001;
    std::vector<float> in(rows * n);
    for (size_t i = 0; i < in.size(); i++)
        in[i] = (float)(i % 17);
    float *a = device_copy(in), *b = device_memory<float>(rows);
    KT_LAUNCH(row_sums, rows, 256, 0, nullptr, a, b, n);
    auto out = host_copy(b, rows);
    for (int r = 0; r < rows; r++)
        EXPECT(out[r] == std::accumulate(&in[r * n], &in[r * n] + n, 0.f));
    cudaFree(a);
    cudaFree(b);
}

// Tiles with a padded column; the array is used again after a barrier.
__global__ void
transpose(const float *in, float *out, int n, int tiles)
{
    __shared__ float tile[32][33];
    for (int t = 0; t < tiles; t++) {
        int x = t * 32 + (int)threadIdx.x, y = (int)(blockIdx.y * 32 + threadIdx.y);
        for (int j = 0; j < 32; j += (int)blockDim.y)
            if (x < n && y + j < n)
                tile[threadIdx.y + j][threadIdx.x] = in[(y + j) * n + x];
        __syncthreads();
        x = (int)(blockIdx.y * 32 + threadIdx.x), y = t * 32 + (int)threadIdx.y;
        for (int j = 0; j < 32; j += (int)blockDim.y)
            if (x < n && y + j < n)
                out[(y + j) * n + x] = tile[threadIdx.x][threadIdx.y + j];
        __syncthreads();
    }
}

void
right_transpose(void)
{
    const int          n = 75;
    std::vector<float> in(n * n);
    std::iota(in.begin(), in.end(), 0.f);
    float *a = device_copy(in), *b = device_memory<float>(n * n);
    KT_LAUNCH(transpose, dim3(1, 3), dim3(32, 8), 0, nullptr, a, b, n, 3);
    auto out = host_copy(b, n * n);
    for (int i = 0; i < n * n; i++)
        EXPECT(out[i] == in[i % n * n + i / n]);
    cudaFree(a);
    cudaFree(b);
}

__global__ void
histogram(const unsigned char *in, int n, unsigned *bins)
{
    __shared__ unsigned mine[64];
    if (threadIdx.x < 64)
        mine[threadIdx.x] = 0;
    __syncthreads();
    for (int i = (int)(blockIdx.x * blockDim.x + threadIdx.x); i < n; i += (int)(gridDim.x * blockDim.x))
        atomicAdd(&mine[in[i] % 64], 1u);
    __syncthreads();
    if (threadIdx.x < 64)
        atomicAdd(&bins[threadIdx.x], mine[threadIdx.x]);
}

void
right_histogram(void)
{
    std::vector<unsigned char> in(10007);
    for (size_t i = 0; i < in.size(); i++)
        in[i] = (unsigned char)(i * i % 64);
    unsigned char *a = device_copy(in);
    unsigned      *b = device_memory<unsigned>(64);
    cudaMemset(b, 0, 64 * sizeof *b);
    KT_LAUNCH(histogram, 7, 128, 0, nullptr, a, (int)in.size(), b);
    auto                  out = host_copy(b, 64);
    std::vector<unsigned> expected(64);
    for (auto v : in)
        expected[v % 64]++;
    EXPECT(out == expected);
    cudaFree(a);
    cudaFree(b);
}

// Shared memory within a warp, __syncwarp between each write and read.
__global__ void
rotate_warps(int *out, int steps)
{
    __shared__ int row[64];
    int            base = (int)(threadIdx.x & ~31u), lane = (int)(threadIdx.x & 31u);
    row[threadIdx.x] = (int)threadIdx.x;
    for (int i = 0; i < steps; i++) {
        __syncwarp();
        int next = row[base + (lane + 1) % 32];
        __syncwarp();
        row[threadIdx.x] = next;
    }
    out[threadIdx.x] = row[threadIdx.x];
}

void
right_warp_exchange(void)
{
    int *b = device_memory<int>(64);
    KT_LAUNCH(rotate_warps, 1, 64, 0, nullptr, b, 5);
    auto out = host_copy(b, 64);
    for (int i = 0; i < 64; i++)
        EXPECT(out[i] == i / 32 * 32 + (i + 5) % 32);
    cudaFree(b);
}

// Parts of a warp go ways of their own, each with its mask; memory passes through lanes in between.
__global__ void
half_warps(int *out)
{
    __shared__ int row[32];
    unsigned       lane = threadIdx.x, mask = lane < 16 ? 0xffffu : 0xffff0000u;
    int            sum = (int)lane;
    row[lane]          = (int)lane;
    if (lane < 16) {
        for (int d = 8; d; d >>= 1)
            sum += __shfl_xor_sync(mask, sum, d, 16);
        __syncwarp(mask);
        sum += row[15 - lane];
    } else {
        sum += __shfl_sync(mask, sum, 3, 16);
    }
    __syncwarp();
    sum += row[31 - lane];
    out[lane] = sum;
}

void
right_half_warps(void)
{
    int *b = device_memory<int>(32);
    KT_LAUNCH(half_warps, 1, 32, 0, nullptr, b);
    auto out = host_copy(b, 32);
    for (int i = 0; i < 32; i++)
        EXPECT(out[i] == (i < 16 ? 120 + 15 - i + 31 - i : i + 19 + 31 - i));
    cudaFree(b);
}

// Lanes that left may be in a mask, as long as no lane reads them.
__global__ void
some_leave(int *out, int n)
{
    if ((int)threadIdx.x >= n)
        return;
    int value        = __shfl_up_sync(0xffffffffu, (int)threadIdx.x, 1);
    out[threadIdx.x] = value + __popc(__ballot_sync(0xffffffffu, 1));
}

void
right_lanes_that_leave(void)
{
    int *b = device_memory<int>(21);
    KT_LAUNCH(some_leave, 1, 32, 0, nullptr, b, 21);
    auto out = host_copy(b, 21);
    for (int i = 0; i < 21; i++)
        EXPECT(out[i] == (i ? i - 1 : 0) + 21);
    cudaFree(b);
}

__global__ void
votes(unsigned *out)
{
    unsigned lane = threadIdx.x, all = 0xffffffffu;
    int      same = -1;
    out[lane]     = __ballot_sync(all, lane % 3 == 0);
    out[32 + lane] =
        (unsigned)(__any_sync(all, lane == 7) + 2 * __all_sync(all, lane < 32) + 4 * __all_sync(all, lane < 31));
    out[64 + lane] = __match_any_sync(all, lane / 8);
    out[96 + lane] = __match_all_sync(all, 5, &same);
    out[96 + lane] += (unsigned)same;
    if (__activemask() >> lane & 1)
        out[128 + lane] = (unsigned)(warpSize + __shfl_sync(all, (int)lane, 31));
}

void
right_votes(void)
{
    unsigned *b = device_memory<unsigned>(160);
    KT_LAUNCH(votes, 1, 32, 0, nullptr, b);
    auto out = host_copy(b, 160);
    for (unsigned i = 0; i < 32; i++)
        EXPECT(out[i] == 0x49249249u && out[32 + i] == 3 && out[64 + i] == 0xffu << i / 8 * 8 && out[96 + i] == 0 &&
               out[128 + i] == 63);
    cudaFree(b);
}

__global__ void
barrier_results(int *out)
{
    int  n = __syncthreads_count(threadIdx.x % 3 == 0), t = (int)threadIdx.x;
    bool any = __syncthreads_or(t == 70), all = __syncthreads_and(t < 96), not_all = __syncthreads_and(t < 95);
    out[t] = n * 8 + any * 4 + all * 2 + not_all;
}

void
right_barrier_results(void)
{
    int *b = device_memory<int>(96);
    KT_LAUNCH(barrier_results, 1, 96, 0, nullptr, b);
    for (int v : host_copy(b, 96))
        EXPECT(v == 32 * 8 + 6);
    cudaFree(b);
}

template <class T>
__global__ void
scan(T *data)
{
    T  *a = (T *)kt_shared, *b = a + blockDim.x;
    int t = (int)threadIdx.x;
    a[t]  = data[t];
    for (int d = 1; d < (int)blockDim.x; d *= 2) {
        __syncthreads();
        b[t]   = a[t] + (t >= d ? a[t - d] : T(0));
        T *old = a;
        a      = b;
        b      = old;
    }
    data[t] = a[t];
}

void
right_dynamic_shared(void)
{
    double *b     = device_copy(std::vector<double>(1024, 1.5));
    float  *c     = device_copy(std::vector<float>(1024, 1.f));
    size_t  bytes = 60 << 10;
    EXPECT(cudaFuncSetAttribute(scan<double>, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes) == cudaSuccess);
    KT_LAUNCH((scan<double>), 1, 1024, bytes, nullptr, b);
    KT_LAUNCH(scan<float>, 1, 1000, 2000 * sizeof(float), nullptr, c);
    auto doubles = host_copy(b, 1024);
    auto floats  = host_copy(c, 1024);
    for (int i = 0; i < 1024; i++)
        EXPECT(doubles[i] == 1.5 * (i + 1) && floats[i] == (i < 1000 ? (float)(i + 1) : 1.f));
    cudaFree(b);
    cudaFree(c);
}

struct Shape {
    int   n;
    float scale[20];
};
__constant__ float          weights[4];
static __device__ const int STEPS[3] = {1, 2, 3};
static __device__ int       total;

// Parameters by value, constants, a variable of the device, wide loads, and a local array that is indexed.
__global__ void
mixes(const float4 *in, float2 *out, Shape shape)
{
    int    i        = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    float4 v        = in[i];
    float  local[4] = {v.x, v.y, v.z, v.w};
    float  sum      = 0;
    for (int j = 0; j < shape.n; j++)
        sum += local[j] * weights[j] * shape.scale[j + i % 4] + (float)STEPS[j % 3];
    out[i] = make_float2(sum, v.w);
    atomicAdd(&total, 1);
}

void
right_constants_and_vectors(void)
{
    float               w[4] = {1, 2, 3, 4};
    int                 zero = 0, counted = 0;
    Shape               shape = {4, {}};
    std::vector<float4> in(64);
    for (int i = 0; i < 64; i++)
        in[i] = make_float4((float)i, 1, 2, 3);
    for (auto &s : shape.scale)
        s = 2;
    float4 *a = device_copy(in);
    float2 *b = device_memory<float2>(64);
    EXPECT(cudaMemcpyToSymbol(weights, w, sizeof w) == cudaSuccess);
    EXPECT(cudaMemcpyToSymbol(total, &zero, sizeof zero) == cudaSuccess);
    KT_LAUNCH(mixes, 2, 32, 0, nullptr, a, b, shape);
    shape.n  = 0;  // the launch has its own
    auto out = host_copy(b, 64);
    EXPECT(cudaMemcpyFromSymbol(&counted, total, sizeof counted) == cudaSuccess && counted == 64);
    for (int i = 0; i < 64; i++)
        EXPECT(out[i].x == 2 * (float)(i + 2 + 6 + 12) + 7 && out[i].y == 3);
    cudaFree(a);
    cudaFree(b);
}

// The block that comes last adds up what the others left.
__global__ void
sum_by_last(const float *in, int n, volatile float *parts, unsigned *done, float *out)
{
    __shared__ float sum;
    __shared__ bool  last;
    if (threadIdx.x == 0)
        sum = 0;
    __syncthreads();
    for (int i = (int)(blockIdx.x * blockDim.x + threadIdx.x); i < n; i += (int)(gridDim.x * blockDim.x))
        atomicAdd(&sum, in[i]);
    __syncthreads();
    if (threadIdx.x == 0) {
        parts[blockIdx.x] = sum;
        __threadfence();
        last = atomicInc(done, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (last && threadIdx.x == 0) {
        float all = 0;
        for (unsigned i = 0; i < gridDim.x; i++)
            all += parts[i];
        *out = all;
    }
}

void
right_last_block(void)
{
    float    *in = device_copy(std::vector<float>(5000, 1.f)), *parts = device_memory<float>(9);
    float    *out  = device_memory<float>(1);
    unsigned *done = device_copy(std::vector<unsigned>(1, 0));
    for (int i = 0; i < 2; i++) {
        KT_LAUNCH(sum_by_last, 9, 64, 0, nullptr, in, 5000, parts, done, out);
        EXPECT(host_copy(out, 1)[0] == 5000);
    }
    cudaFree(in);
    cudaFree(parts);
    cudaFree(out);
    cudaFree(done);
}

__global__ void
intrinsics(float *out)
{
    float s, c;
    sincospif(0.25f, &s, &c);
    out[0] = s - c;
    __sincosf(0.5f, &s, &c);
    out[1] = __fmaf_rn(s, s, c * c);
    out[2] = rsqrtf(16.f);
    out[3] = (float)(__popc(0xf0fu) + __clz(1) + __ffs(8) + (int)(__brev(1u) >> 31));
    out[4] = __int_as_float(__float_as_int(2.5f));
    out[5] = fminf(NAN, 3.f) + max(1.f, 2.f) + (float)min(4, 2);
    out[6] = (float)__float2int_rn(2.5f) + exp2f(3.f) + __expf(0.f) + log10f(1000.f);
    out[7] = isnan(out[0]) ? 1.f : 0.f;
    out[8] = (float)__longlong_as_double(__double_as_longlong(1.25)) + (float)__umulhi(1u << 31, 4u);
}

void
right_intrinsics(void)
{
    float *b = device_memory<float>(9);
    KT_LAUNCH(intrinsics, 1, 1, 0, nullptr, b);
    auto  out      = host_copy(b, 9);
    float expect[] = {0, 1, 0.25f, 8 + 31 + 4 + 1, 2.5f, 7, 2 + 8 + 1 + 3, 0, 3.25f};
    for (int i = 0; i < 9; i++)
        EXPECT(std::fabs(out[i] - expect[i]) < 1e-5f);
    cudaFree(b);
}

__global__ void
where(uint3 *out)
{
    unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    unsigned block  = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    out[block * blockDim.x * blockDim.y * blockDim.z + thread] = make_uint3(thread, block, blockIdx.z);
}

void
right_three_dimensions(void)
{
    uint3 *b = device_memory<uint3>(24 * 30);
    KT_LAUNCH(where, dim3(2, 3, 4), dim3(5, 3, 2), 0, nullptr, b);
    auto out = host_copy(b, 24 * 30);
    for (unsigned i = 0; i < 24 * 30; i++)
        EXPECT(out[i].x == i % 30 && out[i].y == i / 30 && out[i].z == i / 30 / 6);
    cudaFree(b);
}
