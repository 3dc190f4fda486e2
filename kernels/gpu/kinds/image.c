#include "kernels/gpu/images.h"
#include "kernels/gpu/kind.h"

_Static_assert(sizeof(kt_gpu_image_config_t) <= KT_GPU_CONFIG_BYTES, "config of pictures");
_Static_assert(sizeof(kt_gpu_image_args_t) <= KT_GPU_ARGS_BYTES, "args of pictures");

static void
image_describe(const void *work, kt_gpu_batch_t *out)
{
    const kt_image_span_t      *span   = ((const kt_gpu_images_t *)work)->span;
    const kt_gpu_image_config_t config = {span->width, span->height};
    const size_t                bytes  = kt_image_bytes(span->width, span->height);
    memcpy(out->config, &config, sizeof config);
    out->shape.first_bytes = 2 * bytes;
    out->shape.next_bytes  = bytes;
    out->shape.section[0]  = (kt_gpu_section_t){.item_bytes = sizeof(kt_image_stats_t), .is_zeroed = true};
    out->wanted            = bytes > 0;
}

static void
image_args(const void *work, size_t first, size_t items, void *args)
{
    const kt_gpu_image_args_t out = {first > 0 || ((const kt_gpu_images_t *)work)->span->before};
    (void)items;
    memcpy(args, &out, sizeof out);
}

static void
image_copy_in(const void *work, size_t first, size_t items, void *to)
{
    const kt_image_span_t *span  = ((const kt_gpu_images_t *)work)->span;
    const size_t           bytes = kt_image_bytes(span->width, span->height);
    const uint8_t         *from  = span->rgb + first * bytes;
    if (first > 0)
        memcpy(to, from - bytes, bytes);
    else if (span->before)
        memcpy(to, span->before, bytes);
    memcpy((uint8_t *)to + bytes, from, items * bytes);
}

static kt_err_t
image_copy_out(const void *work, size_t first, const kt_gpu_results_t *from)
{
    kt_gpu_results_copy(from, 0, sizeof(kt_image_stats_t), ((const kt_gpu_images_t *)work)->stats + first);
    return KT_OK;
}

const kt_gpu_kind_t kt_gpu_image_kind = {.id            = KT_GPU_IMAGE,
                                         .name          = "image",
                                         .describe      = image_describe,
                                         .describe_part = image_args,
                                         .copy_in       = image_copy_in,
                                         .copy_out      = image_copy_out};
