// Launcher of statistics of columns: two launches per part. Work: the sort's keys; its second copy is where
// the input is, or would be if the rows were not kept.
#include "kernels/cuda/backend_private.h"
#include "kernels/cuda/columns.h"

#include <string.h>

static kt_err_t
columns_prepare(kt_gpu_job_t *job)
{
    job->work_bytes = job->batch->in_bytes;
    return KT_OK;
}

static kt_err_t
columns_launch(const kt_gpu_job_t *job)
{
    const kt_gpu_lane_t    *lane     = job->lane;
    const kt_gpu_batch_t   *batch    = job->batch;
    kt_column_moments_t    *moments  = kt_gpu_section(lane, 0);
    float                  *quantile = kt_gpu_section(lane, 1);
    kt_gpu_columns_config_t config;
    kt_err_t                err = KT_OK;
    memcpy(&config, batch->config, sizeof config);
    for (uint32_t i = 0; i < batch->n_parts && !err; i++) {
        const kt_gpu_part_t  *part  = &batch->parts[i];
        const size_t          first = (size_t)part->first * KT_GPU_ITEM_COLUMNS;
        kt_gpu_columns_args_t args;
        memcpy(&args, part->args, sizeof args);
        char             *input   = lane->slab + part->in;
        kt_cuda_columns_t columns = {.frames       = config.frames,
                                     .quantiles    = config.quantiles,
                                     .columns      = args.columns,
                                     .rows         = (const float *)(void *)input,
                                     .item_floats  = KT_GPU_ITEM_COLUMNS * (size_t)config.frames,
                                     .frame_floats = KT_GPU_ITEM_COLUMNS,
                                     .keys         = (uint32_t *)(void *)(lane->slab + job->work_at + part->in),
                                     .other        = (uint32_t *)(void *)input,
                                     .moments      = moments + first,
                                     .quantile     = quantile + first * config.quantiles};
        if (part->share.kept) {
            columns.rows         = (const float *)(const void *)((char *)part->share.kept->memory + part->share.at);
            columns.item_floats  = KT_GPU_ITEM_COLUMNS;
            columns.frame_floats = args.floats;
        }
        err = kt_cuda_columns(&columns, lane->stream);
    }
    return err;
}

const kt_gpu_launcher_t kt_gpu_columns_launcher = {.prepare = columns_prepare, .launch = columns_launch};
