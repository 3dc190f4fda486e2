// Launchers of frontend, chroma and rises: the parts' frames are cut into runs, one thread block each. Side: the runs,
// and chroma's tables of weights, one per tuning. Rises have mel rows of their own in work, and those of the frames
// before each part.
#include "kernels/audio/plan.h"
#include "kernels/cuda/backend_private.h"
#include "kernels/cuda/rises.h"
#include "kernels/gpu/frames.h"
#include "kernels/gpu/rises.h"

#include <stdio.h>
#include <string.h>

enum { LEAST_RUN = 8, RUNS_PER_PROCESSOR = 2, REFUSALS_MAX = 3 };

static void
plan_drop(kt_gpu_plan_t *plan)
{
    kt_cuda_plan_destroy(&plan->cuda);
    kt_plan_destroy(&plan->plan);
    *plan = (kt_gpu_plan_t){0};
}

static kt_err_t
plan_err(kt_gpu_context_t *self, const kt_gpu_plan_t *plan)
{
    if (plan->cuda && plan->refusals < REFUSALS_MAX)
        return KT_OK;
    snprintf(self->why, sizeof self->why, "the device cannot transform with n_fft %u, hop %u, %u mel bands",
             plan->opts.n_fft, plan->opts.hop, plan->opts.n_mels);
    return KT_EINVAL;
}

kt_err_t
kt_gpu_context_plan(kt_gpu_context_t *self, const kt_frontend_opts_t *opts, kt_gpu_plan_t **out)
{
    kt_gpu_plan_t *oldest = NULL;
    for (size_t i = 0; i < KT_GPU_PLANS; i++) {
        kt_gpu_plan_t *plan = &self->plans[i];
        if (plan->plan && memcmp(&plan->opts, opts, sizeof *opts) == 0) {
            *out = plan;
            return plan_err(self, plan);
        }
        bool is_free = true;
        for (uint32_t s = 0; s < self->opts.slots; s++)
            is_free = is_free && (!self->lanes[s].busy || self->lanes[s].plan != plan);
        if (is_free && (!oldest || plan->used < oldest->used))
            oldest = plan;
    }

    plan_drop(oldest);  // there are more places than slots
    kt_err_t err = kt_plan_new(&oldest->plan, opts);
    if (!err)
        err = kt_cuda_plan_new(&oldest->cuda, oldest->plan);
    oldest->opts = *opts;
    *out         = oldest;
    if (err == KT_EINVAL && oldest->plan)
        return plan_err(self, oldest);
    if (err) {
        plan_drop(oldest);
        return err == KT_EIO ? kt_gpu_failed(self, cudaGetLastError(), "the plan") : err;
    }
    return KT_OK;
}

void
kt_gpu_plan_launched(kt_gpu_plan_t *plan, kt_err_t err)
{
    plan->refusals = err == KT_EINVAL ? plan->refusals + 1 : 0;
}

static kt_gpu_frames_args_t
frames_args_of(const kt_gpu_part_t *part)
{
    kt_gpu_frames_args_t out;
    memcpy(&out, part->args, sizeof out);
    return out;
}

// Frames before those of a part.
static uint32_t
lead_of(const kt_gpu_batch_t *batch)
{
    return batch->kind == KT_GPU_RISES ? KT_RISE_LAG : 0;
}

// The number of a tuning's table among those of the batch: in the order of the parts that bring a new one.
static uint32_t
bank_of(double tunings[KT_GPU_TUNINGS], uint32_t *n, double tuning)
{
    uint32_t i = 0;
    while (i < *n && tunings[i] != tuning)
        i++;
    if (i == *n && i < KT_GPU_TUNINGS)
        tunings[(*n)++] = tuning;
    return i;
}

uint32_t
kt_gpu_run_frames(const kt_gpu_job_t *job)
{
    const uint32_t share = job->batch->items / (RUNS_PER_PROCESSOR * job->context->processors);
    return share < LEAST_RUN ? LEAST_RUN : share < KT_CUDA_RUN_FRAMES ? share : KT_CUDA_RUN_FRAMES;
}

static kt_err_t
frames_prepare(kt_gpu_job_t *job)
{
    const kt_gpu_batch_t *batch                   = job->batch;
    double                tunings[KT_GPU_TUNINGS] = {0};
    kt_frontend_opts_t    opts;
    memcpy(&opts, batch->config, sizeof opts);
    const kt_err_t err = kt_gpu_context_plan(job->context, &opts, &job->lane->plan);
    if (err)
        return err;
    job->lane->plan->used = job->context->batches;
    job->run_frames       = kt_gpu_run_frames(job);
    for (uint32_t i = 0; i < batch->n_parts; i++) {
        job->n_runs += (uint32_t)kt_cuda_runs_of(batch->parts[i].items + lead_of(batch), job->run_frames);
        if (batch->kind == KT_GPU_CHROMA &&
            bank_of(tunings, &job->n_banks, frames_args_of(&batch->parts[i]).tuning) == KT_GPU_TUNINGS)
            return KT_EINVAL;
    }
    job->banks_at = kt_gpu_align(job->n_runs * sizeof(kt_cuda_run_t));
    job->side_bytes =
        job->banks_at + kt_gpu_align(job->n_banks * kt_cuda_bank_floats(job->lane->plan->cuda) * sizeof(float));
    job->work_bytes = kt_cuda_plan_work_bytes(job->lane->plan->cuda);
    job->rows_at    = job->work_bytes;
    if (batch->kind == KT_GPU_RISES)
        job->work_bytes += (batch->items + (size_t)batch->n_parts * KT_RISE_LAG) * opts.n_mels * sizeof(float);
    return KT_OK;
}

