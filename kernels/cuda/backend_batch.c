// A batch's way through a slot: one copy in for samples and one for runs and chroma tables, the launch, one copy out
// for rows, and when it is known how many peaks there are, one for those of each kind. All on the slot's own stream.
#include "kernels/audio/plan.h"
#include "kernels/cuda/backend_private.h"

#include <string.h>

enum { LEAST_RUN = 8, RUNS_A_PROCESSOR = 2 };

typedef struct job {
    kt_gpu_context_t     *context;
    kt_gpu_lane_t        *lane;
    const kt_gpu_batch_t *batch;
    uint32_t              run_frames, n_runs, n_banks;
    double                tuning[KT_GPU_TUNINGS];
    size_t                side_at, banks_at, out_at, work_at, side_bytes, bytes;  // offsets into the slab
} job_t;

static void
drop_plan(kt_gpu_plan_t *plan)
{
    kt_cuda_plan_destroy(&plan->cuda);
    kt_plan_destroy(&plan->plan);
    *plan = (kt_gpu_plan_t){0};
}

static bool
in_work(const kt_gpu_context_t *self, const kt_gpu_plan_t *plan)
{
    for (uint32_t i = 0; i < self->opts.slots; i++)
        if (self->lanes[i].stage != STAGE_IDLE && self->lanes[i].plan == plan)
            return true;
    return false;
}

static kt_err_t
make_plan(kt_gpu_context_t *self, kt_gpu_plan_t *plan, const kt_frontend_opts_t *opts)
{
    kt_err_t err = kt_plan_new(&plan->plan, opts);
    if (!err)
        err = kt_cuda_plan_new(&plan->cuda, plan->plan);
    plan->opts = *opts;
    if (!err)
        return KT_OK;
    drop_plan(plan);
    cudaError_t last = cudaGetLastError();
    return err == KT_EIO ? kt_gpu_failed(self, last, "the plan") : err;
}

static kt_err_t
find_plan(kt_gpu_context_t *self, const kt_frontend_opts_t *opts, kt_gpu_plan_t **out)
{
    kt_gpu_plan_t *oldest = NULL;
    for (size_t i = 0; i < KT_GPU_PLANS; i++) {
        kt_gpu_plan_t *plan = &self->plans[i];
        if (plan->plan && memcmp(&plan->opts, opts, sizeof *opts) == 0) {
            *out = plan;
            return KT_OK;
        }
        if (!in_work(self, plan) && (!oldest || plan->used < oldest->used))
            oldest = plan;
    }
    drop_plan(oldest);  // there are more places than slots
    kt_err_t err = make_plan(self, oldest, opts);
    if (!err)
        *out = oldest;
    return err;
}

static uint32_t
bank_of(job_t *job, double tuning)
{
    uint32_t i = 0;
    while (i < job->n_banks && job->tuning[i] != tuning)
        i++;
    if (i == job->n_banks && i < KT_GPU_TUNINGS)
        job->tuning[job->n_banks++] = tuning;
    return i;
}

// Short runs where there are few frames, so that all processors have some. The rows are the same.
static void
cut(job_t *job)
{
    const kt_gpu_batch_t *batch = job->batch;
    uint32_t              share = batch->frames / (RUNS_A_PROCESSOR * job->context->processors);
    job->run_frames = share < LEAST_RUN ? LEAST_RUN : share < KT_CUDA_RUN_FRAMES ? share : KT_CUDA_RUN_FRAMES;
    for (uint32_t i = 0; i < batch->n_parts; i++) {
        job->n_runs += (uint32_t)kt_cuda_runs_of(batch->parts[i].frames, job->run_frames);
        if (batch->pass == KT_GPU_CHROMA)
            (void)bank_of(job, batch->parts[i].tuning);
    }
}

