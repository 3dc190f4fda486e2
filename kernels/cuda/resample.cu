// Resampling by a table of taps. A block computes four rows of outputs; a thread has the same column of each, and as
// the rows are a whole number of periods apart, its four outputs have the same taps: a tap is read once for them, and
// neighbouring threads read neighbouring taps. The block's samples lie in shared memory. Sums are in float, in the
// order of kt_polyphase_run.
#include "kernels/audio/polyphase.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/source.h"

enum { OUTPUTS = KT_POLYPHASE_OUTPUTS };

// Samples that the four rows read.
__host__ __device__ static inline uint32_t
block_reads(const kt_cuda_resample_t *of, uint32_t row)
{
    return OUTPUTS * (row / of->phases) * of->step + 2 * of->reach;
}

// Rows (x) of a piece (y).
__global__ void
__launch_bounds__(KT_POLYPHASE_ROW_MOST)
    kt_resample_kernel(const __grid_constant__ kt_cuda_resample_t of, const uint32_t row)
{
    float                    *x     = (float *)kt_shared;
    const kt_cuda_resampled_t to    = of.out[blockIdx.y];
    const kt_cuda_piece_t     piece = of.pieces[blockIdx.y];
    const uint32_t            begin = blockIdx.x * OUTPUTS * row;
    if (begin >= to.outputs)
        return;
    const uint64_t first  = to.first + begin;             // of the block's outputs
    const uint64_t sample = first * of.step / of.phases;  // that it lies at, or behind
    const int64_t  from   = (int64_t)(sample - piece.first) - of.reach + 1;
    const int64_t  end    = (int64_t)piece.frames + of.reach;  // of what the piece's outputs read
    for (uint32_t i = threadIdx.x; i < block_reads(&of, row); i += blockDim.x)
        x[i] = from + i < end ? piece.mono[from + i] : 0;
    __syncthreads();
    const uint32_t column = threadIdx.x;
    if (column >= row)
        return;
    const uint64_t n            = first + column;
    const float   *tap          = of.taps + n % of.phases;
    const uint32_t apart        = row / of.phases * of.step;
    const float   *at           = x + (n * of.step / of.phases - sample);
    float          sum[OUTPUTS] = {0};
    for (uint32_t j = 0; j < 2 * of.reach;) {
        const uint32_t end_of_run    = min(j + KT_POLYPHASE_RUN, 2 * of.reach);
        float          part[OUTPUTS] = {0};
        for (; j < end_of_run; j++) {
            const float weight = tap[(size_t)j * of.phases];
#pragma unroll
            for (uint32_t r = 0; r < OUTPUTS; r++)
                part[r] += weight * at[j + r * apart];
        }
#pragma unroll
        for (uint32_t r = 0; r < OUTPUTS; r++)
            sum[r] += part[r];
    }
#pragma unroll
    for (uint32_t r = 0; r < OUTPUTS; r++) {
        const uint32_t place = begin + r * row + column;
        if (place < to.outputs)
            to.out[place] = sum[r];
        if (place < to.kept_outputs)
            to.kept[place] = sum[r];
    }
}

extern "C" kt_err_t
kt_cuda_resample(const kt_cuda_resample_t *self, cudaStream_t stream)
{
    if (self->phases == 0 || self->phases > KT_POLYPHASE_ROW_MOST || self->n > UINT16_MAX)
        return KT_EINVAL;
    const uint32_t row = kt_polyphase_row(self->phases), reads = block_reads(self, row);
    if (reads > KT_POLYPHASE_READ_MOST)
        return KT_EINVAL;
    if (self->n == 0 || self->most == 0)
        return KT_OK;
    const uint32_t blocks = (self->most + OUTPUTS * row - 1) / (OUTPUTS * row);
    KT_LAUNCH(kt_resample_kernel, dim3(blocks, self->n), dim3((row + 31) / 32 * 32), reads * sizeof(float), stream,
              *self, row);
    return kt_launched();
}
