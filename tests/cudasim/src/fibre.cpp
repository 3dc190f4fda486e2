// Stacks and the switch between them: a dozen instructions on x86-64, ucontext elsewhere.
#include "internal.h"

#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#include <ucontext.h>

namespace cudasim
{

Run   run;
Block block;

static void *scheduler_sp;

bool
on_fibre(uintptr_t address)
{
    return address - run.stacks < (size_t)MAX_THREADS * STACK_BYTES;
}

// One mapping; the lowest page of each stack is a guard.
void
fibres_init(void)
{
    size_t bytes = (size_t)MAX_THREADS * STACK_BYTES;
    void  *map   = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        perror("cudasim: no memory for the threads' stacks");
        abort();
    }
    run.stacks = (uintptr_t)map;
    for (unsigned i = 0; i < MAX_THREADS; i++)
        mprotect((char *)map + i * STACK_BYTES, 4096, PROT_NONE);
}

#if defined(__x86_64__) && !defined(CUDASIM_UCONTEXT)

extern "C" void cudasim_switch(void **save, void *load);
asm(R"(
    .text
    .p2align 4
    .globl cudasim_switch
    .hidden cudasim_switch
    .type cudasim_switch, @function
cudasim_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size cudasim_switch, .-cudasim_switch
)");

void
fibre_prepare(unsigned index, void (*entry)(void))
{
    void **top = (void **)(run.stacks + (size_t)(index + 1) * STACK_BYTES);
    *--top     = nullptr;  // where entry would return to; it never does
    *--top     = (void *)entry;
    for (int i = 0; i < 6; i++)
        *--top = nullptr;
    block.lanes[index].sp = top;
}

void
fibre_resume(unsigned index)
{
    run.lane  = &block.lanes[index];
    run.index = index;
    cudasim_switch(&scheduler_sp, run.lane->sp);
    run.lane = nullptr;
}

void
fibre_leave(void)
{
    cudasim_switch(&run.lane->sp, scheduler_sp);
}

#else

static ucontext_t contexts[MAX_THREADS], scheduler_context;

void
fibre_prepare(unsigned index, void (*entry)(void))
{
    ucontext_t *context = &contexts[index];
    getcontext(context);
    context->uc_stack.ss_sp   = (void *)(run.stacks + (size_t)index * STACK_BYTES + 4096);
    context->uc_stack.ss_size = STACK_BYTES - 4096;
    context->uc_link          = nullptr;
    makecontext(context, entry, 0);
}

void
fibre_resume(unsigned index)
{
    run.lane  = &block.lanes[index];
    run.index = index;
    swapcontext(&scheduler_context, &contexts[index]);
    run.lane = nullptr;
}

void
fibre_leave(void)
{
    (void)scheduler_sp;
    swapcontext(&contexts[run.index], &scheduler_context);
}

#endif

void
abandon(int error)
{
    block.abandoned = true;
    block.error     = error;
    fibre_leave();
    abort();  // an abandoned fibre is never resumed
}

}  // namespace cudasim
