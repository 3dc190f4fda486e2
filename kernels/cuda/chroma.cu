// Second pass for n_fft 512 to 4096: chroma, or the power spectrum itself for the measures of single partials (key,
// quality). One block per run, as in the first pass, but in float: a frame is divided by its own largest class, and the
// transform's rounding is 1e-14 of the power of the frame's loudest bin.
//
// The bank of chroma weights is never a matrix (49 KiB at 1025 bins and 12 classes, more shared memory than the
// transform): a bin's weights are a bump around its pitch, three numbers, and an exponential is cheaper than a read.
// Each warp makes whole classes, its lanes the bins, so that a class is one reduction of a warp. The spectra of a few
// frames wait in shared memory, so that a bin's exponentials and reads serve all of them (`second.group` of the
// layout).
#include "kernels/cuda/chroma.cuh"

// What a block does with the power spectrum of a frame: classes, or the bins themselves.
struct kt_second {
    const float *banks;  // [][3][bins]; NULL: power_spectra
    float       *out;    // [rows][n_chroma], [rows][bins]
    uint32_t     bins;   // of power spectra
};

template <int POINTS>
__global__ void
__launch_bounds__(POINTS / 8, POINTS > 1024 ? 2 : 4)
    kt_second_kernel(const __grid_constant__ kt_cuda_tables_t plan, const kt_cuda_run_t *__restrict__ runs,
                     const float *__restrict__ pcm, const __grid_constant__ kt_second second)
{
    enum { WARPS = POINTS / 256, CLASSES = (12 + WARPS - 1) / WARPS };  // of a warp: twelve classes by all warps
    typedef kt_fft<float, POINTS> fft_t;
    const kt_thread               me     = kt_thread_here();
    const kt_cuda_layout_t       &at     = plan.second;
    const kt_cuda_run_t          &run    = kt_run_here(runs + blockIdx.x, kt_shared + at.run, me.t);
    kt_complex<float>            *cells  = (kt_complex<float> *)kt_shared;
    float                        *powers = (float *)(kt_shared + at.magnitude), *bump = (float *)(kt_shared + at.bump);
    const kt_ring                 ring  = {(float *)(kt_shared + at.ring), plan.n_fft - 1};
    const unsigned                group = second.banks ? at.group : 1;
    kt_window<float>              window;
    fft_t                         fft;
    window.prepare(me.t, plan.n_fft);
    fft.prepare(me.t);
    for (unsigned i = me.t; second.banks && i < 3 * plan.bins; i += me.threads)
        bump[i] = second.banks[(uint64_t)run.bank * 3 * plan.bins + i];
    if (run.frames)
        ring.fill(pcm + run.pcm, 0, plan.hop, me);
    ring.arrive();
    __syncthreads();
    for (unsigned f = 0; f < run.frames; f++) {
        float            *power = powers + f % group * plan.bins;
        kt_complex<float> z[8];
        auto              take = [&](unsigned k, float re, float im) {
            const float r = 0.25F * re, i = 0.25F * im;
            power[k] = fmaf(r, r, i * i);
        };
        window.load<fft_t::THREADS>(ring, f * plan.hop, me.t, z);
        fft.run(z, cells, me.t);
        if (f + 1 < run.frames)
            ring.fill(pcm + run.pcm, f + 1, plan.hop, me);
        kt_real_spectrum<float, POINTS>(z, cells, me.t, fft.real, take);
        __syncthreads();
        const unsigned made = f % group + 1;
        if (second.banks && (made == group || f + 1 == run.frames))
            kt_chroma_frames<CLASSES>(plan, powers, bump, made, (float *)(kt_shared + at.class_sum),
                                      second.out + (run.row + f + 1 - made) * plan.n_chroma, me);
        for (unsigned k = me.t; !second.banks && k < second.bins; k += me.threads)
            second.out[(run.row + f) * second.bins + k] = power[k];
        ring.arrive();
        __syncthreads();
    }
}

extern "C" kt_err_t
kt_cuda_chroma_permit(const kt_cuda_tables_t *tables)
{
    return KT_PERMIT_BY_POINTS(kt_second_kernel, tables->n_fft, tables->shared_limit);
}

// The second pass of either kind; of `outputs` chroma or power_spectra is made.
static kt_err_t
launch_second(const kt_cuda_plan_t *self, const kt_cuda_run_t *runs, size_t n, uint32_t longest, const float *pcm,
              const kt_cuda_outputs_t &outputs, void *work, cudaStream_t stream)
{
    const kt_cuda_tables_t &tables = self->tables;
    if (longest > KT_CUDA_RUN_FRAMES || n > INT32_MAX || outputs.bins > tables.bins)
        return KT_EINVAL;
    if (n == 0 || longest == 0)
        return KT_OK;
    if (!kt_cuda_is_fused(tables.n_fft))
        return kt_cuda_split(self, runs, n, longest, pcm, &outputs, work, stream);
    const kt_second second = {outputs.banks, outputs.chroma ? outputs.chroma : outputs.power_spectra, outputs.bins};
    KT_LAUNCH_BY_POINTS(kt_second_kernel, tables.n_fft, dim3((unsigned)n), tables.second.bytes, stream, tables, runs,
                        pcm, second);
    return kt_launched();
}

extern "C" kt_err_t
kt_cuda_chroma(const kt_cuda_plan_t *self, const kt_cuda_run_t *runs, size_t n, uint32_t longest, const float *pcm,
               const float *banks, float *out, void *work, cudaStream_t stream)
{
    return launch_second(self, runs, n, longest, pcm, {NULL, banks, out, NULL, 0}, work, stream);
}

extern "C" kt_err_t
kt_cuda_power_spectra(const kt_cuda_plan_t *self, const kt_cuda_run_t *runs, size_t n, uint32_t longest,
                      const float *pcm, uint32_t bins, float *out, void *work, cudaStream_t stream)
{
    return launch_second(self, runs, n, longest, pcm, {NULL, NULL, NULL, out, bins}, work, stream);
}
