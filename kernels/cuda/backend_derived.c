// Launcher of rows derived of a segment's: two launches per part, the largest values of its rows and what needs them.
// Side: the tiles of all parts. Work: the largest values.
#include "kernels/cuda/backend_private.h"
#include "kernels/gpu/derived.h"

#include <string.h>

static kt_err_t
derived_prepare(kt_gpu_job_t *job)
{
    kt_frontend_opts_t opts;
    size_t             tiles = 0;
    memcpy(&opts, job->batch->config, sizeof opts);
    const kt_err_t err = kt_gpu_context_plan(job->context, &opts, &job->lane->plan);
    if (err)
        return err;
    job->lane->plan->used = job->context->batches;
    for (uint32_t i = 0; i < job->batch->n_parts; i++)
        tiles += kt_cuda_tiles_of(job->batch->parts[i].items);
    job->side_bytes = kt_gpu_align(tiles * sizeof(kt_cuda_tile_t));
    job->work_bytes = job->batch->n_parts * KT_CUDA_MAXIMA * sizeof(uint32_t);
    return KT_OK;
}

static void
derived_fill_side(const kt_gpu_job_t *job, char *side)
{
    kt_cuda_tile_t *tiles = (kt_cuda_tile_t *)(void *)side;
    for (uint32_t i = 0; i < job->batch->n_parts; i++) {
        const kt_cuda_tile_t whole = {.rows = job->batch->parts[i].items, .segment = i};
        tiles += kt_cuda_tile(&whole, tiles);
    }
}

static kt_cuda_segment_rows_t
rows_of(const kt_gpu_job_t *job, const kt_gpu_part_t *part, const uint32_t *maxima)
{
    const kt_gpu_lane_t      *lane = job->lane;
    const kt_frontend_opts_t *opts = &lane->plan->opts;
    char                     *kept = part->share.kept->memory;
    float *onset = kt_gpu_section(lane, KT_GPU_SECTION_ONSET), *bands = kt_gpu_section(lane, KT_GPU_SECTION_BANDS);
    kt_gpu_derived_args_t args;
    kt_gpu_rows_layout_t  layout;
    memcpy(&args, part->args, sizeof args);
    kt_gpu_rows_layout(opts, part->items, true, &layout);
    kt_cuda_segment_rows_t out = {.mel             = (const float *)(void *)(kept + layout.mel),
                                  .maxima          = maxima,
                                  .onset           = onset + part->first,
                                  .mfcc_floats     = (uint32_t)layout.mfcc_floats,
                                  .contrast_floats = (uint32_t)layout.contrast_floats};
    if (bands)
        out.bands = bands + part->first * kt_derived_bands(opts);
    if (args.mfcc)
        out.mfcc = (float *)(void *)(kept + layout.mfcc);
    if (args.contrast) {
        out.peak     = (const float *)(void *)(kept + layout.peak);
        out.valley   = (const float *)(void *)(kept + layout.valley);
        out.contrast = (float *)(void *)(kept + layout.contrast);
    }
    return out;
}

static kt_err_t
derived_launch(const kt_gpu_job_t *job)
{
    const kt_gpu_lane_t  *lane   = job->lane;
    const kt_cuda_plan_t *plan   = lane->plan->cuda;
    const kt_cuda_tile_t *tiles  = (const kt_cuda_tile_t *)(void *)(lane->slab + job->side_at);
    uint32_t             *maxima = (uint32_t *)(void *)(lane->slab + job->work_at);
    if (cudaMemsetAsync(maxima, 0, job->work_bytes, lane->stream))
        return KT_EIO;
    for (uint32_t i = 0; i < job->batch->n_parts; i++) {
        const kt_gpu_part_t         *part = &job->batch->parts[i];
        const size_t                 n    = kt_cuda_tiles_of(part->items);
        const kt_cuda_segment_rows_t rows = rows_of(job, part, maxima);
        kt_err_t err = kt_cuda_maxima(plan, tiles, n, rows.mel, rows.peak, rows.valley, maxima, lane->stream);
        if (!err)
            err = kt_cuda_segments(plan, tiles, n, &rows, lane->stream);
        if (err)
            return err;
        tiles += n;
    }
    return KT_OK;
}

const kt_gpu_launcher_t kt_gpu_derived_launcher = {derived_prepare, derived_fill_side, derived_launch};
