#include "tests/bench/gpu_peer.h"

#include "kernels/cuda/launch.h"

#include <cublas_v2.h>
#include <cufft.h>
#include <new>

enum { THREADS = 256 };

struct gpu_peer {
    gpu_peer_opts_t opts;
    unsigned        bins;
    cufftHandle     fft;
    cublasHandle_t  blas;
    bool            has_fft;
    void           *window, *frames, *spectra;
    float          *power;
};

// The periodic Hann window.
template <typename T>
__global__ void
kt_peer_window(T *window, unsigned n)
{
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        window[i] = (T)(0.5 - 0.5 * cospi(2.0 * i / n));
}

// One block a frame; frames that there are not are zeros.
template <typename T>
__global__ void
kt_peer_frames(const float *__restrict__ pcm, const uint64_t *__restrict__ first, unsigned rows,
               const T *__restrict__ window, T *__restrict__ frames, unsigned n_fft)
{
    const float *from = blockIdx.x < rows ? pcm + first[blockIdx.x] : nullptr;
    T           *to   = frames + (size_t)blockIdx.x * n_fft;
    for (unsigned i = threadIdx.x; i < n_fft; i += blockDim.x)
        to[i] = from ? window[i] * (T)from[i] : 0;
}

template <typename C>
__global__ void
kt_peer_powers(const C *__restrict__ spectra, float *__restrict__ power, size_t n)
{
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < n; i += (size_t)gridDim.x * blockDim.x) {
        const C z = spectra[i];
        power[i]  = (float)(z.x * z.x + z.y * z.y);
    }
}

__global__ void
kt_peer_scale(float *out, unsigned rows, unsigned width)
{
    const unsigned r = blockIdx.x * blockDim.x + threadIdx.x;
    if (r >= rows)
        return;
    float *row = out + (size_t)r * width, most = 0;
    for (unsigned i = 0; i < width; i++)
        most = fmaxf(most, row[i]);
    for (unsigned i = 0; i < width && most >= 1.17549435e-38F; i++)
        row[i] /= most;
}

static unsigned
blocks_of(size_t n)
{
    return (unsigned)((n + THREADS - 1) / THREADS);
}

template <typename T>
static kt_err_t
open_buffers(gpu_peer_t *self)
{
    const size_t frames = self->opts.at_once, n_fft = self->opts.n_fft;
    if (cudaMalloc(&self->window, n_fft * sizeof(T)) != cudaSuccess ||
        cudaMalloc(&self->frames, frames * n_fft * sizeof(T)) != cudaSuccess ||
        cudaMalloc(&self->spectra, frames * self->bins * 2 * sizeof(T)) != cudaSuccess ||
        cudaMalloc((void **)&self->power, frames * self->bins * sizeof(float)) != cudaSuccess)
        return KT_ENOMEM;
    KT_LAUNCH(kt_peer_window<T>, dim3(blocks_of(n_fft)), dim3(THREADS), 0, nullptr, (T *)self->window, (unsigned)n_fft);
    return cudaDeviceSynchronize() == cudaSuccess ? KT_OK : KT_EIO;
}

static kt_err_t
open_libraries(gpu_peer_t *self)
{
    int n = (int)self->opts.n_fft, in = n, out = (int)self->bins;
    self->has_fft = cufftPlanMany(&self->fft, 1, &n, &in, 1, in, &out, 1, out,
                                  self->opts.is_double ? CUFFT_D2Z : CUFFT_R2C, (int)self->opts.at_once) == CUFFT_SUCCESS;
    return self->has_fft && cublasCreate(&self->blas) == CUBLAS_STATUS_SUCCESS ? KT_OK : KT_EIO;
}

extern "C" kt_err_t
gpu_peer_new(gpu_peer_t **self_p, const gpu_peer_opts_t *opts)
{
    gpu_peer_t *self = new (std::nothrow) gpu_peer_t();
    if (!self)
        return KT_ENOMEM;
    self->opts   = *opts;
    self->bins   = opts->n_fft / 2 + 1;
    kt_err_t err = opts->is_double ? open_buffers<double>(self) : open_buffers<float>(self);
    if (!err)
        err = open_libraries(self);
    if (err)
        gpu_peer_destroy(&self);
    else
        *self_p = self;
    return err;
}

extern "C" void
gpu_peer_destroy(gpu_peer_t **self_p)
{
    gpu_peer_t *self = *self_p;
    if (!self)
        return;
    if (self->has_fft)
        (void)cufftDestroy(self->fft);
    if (self->blas)
        (void)cublasDestroy(self->blas);
    (void)cudaFree(self->window);
    (void)cudaFree(self->frames);
    (void)cudaFree(self->spectra);
    (void)cudaFree(self->power);
    delete self;
    *self_p = nullptr;
}

// Power spectra of the frames from `at` on.
template <typename T, typename C>
static bool
powers(gpu_peer_t *self, const gpu_peer_product_t *product, size_t at, unsigned rows, cudaStream_t stream)
{
    const size_t n = rows * (size_t)self->bins;
    KT_LAUNCH(kt_peer_frames<T>, dim3((unsigned)self->opts.at_once), dim3(THREADS), 0, stream, product->pcm,
              product->first + at, rows, (const T *)self->window, (T *)self->frames, self->opts.n_fft);
    const cufftResult done =
        self->opts.is_double
            ? cufftExecD2Z(self->fft, (cufftDoubleReal *)self->frames, (cufftDoubleComplex *)self->spectra)
            : cufftExecR2C(self->fft, (cufftReal *)self->frames, (cufftComplex *)self->spectra);
    KT_LAUNCH(kt_peer_powers<C>, dim3(blocks_of(n) < 65535 ? blocks_of(n) : 65535), dim3(THREADS), 0, stream,
              (const C *)self->spectra, self->power, n);
    return done == CUFFT_SUCCESS;
}

// Row-major [rows][bins] times [width][bins] turned over: column-major for cuBLAS, so everything the other way round.
static bool
multiply(gpu_peer_t *self, const gpu_peer_product_t *product, size_t at, unsigned rows)
{
    const float one = 1, zero = 0;
    const int   bins = (int)self->bins, width = (int)product->width;
    return cublasSgemm(self->blas, CUBLAS_OP_T, CUBLAS_OP_N, width, (int)rows, bins, &one, product->matrix, bins,
                       self->power, bins, &zero, product->out + at * product->width, width) == CUBLAS_STATUS_SUCCESS;
}

extern "C" kt_err_t
gpu_peer_run(gpu_peer_t *self, const gpu_peer_product_t *product, cudaStream_t stream)
{
    if (cufftSetStream(self->fft, stream) != CUFFT_SUCCESS ||
        cublasSetStream(self->blas, stream) != CUBLAS_STATUS_SUCCESS)
        return KT_EIO;
    for (size_t at = 0; at < product->rows; at += self->opts.at_once) {
        const size_t   left = product->rows - at;
        const unsigned rows = (unsigned)(left < self->opts.at_once ? left : self->opts.at_once);
        const bool     done = self->opts.is_double ? powers<double, double2>(self, product, at, rows, stream)
                                                   : powers<float, float2>(self, product, at, rows, stream);
        if (!done || !multiply(self, product, at, rows))
            return KT_EIO;
        if (product->scaled)
            KT_LAUNCH(kt_peer_scale, dim3(blocks_of(rows)), dim3(THREADS), 0, stream,
                      product->out + at * product->width, rows, product->width);
    }
    return cudaGetLastError() == cudaSuccess ? KT_OK : KT_EIO;
}
