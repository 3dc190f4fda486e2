#include "kernels/gpu/samples.h"

#include <string.h>

kt_gpu_share_t
kt_gpu_samples_share(const kt_gpu_samples_t *self, size_t n, int64_t from, size_t skip)
{
    const int64_t begin = (int64_t)self->first, size = sizeof(float);
    if (!self->kept)
        return (kt_gpu_share_t){0};
    return (kt_gpu_share_t){.kept  = self->kept,
                            .skip  = skip,
                            .at    = (begin + from) * size,
                            .begin = begin * size,
                            .end   = (begin + (int64_t)n) * size};
}

void
kt_gpu_samples_copy(const float *pcm, size_t n, int64_t from, size_t room, float *to)
{
    const int64_t most = (int64_t)room, left = (int64_t)n - from;
    const int64_t before = from < 0 ? -from < most ? -from : most : 0;
    const int64_t end    = left < before ? before : left < most ? left : most;
    memset(to, 0, (size_t)before * sizeof *to);
    if (end > before)
        memcpy(to + before, pcm + (from + before), (size_t)(end - before) * sizeof *to);
    memset(to + end, 0, (size_t)(most - end) * sizeof *to);
}
