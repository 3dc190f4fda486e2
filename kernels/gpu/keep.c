// Samples that stay on the device: their room is counted here, their memory is the backend's.
#include "kernels/gpu/private.h"

#include <stdlib.h>

kt_gpu_kept_t *
kt_gpu_keep(kt_gpu_t *self, size_t bytes)
{
    kt_gpu_kept_t *kept = self->backend->keep ? calloc(1, sizeof *kept) : NULL;
    if (!kept)
        return NULL;
    kept->bytes = bytes;
    pthread_mutex_lock(&self->lock);
    const bool room = !self->lost && bytes <= self->keep_most - self->keeps;
    self->keeps += room ? bytes : 0;
    pthread_mutex_unlock(&self->lock);
    if (room)
        return kept;
    free(kept);
    return NULL;
}

void
kt_gpu_drop(kt_gpu_t *self, kt_gpu_kept_t **kept_p)
{
    kt_gpu_kept_t *kept = *kept_p;
    *kept_p             = NULL;
    if (!kept)
        return;
    pthread_mutex_lock(&self->lock);
    kept->next    = self->dropped;
    self->dropped = kept;
    pthread_mutex_unlock(&self->lock);
}

void
kt_gpu_free_kept(kt_gpu_t *self, kt_gpu_kept_t *list)
{
    size_t bytes = 0;
    for (kt_gpu_kept_t *kept = list, *next; kept; kept = next) {
        next = kept->next;
        bytes += kept->bytes;
        if (kept->memory)
            self->backend->drop(self->context, kept->memory, kept->bytes);
        free(kept);
    }
    pthread_mutex_lock(&self->lock);
    self->keeps -= bytes;
    pthread_mutex_unlock(&self->lock);
}
