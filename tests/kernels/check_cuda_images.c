#include "kernels/cuda/image.h"
#include "tests/kernels/check_cuda.h"

#include <stdlib.h>

static void
cuda_images(const void *context, const kt_image_span_t *span, kt_image_stats_t *out)
{
    const size_t      bytes  = kt_image_bytes(span->width, span->height);
    uint8_t          *before = span->before ? device_copy(span->before, bytes) : NULL;
    uint8_t          *now    = device_copy(span->rgb, span->n * bytes);
    kt_image_stats_t *stats  = device_copy(out, span->n * sizeof *out);  // zeros
    (void)context;
    check(kt_cuda_images(now, before, span->n, span->width, span->height, stats, NULL) == KT_OK, "images");
    device_read(out, stats, span->n * sizeof *out);
    device_free(before);
    device_free(now);
    device_free(stats);
}

void
check_cuda_images(bool all)
{
    check_images("cuda", cuda_images, NULL, all);
    if (!all)
        return;
#ifndef KT_CUDA_SIM
    check_image_colours("cuda", cuda_images, NULL);
#endif
    check(kt_cuda_images(NULL, NULL, 1, 0, 5, NULL, NULL) == KT_EINVAL, "a picture without width");
    check(kt_cuda_images(NULL, NULL, 1, 5, KT_IMAGE_MOST_SIDE + 1, NULL, NULL) == KT_EINVAL, "a picture too high");
    check(kt_cuda_images(NULL, NULL, 0, 5, 5, NULL, NULL) == KT_OK, "no picture");
}
