// Launcher of constant-Q chroma. Side: the parts. Work: the octaves' sums of all rows, then the octaves' samples of
// each part.
#include "kernels/cuda/backend_private.h"
#include "kernels/cuda/cqt.h"

#include <string.h>

static kt_gpu_cqt_config_t
config_of(const kt_gpu_batch_t *batch)
{
    kt_gpu_cqt_config_t out;
    memcpy(&out, batch->config, sizeof out);
    return out;
}

static size_t
sums_floats(const kt_gpu_batch_t *batch)
{
    return (size_t)KT_CQT_OCTAVES * batch->items * KT_CQT_CLASSES;
}

static kt_err_t
cqt_prepare(kt_gpu_job_t *job)
{
    const kt_gpu_batch_t     *batch  = job->batch;
    const kt_gpu_cqt_config_t config = config_of(batch);
    uint64_t                  floats = sums_floats(batch);
    for (uint32_t i = 0; i < batch->n_parts; i++)
        floats += kt_cuda_cqt_octaves(config.n_fft, config.hop, batch->parts[i].items);
    job->side_bytes = kt_gpu_align(batch->n_parts * sizeof(kt_cuda_cqt_part_t));
    job->work_bytes = (size_t)floats * sizeof(float);
    return KT_OK;
}

static void
cqt_fill_side(const kt_gpu_job_t *job, char *side)
{
    const kt_gpu_batch_t     *batch   = job->batch;
    const kt_gpu_cqt_config_t config  = config_of(batch);
    kt_cuda_cqt_part_t       *parts   = (kt_cuda_cqt_part_t *)(void *)side;
    uint64_t                  octaves = 0;
    for (uint32_t i = 0; i < batch->n_parts; i++) {
        const kt_gpu_part_t *part = &batch->parts[i];
        kt_gpu_cqt_args_t    args;
        memcpy(&args, part->args, sizeof args);
        parts[i] = (kt_cuda_cqt_part_t){.in      = part->in,
                                        .octaves = octaves,
                                        .row     = part->first,
                                        .first   = args.first,
                                        .frames  = part->items,
                                        .samples = args.samples};
        octaves += kt_cuda_cqt_octaves(config.n_fft, config.hop, part->items);
    }
}

static kt_err_t
cqt_launch(const kt_gpu_job_t *job)
{
    const kt_gpu_lane_t      *lane    = job->lane;
    const kt_gpu_batch_t     *batch   = job->batch;
    const kt_gpu_cqt_config_t config  = config_of(batch);
    float                    *work    = (float *)(void *)(lane->slab + job->work_at);
    uint32_t                  longest = 0;
    for (uint32_t i = 0; i < batch->n_parts; i++)
        longest = batch->parts[i].items > longest ? batch->parts[i].items : longest;
    const kt_cuda_cqt_t cqt = {.n_fft   = config.n_fft,
                               .hop     = config.hop,
                               .parts   = (const kt_cuda_cqt_part_t *)(void *)(lane->slab + job->side_at),
                               .n       = batch->n_parts,
                               .longest = longest,
                               .rows    = batch->items,
                               .in      = lane->slab,
                               .octaves = work + sums_floats(batch),
                               .sums    = work,
                               .out     = kt_gpu_section(lane, 0)};
    return kt_cuda_cqt(&cqt, lane->stream);
}

const kt_gpu_launcher_t kt_gpu_cqt_launcher = {cqt_prepare, cqt_fill_side, cqt_launch};
