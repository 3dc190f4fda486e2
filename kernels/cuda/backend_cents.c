// Launcher of peaks in cents: one launch for the batch's only part.
#include "kernels/cuda/backend_private.h"
#include "kernels/cuda/cents.h"

#include <string.h>

static kt_err_t
cents_launch(const kt_gpu_job_t *job)
{
    const kt_gpu_lane_t  *lane  = job->lane;
    const kt_gpu_batch_t *batch = job->batch;
    kt_cuda_cents_t       cents = {.counts = kt_gpu_section(lane, 0),
                                   .peaks  = kt_gpu_section(lane, 1),
                                   .frames = batch->items,
                                   .pcm    = (const float *)(void *)(lane->slab + batch->parts[0].in)};
    kt_gpu_cents_config_t config;
    memcpy(&config, batch->config, sizeof config);
    const kt_err_t err = batch->n_parts == 1 ? kt_cents_shape_of(config.rate_hz, &cents.shape) : KT_EINVAL;
    return err ? err : kt_cuda_cents(&cents, lane->stream);
}

const kt_gpu_launcher_t kt_gpu_cents_launcher = {.launch = cents_launch};