static kt_err_t
reserve(job_t *job)
{
    kt_gpu_lane_t *lane  = job->lane;
    size_t         banks = job->n_banks * kt_cuda_bank_floats(lane->plan->cuda) * sizeof(float);
    kt_gpu_layout(lane->plan->plan, job->batch->pass, job->batch->wanted, job->batch->frames, &lane->layout);
    job->side_at    = kt_gpu_align(job->batch->samples * sizeof(float));
    job->banks_at   = kt_gpu_align(job->n_runs * sizeof(kt_cuda_run_t));
    job->side_bytes = job->banks_at + kt_gpu_align(banks);
    job->out_at     = job->side_at + job->side_bytes;
    job->work_at    = job->out_at + lane->layout.bytes;
    job->bytes      = job->work_at + kt_gpu_align(kt_cuda_plan_work_bytes(lane->plan->cuda));
    if (lane->layout.bytes > job->context->opts.out_bytes)
        return KT_EINVAL;
    kt_err_t err = kt_gpu_slab(job->context, lane, job->bytes);
    if (err || job->side_bytes <= lane->side_bytes)
        return err;
    (void)cudaFreeHost(lane->side);
    lane->side        = NULL;
    lane->side_bytes  = 0;
    cudaError_t error = cudaHostAlloc((void **)&lane->side, job->side_bytes, cudaHostAllocDefault);
    if (error != cudaSuccess)
        return kt_gpu_failed(job->context, error, "pinned memory");
    lane->side_bytes = job->side_bytes;
    return KT_OK;
}

static void
fill_side(job_t *job)
{
    kt_gpu_lane_t        *lane  = job->lane;
    const kt_gpu_batch_t *batch = job->batch;
    kt_cuda_run_t        *runs  = (kt_cuda_run_t *)(void *)lane->side;
    float                *banks = (float *)(void *)(lane->side + job->banks_at);
    size_t                each  = kt_cuda_bank_floats(lane->plan->cuda);
    for (uint32_t i = 0; i < batch->n_parts; i++) {
        const kt_gpu_part_t *part  = &batch->parts[i];
        const kt_cuda_run_t  whole = {.pcm        = part->pcm,
                                      .row        = part->row,
                                      .frames     = part->frames,
                                      .real_begin = part->real_begin,
                                      .real_end   = part->real_end,
                                      .bank       = batch->pass == KT_GPU_CHROMA ? bank_of(job, part->tuning) : 0};
        runs += kt_cuda_cut(&whole, batch->opts.hop, job->run_frames, runs);
    }
    for (uint32_t i = 0; i < job->n_banks; i++)
        kt_chroma_bumps(lane->plan->plan, job->tuning[i], banks + i * each);
}

static void
point_peaks(const kt_gpu_lane_t *lane, kt_gpu_peaks_t which, kt_cuda_peaks_t *out)
{
    if (!(lane->wanted & KT_GPU_WANTS_PEAKS(which)))
        return;
    out->peak     = (kt_cuda_peak_t *)(void *)(lane->results + lane->layout.peak[which]);
    out->slice    = (kt_cuda_slice_t *)(void *)(lane->results + lane->layout.slice[which]);
    out->used     = (uint32_t *)(void *)(lane->results + lane->layout.used[which]);
    out->capacity = (uint32_t)lane->layout.capacity;
}

static kt_err_t
launch(const job_t *job)
{
    kt_gpu_lane_t       *lane = job->lane;
    const kt_cuda_run_t *runs = (const kt_cuda_run_t *)(void *)(lane->slab + job->side_at);
    const float         *pcm  = (const float *)(void *)lane->slab;
    void                *work = job->work_at < job->bytes ? lane->slab + job->work_at : NULL;
    if (job->batch->pass == KT_GPU_CHROMA)
        return kt_cuda_chroma(lane->plan->cuda, runs, job->n_runs, job->run_frames, pcm,
                              (const float *)(void *)(lane->slab + job->side_at + job->banks_at),
                              (float *)(void *)lane->results, work, lane->stream);
    kt_cuda_rows_t rows = {0};
    for (int r = 0; r < KT_ROWS; r++)
        if (lane->wanted & KT_GPU_WANTS(r))
            rows.row[r] = (float *)(void *)(lane->results + lane->layout.row[r]);
    point_peaks(lane, KT_GPU_PITCHES, &rows.pitches);
    point_peaks(lane, KT_GPU_CQT_PITCHES, &rows.cqt_pitches);
    return kt_cuda_frontend(lane->plan->cuda, runs, job->n_runs, job->run_frames, pcm, &rows, work, lane->stream);
}

