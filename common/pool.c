#include "common/pool.h"

#include "common/assert.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

// free_blocks is a stack of indices; out[i] tells whether block i is with a caller, so that a block that comes back
// twice is caught at once.
struct kt_pool {
    pthread_mutex_t lock;
    bool            has_lock;
    size_t          block_bytes;
    size_t          blocks;
    atomic_size_t   free_count;
    uint8_t        *memory;
    size_t         *free_blocks;
    bool           *out;
};

static bool
take_memory(kt_pool_t *self)
{
    size_t bytes;
    if (__builtin_mul_overflow(self->block_bytes, self->blocks, &bytes) || bytes > PTRDIFF_MAX)
        return false;
    self->memory      = aligned_alloc(ALIGNMENT, bytes);
    self->free_blocks = calloc(self->blocks, sizeof *self->free_blocks);
    self->out         = calloc(self->blocks, sizeof *self->out);
    return self->memory && self->free_blocks && self->out;
}

kt_err_t
kt_pool_new(kt_pool_t **self_p, size_t block_bytes, size_t blocks)
{
    if (!block_bytes || !blocks)
        return KT_EINVAL;
    kt_pool_t *self = calloc(1, sizeof *self);
    if (!self || block_bytes > SIZE_MAX - ALIGNMENT)
        goto fail;
    self->block_bytes = (block_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    self->blocks      = blocks;
    if (!take_memory(self) || pthread_mutex_init(&self->lock, NULL))
        goto fail;
    self->has_lock = true;
    for (size_t i = 0; i < blocks; i++)
        self->free_blocks[i] = blocks - 1 - i;
    self->free_count = blocks;
    *self_p          = self;
    return KT_OK;
fail:
    kt_pool_destroy(&self);
    return KT_ENOMEM;
}

void
kt_pool_destroy(kt_pool_t **self_p)
{
    kt_pool_t *self = *self_p;
    if (!self)
        return;
    kt_assert(!self->has_lock || self->free_count == self->blocks);
    if (self->has_lock)
        pthread_mutex_destroy(&self->lock);
    free(self->out);
    free(self->free_blocks);
    free(self->memory);
    free(self);
    *self_p = NULL;
}

void *
kt_pool_get(kt_pool_t *self)
{
    void *block = NULL;
    pthread_mutex_lock(&self->lock);
    if (self->free_count) {
        size_t index     = self->free_blocks[--self->free_count];
        self->out[index] = true;
        block            = self->memory + index * self->block_bytes;
    }
    pthread_mutex_unlock(&self->lock);
    return block ? memset(block, 0, self->block_bytes) : NULL;
}

void
kt_pool_put(kt_pool_t *self, void **block_p)
{
    uint8_t *block = *block_p;
    if (!block)
        return;
    size_t offset = (uintptr_t)block - (uintptr_t)self->memory;
    size_t index  = offset / self->block_bytes;
    kt_assert(index < self->blocks && offset % self->block_bytes == 0);
    pthread_mutex_lock(&self->lock);
    kt_assert(self->out[index]);
    self->out[index]                      = false;
    self->free_blocks[self->free_count++] = index;
    pthread_mutex_unlock(&self->lock);
    *block_p = NULL;
}

size_t
kt_pool_free(const kt_pool_t *self)
{
    return self->free_count;
}
