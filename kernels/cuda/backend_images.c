// Launcher of picture statistics: one launch per part, as each part follows its own pictures through time.
#include "kernels/cuda/backend_private.h"
#include "kernels/cuda/image.h"
#include "kernels/gpu/images.h"

#include <string.h>

static kt_err_t
images_launch(const kt_gpu_job_t *job)
{
    const kt_gpu_batch_t *batch = job->batch;
    kt_image_stats_t     *stats = kt_gpu_section(job->lane, 0);
    kt_gpu_image_config_t config;
    kt_err_t              err = KT_OK;
    memcpy(&config, batch->config, sizeof config);
    for (uint32_t i = 0; i < batch->n_parts && !err; i++) {
        const kt_gpu_part_t *part   = &batch->parts[i];
        const uint8_t       *before = (const uint8_t *)job->lane->slab + part->in;
        kt_gpu_image_args_t  args;
        memcpy(&args, part->args, sizeof args);
        err = kt_cuda_images(before + kt_image_bytes(config.width, config.height), args.has_before ? before : NULL,
                             part->items, config.width, config.height, stats + part->first, job->lane->stream);
    }
    return err;
}

const kt_gpu_launcher_t kt_gpu_image_launcher = {.launch = images_launch};