static void
frames_fill_side(const kt_gpu_job_t *job, char *side)
{
    const kt_gpu_plan_t  *plan                    = job->lane->plan;
    const kt_gpu_batch_t *batch                   = job->batch;
    kt_cuda_run_t        *runs                    = (kt_cuda_run_t *)(void *)side;
    float                *banks                   = (float *)(void *)(side + job->banks_at);
    const size_t          each                    = kt_cuda_bank_floats(plan->cuda);
    double                tunings[KT_GPU_TUNINGS] = {0};
    uint32_t              n                       = 0;
    for (uint32_t i = 0; i < batch->n_parts; i++) {
        const kt_gpu_part_t       *part  = &batch->parts[i];
        const kt_gpu_frames_args_t args  = frames_args_of(part);
        const kt_cuda_run_t        whole = {.pcm        = part->in / sizeof(float),
                                            .row        = part->first + (uint64_t)i * lead_of(batch),
                                            .frames     = part->items + lead_of(batch),
                                            .real_begin = args.real_begin,
                                            .real_end   = args.real_end,
                                            .bank = batch->kind == KT_GPU_CHROMA ? bank_of(tunings, &n, args.tuning) : 0};
        runs += kt_cuda_cut(&whole, plan->opts.hop, job->run_frames, runs);
    }
    for (uint32_t i = 0; i < n; i++)
        kt_chroma_bumps(plan->plan, tunings[i], banks + i * each);
}

static void *
job_work(const kt_gpu_job_t *job)
{
    return job->work_bytes ? job->lane->slab + job->work_at : NULL;
}

static kt_cuda_peaks_t
peaks_at(const kt_gpu_lane_t *lane, uint32_t which)
{
    const uint32_t list = KT_GPU_SECTION_PEAK + which;
    return (kt_cuda_peaks_t){.peak     = kt_gpu_section(lane, list),
                             .slice    = kt_gpu_section(lane, KT_GPU_SECTION_SLICE + which),
                             .used     = kt_gpu_section(lane, KT_GPU_SECTION_USED + which),
                             .capacity = (uint32_t)(lane->layout.size[list] / sizeof(kt_gpu_peak_t))};
}

static kt_err_t
frontend_launch(const kt_gpu_job_t *job)
{
    const kt_gpu_lane_t *lane = job->lane;
    kt_cuda_rows_t rows = {.peaks = peaks_at(lane, KT_GPU_POWER_PEAKS), .cqt_peaks = peaks_at(lane, KT_GPU_CQT_PEAKS)};
    for (uint32_t r = 0; r < KT_ROWS; r++)
        rows.row[r] = kt_gpu_section(lane, r);
    return kt_cuda_frontend(lane->plan->cuda, (const kt_cuda_run_t *)(void *)(lane->slab + job->side_at), job->n_runs,
                            job->run_frames, (const float *)(void *)lane->slab, &rows, job_work(job), lane->stream);
}

static kt_err_t
chroma_launch(const kt_gpu_job_t *job)
{
    const kt_gpu_lane_t *lane = job->lane;
    const char          *side = lane->slab + job->side_at;
    return kt_cuda_chroma(lane->plan->cuda, (const kt_cuda_run_t *)(const void *)side, job->n_runs, job->run_frames,
                          (const float *)(void *)lane->slab, (const float *)(const void *)(side + job->banks_at),
                          kt_gpu_section(lane, 0), job_work(job), lane->stream);
}

// Mel rows of all parts, then each part's rises.
static kt_err_t
rises_launch(const kt_gpu_job_t *job)
{
    const kt_gpu_lane_t  *lane  = job->lane;
    const kt_gpu_batch_t *batch = job->batch;
    const uint32_t        bands = lane->plan->opts.n_mels;
    float                *mel   = (float *)(void *)(lane->slab + job->work_at + job->rows_at);
    uint16_t             *out   = kt_gpu_section(lane, 0);
    const kt_cuda_rows_t  rows  = {.row[KT_ROW_MEL] = mel};
    kt_err_t              err =
        kt_cuda_frontend(lane->plan->cuda, (const kt_cuda_run_t *)(void *)(lane->slab + job->side_at), job->n_runs,
                         job->run_frames, (const float *)(void *)lane->slab, &rows, job_work(job), lane->stream);
    for (uint32_t i = 0; i < batch->n_parts && !err; i++) {
        const kt_gpu_part_t *part = &batch->parts[i];
        kt_gpu_rises_args_t  args;
        memcpy(&args, part->args, sizeof args);
        const kt_cuda_rises_t rises = {.mel    = mel + (part->first + (size_t)i * KT_RISE_LAG) * bands,
                                       .out    = out + (size_t)part->first * KT_RISE_WIDTH,
                                       .frames = part->items,
                                       .bands  = bands,
                                       .floor  = args.floor,
                                       .unit   = args.unit,
                                       .begins = args.begins};
        err                         = kt_cuda_rises(&rises, lane->stream);
    }
    return err;
}

const kt_gpu_launcher_t kt_gpu_frontend_launcher = {frames_prepare, frames_fill_side, frontend_launch},
                        kt_gpu_chroma_launcher   = {frames_prepare, frames_fill_side, chroma_launch},
                        kt_gpu_rises_launcher    = {frames_prepare, frames_fill_side, rises_launch};
