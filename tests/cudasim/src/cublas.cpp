// cuBLAS by three loops with sums in double. A call is work of its handle's stream like any other.
#include "include/cublas_v2.h"
#include "internal.h"

using namespace cudasim;

struct cublasContext {
    cudaStream_t stream;
    Owner        owner;
};

namespace
{
struct Matrix {
    const float *data;
    size_t       rows, columns, ld;  // as stored
    long long    stride;
    bool         transposed;

    size_t index(size_t row, size_t column) const
    {
        return transposed ? row * ld + column : column * ld + row;
    }
    float at(size_t batch, size_t row, size_t column) const
    {
        return data[(long long)batch * stride + (long long)index(row, column)];
    }
    bool fits(int count, bool written) const
    {
        bool fine = true;
        for (int b = 0; b < count && fine; b++)
            for (size_t c = 0; c < columns && fine; c++) {
                uintptr_t first = (uintptr_t)(data + b * stride + (long long)(c * ld));
                fine            = written ? memory_check_written(first, rows * sizeof(float), "cublas")
                                          : memory_check(first, rows * sizeof(float), "cublas");
                memory_count(first, rows * sizeof(float), !written);
            }
        return fine;
    }
};
struct Product {
    Matrix a, b, c;
    size_t m, n, k;
    float  alpha, beta;
    int    count;
};
}  // namespace

static void
multiply(const Product &p)
{
    if (!p.a.fits(p.count, true) || !p.b.fits(p.count, true) || !p.c.fits(p.count, p.beta != 0))
        return break_device(run.device, cudaErrorIllegalAddress, 31);
    for (size_t batch = 0; batch < (size_t)p.count; batch++)
        for (size_t column = 0; column < p.n; column++) {
            float *out = (float *)p.c.data + (long long)batch * p.c.stride + (long long)(column * p.c.ld);
            for (size_t row = 0; row < p.m; row++) {
                double sum = 0;
                for (size_t i = 0; i < p.k; i++)
                    sum += (double)p.a.at(batch, row, i) * p.b.at(batch, i, column);
                out[row] = (float)(p.alpha * sum + (p.beta != 0 ? (double)p.beta * out[row] : 0));
            }
            memory_mark_written((uintptr_t)out, p.m * sizeof(float));
        }
}

static Matrix
matrix(const void *data, int rows, int columns, int ld, long long stride, cublasOperation_t op)
{
    bool t = op != CUBLAS_OP_N;
    return {(const float *)data, (size_t)(t ? columns : rows), (size_t)(t ? rows : columns), (size_t)ld, stride, t};
}

static cublasStatus_t
start(cublasHandle_t handle, const Product &p)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    cudaError_t                           refused;
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (p.a.ld < p.a.rows || p.b.ld < p.b.rows || p.c.ld < p.c.rows || p.count < 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (!p.m || !p.n || !p.count)
        return CUBLAS_STATUS_SUCCESS;
    if (!enter("cublas", &refused))
        return CUBLAS_STATUS_EXECUTION_FAILED;
    owner_check(handle->owner, handle->stream, "cuBLAS");
    cudaError_t error = stream_add(handle->stream, "cublas", [p] { multiply(p); });
    return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

extern "C" cublasStatus_t
cublasCreate(cublasHandle_t *handle)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    cudaError_t                           refused;
    if (!enter("cublasCreate", &refused))
        return refused == cudaErrorMemoryAllocation ? CUBLAS_STATUS_ALLOC_FAILED : CUBLAS_STATUS_NOT_INITIALIZED;
    *handle = new cublasContext{nullptr};
    return CUBLAS_STATUS_SUCCESS;
}

extern "C" cublasStatus_t
cublasDestroy(cublasHandle_t handle)
{
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}

extern "C" cublasStatus_t
cublasSetStream(cublasHandle_t handle, cudaStream_t stream)
{
    handle->stream = stream;
    return CUBLAS_STATUS_SUCCESS;
}

extern "C" cublasStatus_t
cublasSetWorkspace(cublasHandle_t, void *area, size_t bytes)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    return !bytes || memory_check((uintptr_t)area, bytes, "cublasSetWorkspace") ? CUBLAS_STATUS_SUCCESS
                                                                                : CUBLAS_STATUS_INVALID_VALUE;
}

