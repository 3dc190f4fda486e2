// The heap under the world: linked with --wrap. Each block has an owner, so that a process that is killed takes its
// heap with it, a process that ended in order must have freed all, and an allocation fails where a seed chooses it
// to.
#include "tests/sim/sim.h"

#include <string.h>

enum { OWNERS = SIM_HEAP_SIDE + SIM_SIDES };
#define MAGIC UINT64_C(0x51b10c4d5eedba5e)

typedef struct block block_t;
struct block {
    block_t *next, *previous;
    uint64_t owner;
    uint64_t mark;  // MAGIC and the block's address: not a block of libc's own
};

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *memory, size_t size);
void  __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
void  __wrap_free(void *memory);

static block_t  heaps[OWNERS];  // of lists
static size_t   blocks[OWNERS];
static int      owner;
static uint32_t fails_in;

int
sim_heap_of(int next)
{
    int before = owner;
    owner      = next;
    return before;
}

size_t
sim_heap_blocks(int of)
{
    return blocks[of];
}

void
sim_memory_fails(uint32_t nth)
{
    fails_in = nth;
}

static void *
block_add(block_t *block, uint64_t of)
{
    block->owner    = of;
    block->mark     = MAGIC ^ (uintptr_t)block;
    block->previous = &heaps[of];
    block->next     = heaps[of].next;
    if (block->next)
        block->next->previous = block;
    heaps[of].next = block;
    blocks[of]++;
    return block + 1;
}

static void
block_remove(block_t *block)
{
    block->previous->next = block->next;
    if (block->next)
        block->next->previous = block->previous;
    blocks[block->owner]--;
    block->mark = 0;
}

// NULL: libc allocated it itself.
__attribute__((no_sanitize("address"))) static block_t *
block_of(void *memory)
{
    block_t *block = (block_t *)memory - 1;
    return block->mark == (MAGIC ^ (uintptr_t)block) ? block : NULL;
}

void
sim_heap_free(int of)
{
    while (heaps[of].next) {
        block_t *block = heaps[of].next;
        block_remove(block);
        __real_free(block);
    }
}

static bool
allocation_fails(void)
{
    return owner >= SIM_HEAP_SIDE && fails_in && --fails_in == 0;
}

void *
__wrap_malloc(size_t size)
{
    bool     fails = allocation_fails();
    block_t *block = fails || size > SIZE_MAX - sizeof *block ? NULL : __real_malloc(sizeof *block + size);
    return block ? block_add(block, (uint64_t)owner) : NULL;
}

// By the real one, because the ledger takes large arrays of which it needs little, and fresh pages are zero.
void *
__wrap_calloc(size_t n, size_t size)
{
    bool     fails = allocation_fails() || (size && n > (SIZE_MAX - sizeof(block_t)) / size);
    block_t *block = fails ? NULL : __real_calloc(1, sizeof *block + n * size);
    return block ? block_add(block, (uint64_t)owner) : NULL;
}

void *
__wrap_realloc(void *memory, size_t size)
{
    block_t *block = memory ? block_of(memory) : NULL;
    if (!memory)
        return __wrap_malloc(size);
    if (!block)
        return __real_realloc(memory, size);
    uint64_t of = block->owner;
    if (allocation_fails())
        return NULL;
    block_remove(block);
    block_t *moved = __real_realloc(block, sizeof *block + size);
    if (moved)
        return block_add(moved, of);
    block_add(block, of);
    return NULL;
}

char *
__wrap_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char  *copy  = __wrap_malloc(bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

void
__wrap_free(void *memory)
{
    block_t *block = memory ? block_of(memory) : NULL;
    if (block)
        block_remove(block);
    __real_free(block ? (void *)block : memory);
}
