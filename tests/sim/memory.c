// The heap under the scheduler: linked with --wrap, so that an allocation of its fails where a seed wants it to.
#include "tests/sim/sim.h"

void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static uint32_t fails_in;

void
sim_memory_fails(uint32_t nth)
{
    fails_in = nth;
}

static bool
fails(void)
{
    return fails_in && --fails_in == 0;
}

void *
__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}
