// Pinned memory for pieces of streams, so that what a worker gathers crosses the bus from where it is.
#include "kernels/gpu/private.h"

char *
kt_gpu_take_pinned(kt_gpu_t *self, size_t bytes)
{
    char *out = NULL;
    pthread_mutex_lock(&self->lock);
    if (self->n_free_pinned && bytes <= KT_GPU_PINNED_BYTES)
        out = self->pinned + (size_t)self->free_pinned[--self->n_free_pinned] * KT_GPU_PINNED_BYTES;
    pthread_mutex_unlock(&self->lock);
    return out;
}

bool
kt_gpu_is_pinned(const kt_gpu_t *self, const void *memory)
{
    const char *at = memory;
    return self->pinned && at >= self->pinned && at < self->pinned + self->n_pinned * KT_GPU_PINNED_BYTES;
}

void
kt_gpu_give_pinned(kt_gpu_t *self, const void *memory)
{
    const size_t block = (size_t)((const char *)memory - self->pinned) / KT_GPU_PINNED_BYTES;
    pthread_mutex_lock(&self->lock);
    self->free_pinned[self->n_free_pinned++] = (uint8_t)block;
    pthread_mutex_unlock(&self->lock);
}
