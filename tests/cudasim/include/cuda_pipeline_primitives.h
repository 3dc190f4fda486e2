// Stands in for CUDA's header of this name: copies from global to shared memory that a thread does not wait for. One is
// done when its thread waits for it, so that a missing wait shows; what it writes counts as written from the call on.
#pragma once

#include <stddef.h>

extern "C" void cudasim_copy_async(void *to, const void *from, size_t bytes, void *pc);
extern "C" void cudasim_copy_commit(void);
extern "C" void cudasim_copy_wait(size_t prior, void *pc);

inline void
__pipeline_memcpy_async(void *to, const void *from, size_t bytes)
{
    cudasim_copy_async(to, from, bytes, __builtin_return_address(0));
}
inline void
__pipeline_commit(void)
{
    cudasim_copy_commit();
}
inline void
__pipeline_wait_prior(size_t prior)
{
    cudasim_copy_wait(prior, __builtin_return_address(0));
}
