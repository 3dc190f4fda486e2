// First pass for n_fft 512 to 4096: samples in, rows out, nothing between in global memory.
//
// One block per run. Per frame: window and transform (fft.cuh), then the next frame's samples set out for the ring,
// while magnitudes go into shared memory, sums in registers, then one phase without barriers in which warps share the
// contrast's bands, rolloff and peaks, and every thread makes mel bands. Every 32 frames one warp turns their sums into
// scalar rows, one lane per frame. At 22,050 Hz and 2048/512 a frame moves 2 KiB in and 0.6 KiB out, the mel table and
// the samples that two runs share add 5 %.
//
// The transform is in double. The checks were run with float instead (kernel_check_cuda, 118 of 10417 failed):
// bandwidth of a steady sound off by 2e-3, flatness by 1.4e-5, valleys by 3.5e-6, and other peaks than the reference's
// in 16 cases, hence another tuning now and then; contrast of music moves by 6e-4 in its mean (features.md). In double
// every row keeps the tolerance of the CPU's kernels. It costs 85 thousand double operations per frame: at best 2.5 ns
// on an H200 (half the rate of float), but 178 ns on an L4 (1/64 of it) and 334 on a T4. There it is in pairs of floats
// (twofloat.cuh), which are as good: at most 30 ns on an L4, 110 on a T4.
#include "kernels/cuda/row_workspace.cuh"
#include "kernels/cuda/twofloat.cuh"

template <typename T, int POINTS>
__device__ __forceinline__ void
kt_rows_of_run(const kt_cuda_tables_t &plan, const kt_cuda_layout_t &at, const kt_cuda_run_t *runs, const float *pcm,
               const kt_cuda_rows_t &out)
{
    typedef kt_fft<T, POINTS> fft_t;
    const kt_thread           me       = kt_thread_here();
    const kt_cuda_run_t      &run      = kt_run_here(runs + blockIdx.x, kt_shared + at.run, me.t);
    const kt_ring             ring     = {(float *)(kt_shared + at.ring), plan.n_fft - 1};
    const bool                spectral = kt_wants_spectrum(out), wave = kt_wants_wave(out);
    kt_row_workspace          workspace = {plan, at, out, {0, 0, 0}};
    kt_window<T>              window;
    fft_t                     fft;
    window.prepare(me.t, plan.n_fft);
    fft.prepare(me.t);
    workspace.load_tables(me);
    if (run.frames)
        ring.fill(pcm + run.pcm, 0, plan.hop, me);
    ring.arrive();
    __syncthreads();
    for (unsigned f = 0; f < run.frames; f++) {
        const unsigned begin = f * plan.hop;
        const bool     more  = f + 1 < run.frames;
        kt_sums        sums  = {};
        if (wave)
            sums.add_wave(ring, begin, plan.n_fft, run, me);
        if (spectral) {
            kt_complex<T> z[8];
            auto          take = [&](unsigned k, T re, T im) {
                const float m            = kt_magnitude(0.25F * (float)re, 0.25F * (float)im);
                workspace.magnitude()[k] = m;
                sums.add(k, m);
            };
            window.template load<fft_t::THREADS>(ring, begin, me.t, z);
            fft.run(z, (kt_complex<T> *)kt_shared, me.t);
            if (more)
                ring.fill(pcm + run.pcm, f + 1, plan.hop, me);  // all threads have loaded theirs: run has barriers
            kt_real_spectrum<T, POINTS>(z, (kt_complex<T> *)kt_shared, me.t, fft.real, take);
        }
        sums.reduce(workspace.partial(), me);
        __syncthreads();
        if (more && !spectral)
            ring.fill(pcm + run.pcm, f + 1, plan.hop, me);
        workspace.frame(f % 32, run.row + f, spectral, me);
        ring.arrive();
        __syncthreads();
        if (f % 32 == 31 || !more)
            workspace.flush(f % 32 + 1, run.row + f / 32 * 32, me);
    }
    workspace.write_maxima(run.segment, me);
}

