// Both passes for the sizes that have no transform of our own (n_fft 256, 8192, 16384): windowed frames to global
// memory, cuFFT there in place, then one block per frame makes the rows with the same functions as the fused kernels.
// Moves four times the bytes; none of the defaults comes this way.
//
// A work area holds KT_CUDA_WORK_FRAMES frames, so runs go in groups. cuFFT's plan has a fixed batch and is called as
// often as a group needs, so a few frames cost little; places without a frame hold zeros.
#include "kernels/cuda/chroma.cuh"
#include "kernels/cuda/row_workspace.cuh"

#include <cufft.h>

enum { THREADS = 256 };

// Which frame a place of the work area holds.
struct kt_place {
    const kt_cuda_run_t *run;
    unsigned             frame;
    bool                 exists;
};

__device__ __forceinline__ kt_place
kt_place_of(const kt_cuda_run_t *runs, unsigned n, unsigned longest, unsigned place)
{
    const unsigned run = place / longest, frame = place % longest;
    return {runs + run, frame, run < n && frame < runs[run].frames};
}

__global__ void
__launch_bounds__(THREADS)
    kt_frames_kernel(const __grid_constant__ kt_cuda_tables_t plan, const kt_cuda_run_t *__restrict__ runs, unsigned n,
                     unsigned longest, const float *__restrict__ pcm, double *__restrict__ work)
{
    const kt_place place = kt_place_of(runs, n, longest, blockIdx.x);
    double        *to    = work + (uint64_t)blockIdx.x * 2 * plan.bins;
    const float   *from  = place.exists ? pcm + place.run->pcm + (uint64_t)place.frame * plan.hop : NULL;
    for (unsigned i = threadIdx.x; i < plan.n_fft; i += blockDim.x)
        to[i] = from ? (0.5 - 0.5 * cospi(2.0 * i / plan.n_fft)) * (double)from[i] : 0;
}

// Samples as kt_sums reads them.
struct kt_samples {
    const float *first;

    __device__ __forceinline__ float at(unsigned i) const
    {
        return first[i];
    }
};

__global__ void
__launch_bounds__(THREADS, 1)
    kt_split_rows_kernel(const __grid_constant__ kt_cuda_tables_t plan, const kt_cuda_run_t *__restrict__ runs,
                         unsigned n, unsigned longest, const float *__restrict__ pcm,
                         const double2 *__restrict__ spectra, const __grid_constant__ kt_cuda_rows_t out)
{
    const kt_thread me    = kt_thread_here();
    const kt_place  place = kt_place_of(runs, n, longest, blockIdx.x);
    if (!place.exists)
        return;
    const bool       spectral  = kt_wants_spectrum(out);
    kt_row_workspace workspace = {plan, out, {0, 0, 0}};
    kt_sums          sums      = {};
    if (kt_wants_wave(out))
        sums.add_wave(kt_samples{pcm + place.run->pcm}, place.frame * plan.hop, plan.n_fft, *place.run, me);
    for (unsigned k = me.t; spectral && k < plan.bins; k += me.threads) {
        const double2 z          = spectra[(uint64_t)blockIdx.x * plan.bins + k];
        const float   m          = kt_magnitude((float)z.x, (float)z.y);
        workspace.magnitude()[k] = m;
        sums.add(k, m);
    }
    sums.reduce(workspace.partial(), me);
    __syncthreads();
    workspace.frame(0, place.run->row + place.frame, spectral, me);
    __syncthreads();
    workspace.flush(1, place.run->row + place.frame, me);
    workspace.write_maxima(place.run->segment, me);
}

__global__ void
__launch_bounds__(THREADS)
    kt_split_second_kernel(const __grid_constant__ kt_cuda_tables_t plan, const kt_cuda_run_t *__restrict__ runs,
                           unsigned n, unsigned longest, const double2 *__restrict__ spectra,
                           const __grid_constant__ kt_cuda_outputs_t out)
{
    const kt_thread me    = kt_thread_here();
    const kt_place  place = kt_place_of(runs, n, longest, blockIdx.x);
    if (!place.exists)
        return;
    float         *power = (float *)(kt_shared + plan.second.magnitude);
    const uint64_t row   = place.run->row + place.frame;
    for (unsigned k = me.t; k < (out.chroma ? plan.bins : out.bins); k += me.threads) {
        const double2 z = spectra[(uint64_t)blockIdx.x * plan.bins + k];
        const float   p = (float)(z.x * z.x + z.y * z.y);
        if (out.chroma)
            power[k] = p;
        else
            out.power_spectra[row * out.bins + k] = p;
    }
    if (!out.chroma)
        return;
    __syncthreads();
    kt_chroma_frame(plan, power, out.banks + (uint64_t)place.run->bank * 3 * plan.bins,
                    (float *)(kt_shared + plan.second.class_sum), out.chroma + row * plan.n_chroma, me);
}

extern "C" kt_err_t
kt_cuda_split_permit(const kt_cuda_tables_t *tables)
{
    const kt_err_t err = kt_permit_shared(kt_split_rows_kernel, tables->shared_limit);
    return err ? err : kt_permit_shared(kt_split_second_kernel, tables->shared_limit);
}

static kt_err_t
split_transform(const kt_cuda_plan_t *self, unsigned frames, double *work, cudaStream_t stream)
{
    if (cufftSetStream(self->fft, stream) != CUFFT_SUCCESS)
        return KT_EIO;
    for (unsigned at = 0; at < frames; at += KT_CUDA_FFT_BATCH) {
        double *first = work + (size_t)at * 2 * self->tables.bins;
        if (cufftExecD2Z(self->fft, first, (cufftDoubleComplex *)first) != CUFFT_SUCCESS)
            return KT_EIO;
    }
    return KT_OK;
}

// One group: n runs whose frames all have a place in the work area.
static kt_err_t
split_group(const kt_cuda_plan_t *self, const kt_cuda_run_t *runs, unsigned n, unsigned longest, const float *pcm,
            const kt_cuda_outputs_t *out, void *work, cudaStream_t stream)
{
    const kt_cuda_tables_t *tables = &self->tables;
    const unsigned          places = n * longest;
    const unsigned          padded = (places + KT_CUDA_FFT_BATCH - 1) / KT_CUDA_FFT_BATCH * KT_CUDA_FFT_BATCH;
    KT_LAUNCH(kt_frames_kernel, dim3(padded), dim3(THREADS), 0, stream, *tables, runs, n, longest, pcm, (double *)work);
    const kt_err_t err = split_transform(self, padded, (double *)work, stream);
    if (err)
        return err;
    if (out->rows)
        KT_LAUNCH(kt_split_rows_kernel, dim3(places), dim3(THREADS), tables->first.bytes, stream, *tables, runs, n,
                  longest, pcm, (const double2 *)work, *out->rows);
    else
        KT_LAUNCH(kt_split_second_kernel, dim3(places), dim3(THREADS), tables->second.bytes, stream, *tables, runs, n,
                  longest, (const double2 *)work, *out);
    return kt_launched();
}

extern "C" kt_err_t
kt_cuda_split(const kt_cuda_plan_t *self, const kt_cuda_run_t *runs, size_t n, uint32_t longest, const float *pcm,
              const kt_cuda_outputs_t *out, void *work, cudaStream_t stream)
{
    const size_t most = KT_CUDA_WORK_FRAMES / longest;
    for (size_t at = 0; at < n; at += most) {
        const unsigned some = (unsigned)(n - at < most ? n - at : most);
        const kt_err_t err  = split_group(self, runs + at, some, longest, pcm, out, work, stream);
        if (err)
            return err;
    }
    return KT_OK;
}