extern "C" cublasStatus_t
cublasSetMathMode(cublasHandle_t, cublasMath_t)
{
    return CUBLAS_STATUS_SUCCESS;
}

extern "C" cublasStatus_t
cublasSetPointerMode(cublasHandle_t, cublasPointerMode_t mode)
{
    return mode == CUBLAS_POINTER_MODE_HOST ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

extern "C" const char *
cublasGetStatusString(cublasStatus_t status)
{
    return status == CUBLAS_STATUS_SUCCESS ? "the library was used successfully" : "cuBLAS call failed";
}

extern "C" cublasStatus_t
cublasSgemmStridedBatched(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n, int k,
                          const float *alpha, const float *a, int lda, long long stride_a, const float *b, int ldb,
                          long long stride_b, const float *beta, float *c, int ldc, long long stride_c, int count)
{
    if (m < 0 || n < 0 || k < 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    return start(handle,
                 {matrix(a, m, k, lda, stride_a, op_a), matrix(b, k, n, ldb, stride_b, op_b),
                  matrix(c, m, n, ldc, stride_c, CUBLAS_OP_N), (size_t)m, (size_t)n, (size_t)k, *alpha, *beta, count});
}

extern "C" cublasStatus_t
cublasSgemm(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n, int k,
            const float *alpha, const float *a, int lda, const float *b, int ldb, const float *beta, float *c, int ldc)
{
    return cublasSgemmStridedBatched(handle, op_a, op_b, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, ldc, 0, 1);
}

// y as a matrix of one row: its leading dimension is the distance of its values.
extern "C" cublasStatus_t
cublasSgemv(cublasHandle_t handle, cublasOperation_t op, int m, int n, const float *alpha, const float *a, int lda,
            const float *x, int incx, const float *beta, float *y, int incy)
{
    if (m < 0 || n < 0 || incx < 1 || incy < 1)
        return CUBLAS_STATUS_INVALID_VALUE;
    int               out = op == CUBLAS_OP_N ? m : n, in = op == CUBLAS_OP_N ? n : m;
    cublasOperation_t other = op == CUBLAS_OP_N ? CUBLAS_OP_T : CUBLAS_OP_N;
    return start(handle, {matrix(x, 1, in, incx, 0, CUBLAS_OP_N), matrix(a, in, out, lda, 0, other),
                          matrix(y, 1, out, incy, 0, CUBLAS_OP_N), 1, (size_t)out, (size_t)in, *alpha, *beta, 1});
}

static bool
floats(cudaDataType_t a, cudaDataType_t b, cudaDataType_t c)
{
    return a == CUDA_R_32F && b == CUDA_R_32F && c == CUDA_R_32F;
}

extern "C" cublasStatus_t
cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n, int k,
                           const void *alpha, const void *a, cudaDataType_t type_a, int lda, long long stride_a,
                           const void *b, cudaDataType_t type_b, int ldb, long long stride_b, const void *beta, void *c,
                           cudaDataType_t type_c, int ldc, long long stride_c, int count, cublasComputeType_t,
                           cublasGemmAlgo_t)
{
    if (!floats(type_a, type_b, type_c))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    return cublasSgemmStridedBatched(handle, op_a, op_b, m, n, k, (const float *)alpha, (const float *)a, lda, stride_a,
                                     (const float *)b, ldb, stride_b, (const float *)beta, (float *)c, ldc, stride_c,
                                     count);
}

extern "C" cublasStatus_t
cublasGemmEx(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n, int k,
             const void *alpha, const void *a, cudaDataType_t type_a, int lda, const void *b, cudaDataType_t type_b,
             int ldb, const void *beta, void *c, cudaDataType_t type_c, int ldc, cublasComputeType_t compute,
             cublasGemmAlgo_t algorithm)
{
    return cublasGemmStridedBatchedEx(handle, op_a, op_b, m, n, k, alpha, a, type_a, lda, 0, b, type_b, ldb, 0, beta, c,
                                      type_c, ldc, 0, 1, compute, algorithm);
}
