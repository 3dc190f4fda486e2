// Pieces of a stream into planes: a thread takes one frame of all channels, so that neighbouring threads read
// neighbouring frames and write neighbouring floats of each plane.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/source.h"

enum { THREADS = 256 };

__device__ __forceinline__ float
sample_of(const void *pcm, kt_sample_format_t format, size_t at)
{
    return format == KT_SAMPLES_S16 ? __fmul_rn((float)((const int16_t *)pcm)[at], KT_S16_UNIT)
                                    : ((const float *)pcm)[at];
}

// A frame (x) of a piece (y), margins included.
__global__ void
__launch_bounds__(THREADS) kt_planes_kernel(const __grid_constant__ kt_cuda_source_t of)
{
    const kt_cuda_piece_t piece = of.pieces[blockIdx.y];
    const int64_t         frame = (int64_t)blockIdx.x * THREADS + threadIdx.x - of.before;
    if (frame >= (int64_t)piece.frames + of.after)
        return;
    const bool   there = frame >= -(int64_t)piece.had && frame < (int64_t)piece.frames + piece.has;
    const size_t at    = there ? (size_t)(frame + piece.had) * of.channels : 0;
    float        sum   = 0;
    uint32_t     bad   = 0;
    for (uint32_t c = 0; c < of.channels; c++) {
        const float x      = there ? sample_of(piece.pcm, of.format, at + c) : 0;
        const bool  finite = fabsf(x) <= KT_SAMPLE_LIMIT;
        const float value  = finite ? x : 0;
        bad += !finite;
        sum                                          = c == 0 ? value : __fadd_rn(sum, value);
        piece.planes[(int64_t)c * of.stride + frame] = value;
    }
    piece.mono[frame] = __fdiv_rn(sum, (float)of.channels);
    if (bad && frame >= 0 && frame < piece.frames)
        atomicAdd(piece.not_finite, bad);
}

extern "C" kt_err_t
kt_cuda_planes(const kt_cuda_source_t *self, cudaStream_t stream)
{
    const uint32_t floats = kt_cuda_source_floats(self->before, self->after);
    if (self->channels == 0 || self->n > UINT16_MAX)
        return KT_EINVAL;
    if (self->n == 0)
        return KT_OK;
    KT_LAUNCH(kt_planes_kernel, dim3((floats + THREADS - 1) / THREADS, self->n), dim3(THREADS), 0, stream, *self);
    return kt_launched();
}
