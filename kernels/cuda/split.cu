// Both passes for the sizes whose transform does not fit a block's registers and shared memory (n_fft 256, 8192, 16384):
// the transform of a frame is made in global memory by one block, in place, then one block per frame makes the rows with
// the same functions as the fused kernels. A frame of 16384 passes the second-level cache seven times; none of the
// defaults comes this way.
//
// Transform: the even and odd samples are the real and imaginary parts of n_fft/2 complex values, which are written in
// bit-reversed order, so that decimation in time works in place. A pass joins two steps of radix 2.
//
// A work area holds KT_CUDA_WORK_FRAMES frames, so runs go in groups.
#include "kernels/cuda/chroma.cuh"
#include "kernels/cuda/fft.cuh"
#include "kernels/cuda/row_workspace.cuh"

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

// The steps of radix 2 over spans of 2 * half and of 4 * half values.
__device__ __forceinline__ void
kt_join_spans(kt_complex<double> *values, unsigned points, unsigned half)
{
    for (unsigned i = threadIdx.x; i < points / 4; i += blockDim.x) {
        const unsigned           k    = i & (half - 1), first = (i - k) * 4 + k;
        const kt_complex<double> wide = kt_root<double>(k, 4 * half), narrow = kt_times(wide, wide);
        kt_complex<double>       x[4];
#pragma unroll
        for (unsigned r = 0; r < 4; r++)
            x[r] = values[first + r * half];
        kt_step(x[0], x[1], narrow);
        kt_step(x[2], x[3], narrow);
        kt_step(x[0], x[2], wide);
        kt_step(x[1], x[3], kt_quarter(wide));
#pragma unroll
        for (unsigned r = 0; r < 4; r++)
            values[first + r * half] = x[r];
    }
}

// From the transform of the pairs of samples to that of the samples: frequencies k and points - k make each other.
__device__ __forceinline__ void
kt_separate_samples(kt_complex<double> *values, unsigned points)
{
    for (unsigned k = threadIdx.x; k <= points / 2; k += blockDim.x) {
        const kt_complex<double> a = values[k], b = values[k ? points - k : 0], w = kt_root<double>(k, 2 * points);
        const kt_complex<double> even = {0.5 * (a.re + b.re), 0.5 * (a.im - b.im)};
        const kt_complex<double> odd  = kt_times(w, kt_complex<double>{0.5 * (a.im + b.im), 0.5 * (b.re - a.re)});
        values[k]                     = {even.re + odd.re, even.im + odd.im};
        if (2 * k != points)
            values[points - k] = {even.re - odd.re, odd.im - even.im};
    }
}

// The spectra of all places: bins values each.
__global__ void
__launch_bounds__(THREADS, 1)
    kt_split_transform_kernel(const __grid_constant__ kt_cuda_tables_t plan, const kt_cuda_run_t *__restrict__ runs,
                              unsigned n, unsigned longest, const float *__restrict__ pcm, double2 *work)
{
    const kt_place place = kt_place_of(runs, n, longest, blockIdx.x);
    if (!place.exists)
        return;
    const unsigned      points = plan.n_fft / 2, bits = 31 - __clz((int)points);
    const float        *from   = pcm + place.run->pcm + (uint64_t)place.frame * plan.hop;
    kt_complex<double> *values = (kt_complex<double> *)(work + (uint64_t)blockIdx.x * plan.bins);
    for (unsigned i = threadIdx.x; i < points; i += blockDim.x) {
        const double even = 0.5 - 0.5 * cospi(2.0 * (2 * i) / plan.n_fft);
        const double odd  = 0.5 - 0.5 * cospi(2.0 * (2 * i + 1) / plan.n_fft);
        values[__brev(i) >> (32 - bits)] = {even * (double)from[2 * i], odd * (double)from[2 * i + 1]};
    }
    __syncthreads();
    unsigned half = 1;
    if (bits % 2) {
        for (unsigned i = threadIdx.x; i < points / 2; i += blockDim.x) {
            kt_complex<double> a = values[2 * i], b = values[2 * i + 1];
            kt_step_plain(a, b);
            values[2 * i]     = a;
            values[2 * i + 1] = b;
        }
        half = 2;
        __syncthreads();
    }
    for (; half < points; half *= 4) {
        kt_join_spans(values, points, half);
        __syncthreads();
    }
    kt_separate_samples(values, points);
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
    kt_row_workspace workspace = {plan, plan.first, out, {0, 0, 0}};
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
    kt_chroma_frames<2>(plan, power, out.banks + (uint64_t)place.run->bank * 3 * plan.bins, 1,
                        (float *)(kt_shared + plan.second.class_sum), out.chroma + row * plan.n_chroma, me);
}

extern "C" kt_err_t
kt_cuda_split_permit(const kt_cuda_tables_t *tables)
{
    const kt_err_t err = kt_permit_shared(kt_split_rows_kernel, tables->shared_limit);
    return err ? err : kt_permit_shared(kt_split_second_kernel, tables->shared_limit);
}

// One group: n runs whose frames all have a place in the work area.
static kt_err_t
split_group(const kt_cuda_plan_t *self, const kt_cuda_run_t *runs, unsigned n, unsigned longest, const float *pcm,
            const kt_cuda_outputs_t *out, void *work, cudaStream_t stream)
{
    const kt_cuda_tables_t *tables = &self->tables;
    const unsigned          places = n * longest;
    KT_LAUNCH(kt_split_transform_kernel, dim3(places), dim3(THREADS), 0, stream, *tables, runs, n, longest, pcm,
              (double2 *)work);
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