static cudaError_t
put_in(const job_t *job)
{
    kt_gpu_lane_t *lane  = job->lane;
    cudaError_t    error = cudaMemcpyAsync(lane->slab, lane->in, job->batch->samples * sizeof(float),
                                           cudaMemcpyHostToDevice, lane->stream);
    if (!error)
        error = cudaMemcpyAsync(lane->slab + job->side_at, lane->side, job->side_bytes, cudaMemcpyHostToDevice,
                                lane->stream);
    for (int p = 0; p < KT_GPU_PEAKS && !error; p++)
        if (lane->wanted & KT_GPU_WANTS_PEAKS(p))
            error = cudaMemsetAsync(lane->results + lane->layout.used[p], 0, sizeof(uint32_t), lane->stream);
    return error;
}

static kt_err_t
start(const job_t *job)
{
    kt_gpu_lane_t *lane  = job->lane;
    cudaError_t    error = put_in(job);
    if (error)
        return kt_gpu_failed(job->context, error, "a copy to the device");
    kt_err_t err = launch(job);
    if (err == KT_EIO)
        return kt_gpu_failed(job->context, cudaGetLastError(), "a launch");
    if (err) {  // the slot is used again: nothing may still read it
        (void)cudaStreamSynchronize(lane->stream);
        return err;
    }
    error = cudaMemcpyAsync(lane->out, lane->results, lane->layout.peaks, cudaMemcpyDeviceToHost, lane->stream);
    if (!error)
        error = cudaEventRecord(lane->done, lane->stream);
    return error ? kt_gpu_failed(job->context, error, "a copy from the device") : KT_OK;
}

kt_err_t
kt_gpu_submit(kt_gpu_context_t *self, uint32_t slot, const kt_gpu_batch_t *batch)
{
    job_t       job   = {.context = self, .lane = &self->lanes[slot], .batch = batch};
    cudaError_t error = cudaSetDevice(self->opts.device);
    if (error)
        return kt_gpu_failed(self, error, "the device");
    kt_err_t err = find_plan(self, &batch->opts, &job.lane->plan);
    if (err)
        return err;
    cut(&job);
    if ((err = reserve(&job)))
        return err;
    job.lane->results    = job.lane->slab + job.out_at;
    job.lane->wanted     = batch->pass == KT_GPU_FIRST ? batch->wanted : 0;
    job.lane->plan->used = ++self->batches;
    fill_side(&job);
    err = start(&job);
    if (!err)
        job.lane->stage = STAGE_ROWS;
    return err;
}

static uint32_t
peaks_used(const kt_gpu_lane_t *lane, int which)
{
    uint32_t used;
    memcpy(&used, lane->out + lane->layout.used[which], sizeof used);
    return used < lane->layout.capacity ? used : (uint32_t)lane->layout.capacity;
}

// *more: peaks are on their way now.
static cudaError_t
fetch_peaks(kt_gpu_lane_t *lane, bool *more)
{
    cudaError_t error = cudaSuccess;
    for (int p = 0; p < KT_GPU_PEAKS && !error; p++) {
        uint32_t used = lane->wanted & KT_GPU_WANTS_PEAKS(p) ? peaks_used(lane, p) : 0;
        size_t   at   = lane->layout.peak[p];
        *more |= used > 0;
        if (used > 0)
            error = cudaMemcpyAsync(lane->out + at, lane->results + at, used * (size_t)KT_GPU_PEAK_BYTES,
                                    cudaMemcpyDeviceToHost, lane->stream);
    }
    return !error && *more ? cudaEventRecord(lane->done, lane->stream) : error;
}

kt_err_t
kt_gpu_poll(kt_gpu_context_t *self, uint32_t slot, bool *done)
{
    kt_gpu_lane_t *lane  = &self->lanes[slot];
    bool           more  = false;
    cudaError_t    error = cudaSetDevice(self->opts.device);
    if (!error && (error = cudaEventQuery(lane->done)) == cudaErrorNotReady)
        return KT_OK;
    if (!error && lane->stage == STAGE_ROWS)
        error = fetch_peaks(lane, &more);
    if (error)
        return kt_gpu_failed(self, error, "a batch");
    lane->stage = more ? STAGE_PEAKS : STAGE_IDLE;
    *done       = !more;
    return KT_OK;
}