template <int POINTS>
__global__ void
__launch_bounds__(POINTS / 8, POINTS > 1024 ? 1 : 3)
    kt_frontend_kernel(const __grid_constant__ kt_cuda_tables_t plan, const kt_cuda_run_t *__restrict__ runs,
                       const float *__restrict__ pcm, const __grid_constant__ kt_cuda_rows_t out)
{
    kt_rows_of_run<double, POINTS>(plan, plan.first, runs, pcm, out);
}

// The same where doubles are slow (L4, T4).
template <int POINTS>
__global__ void
__launch_bounds__(POINTS / 8, POINTS > 1024 ? 1 : 3)
    kt_twofloat_kernel(const __grid_constant__ kt_cuda_tables_t plan, const kt_cuda_run_t *__restrict__ runs,
                       const float *__restrict__ pcm, const __grid_constant__ kt_cuda_rows_t out)
{
    static_assert(sizeof(kt_complex<kt_twofloat>) == sizeof(kt_complex<double>), "plan.first is of both");
    kt_rows_of_run<kt_twofloat, POINTS>(plan, plan.first, runs, pcm, out);
}

// Mel rows alone, as the rhythm's finer hop asks for, where doubles are slow (L4, T4): in double they would be half of
// such a device's work for a file. Where doubles are fast, the limit is shared memory, and float would gain nothing.
template <int POINTS>
__global__ void
__launch_bounds__(POINTS / 8, POINTS > 1024 ? 2 : 4)
    kt_mel_kernel(const __grid_constant__ kt_cuda_tables_t plan, const kt_cuda_run_t *__restrict__ runs,
                  const float *__restrict__ pcm, const __grid_constant__ kt_cuda_rows_t out)
{
    kt_rows_of_run<float, POINTS>(plan, plan.mel, runs, pcm, out);
}

static bool
wants_mel_alone(const kt_cuda_rows_t &out)
{
    bool others = out.peaks.peak || out.cqt_peaks.peak;
    for (int r = 0; r < KT_ROWS; r++)
        others = others || (r != KT_ROW_MEL && out.row[r]);
    return !others && out.row[KT_ROW_MEL];
}

extern "C" kt_err_t
kt_cuda_frontend_permit(const kt_cuda_tables_t *tables)
{
    const kt_err_t err = KT_PERMIT_BY_POINTS(kt_frontend_kernel, tables->n_fft, tables->shared_limit);
    if (err || !tables->slow_doubles)
        return err;
    const kt_err_t permitted = KT_PERMIT_BY_POINTS(kt_twofloat_kernel, tables->n_fft, tables->shared_limit);
    return permitted ? permitted : KT_PERMIT_BY_POINTS(kt_mel_kernel, tables->n_fft, tables->shared_limit);
}

extern "C" kt_err_t
kt_cuda_frontend(const kt_cuda_plan_t *self, const kt_cuda_run_t *runs, size_t n, uint32_t longest, const float *pcm,
                 const kt_cuda_rows_t *out, void *work, cudaStream_t stream)
{
    if (longest > KT_CUDA_RUN_FRAMES || n > INT32_MAX)
        return KT_EINVAL;
    if (n == 0 || longest == 0)
        return KT_OK;
    const kt_cuda_tables_t *tables = &self->tables;
    if (!kt_cuda_is_fused(tables->n_fft)) {
        const kt_cuda_outputs_t outputs = {out, NULL, NULL, NULL, 0};
        return kt_cuda_split(self, runs, n, longest, pcm, &outputs, work, stream);
    }
    if (tables->slow_doubles && wants_mel_alone(*out)) {
        KT_LAUNCH_BY_POINTS(kt_mel_kernel, tables->n_fft, dim3((unsigned)n), tables->mel.bytes, stream, *tables, runs,
                            pcm, *out);
    } else if (tables->slow_doubles) {
        KT_LAUNCH_BY_POINTS(kt_twofloat_kernel, tables->n_fft, dim3((unsigned)n), tables->first.bytes, stream, *tables,
                            runs, pcm, *out);
    } else {
        KT_LAUNCH_BY_POINTS(kt_frontend_kernel, tables->n_fft, dim3((unsigned)n), tables->first.bytes, stream, *tables,
                            runs, pcm, *out);
    }
    return kt_launched();
}
