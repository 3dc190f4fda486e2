// Memory protection against the host: device memory is closed while no device work runs, and pinned memory that a copy
// put off still needs is closed for writing (a source) or altogether (a target). Only whole pages of an allocation can
// be closed; a smaller buffer is caught by what it holds (stream.cpp). The fault handler reports, opens, and goes on.
#include "internal.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <sys/mman.h>
#include <ucontext.h>

namespace cudasim
{

constexpr uintptr_t PAGE = 4096;

struct Guard {
    int       id;
    uintptr_t begin, end;   // as requested
    uintptr_t first, last;  // whole pages
    bool      readable;
};
static std::vector<Guard> guards;
static int                next_id;
static bool               left_open;  // the host touched device memory once: reported, and no longer watched
static bool               opened;
static struct sigaction   before[2];
static thread_local char  handler_stack[64 << 10];

static void
apply(const Guard &g, bool open)
{
    int protection = open ? PROT_READ | PROT_WRITE : g.readable ? PROT_READ : PROT_NONE;
    if (g.last > g.first)
        mprotect((void *)g.first, g.last - g.first, protection);
}

static void
protect_device(int protection)
{
    for (size_t i = 0; i < devices.size(); i++)
        if (memory_used((int)i) || protection == PROT_NONE)
            mprotect((void *)(memory.arena + i * SLICE_BYTES), SLICE_BYTES, protection);
}

void
guard_open(void)
{
    opened = true;
    if (!left_open)
        protect_device(PROT_READ | PROT_WRITE);
    for (const auto &g : guards)
        apply(g, true);
}

void
guard_close(void)
{
    opened = false;
    if (!left_open)
        protect_device(PROT_NONE);
    for (const auto &g : guards)
        apply(g, false);
}

int
guard_add(uintptr_t address, size_t bytes, bool readable)
{
    const Allocation *a     = memory_find(address);
    uintptr_t         first = (address + PAGE - 1) & ~(PAGE - 1), last = (address + bytes) & ~(PAGE - 1);
    if (a && address + bytes == a->begin + a->bytes)
        last = (address + bytes + PAGE - 1) & ~(PAGE - 1);
    guards.push_back({++next_id, address, address + bytes, first, std::max(first, last), readable});
    apply(guards.back(), false);
    return next_id;
}

void
guard_remove(int id)
{
    for (size_t i = 0; i < guards.size(); i++)
        if (guards[i].id == id) {
            apply(guards[i], true);
            guards.erase(guards.begin() + (long)i);
            break;
        }
    for (const auto &g : guards)  // another one may be on the same pages
        apply(g, opened);
}

bool
guard_overlaps(uintptr_t address, size_t bytes)
{
    for (const auto &g : guards)
        if (address < g.end && g.begin < address + bytes)
            return true;
    return false;
}

void
guard_reset(void)
{
    for (const auto &g : guards)
        apply(g, true);
    guards.clear();
    left_open = false;
    protect_device(PROT_NONE);
}

static bool
host_fault(uintptr_t address, const void *pc, bool write)
{
    if (memory_is_device(address)) {
        report(CUDASIM_HOST_ACCESS, address, 0, {pc, nullptr, 0}, "the host %s device memory at %#lx",
               write ? "writes" : "reads", (unsigned long)address);
        left_open = true;
        protect_device(PROT_READ | PROT_WRITE);
        return true;
    }
    for (const auto &g : guards)
        if (address >= g.first && address < g.last && (write || !g.readable)) {
            report(g.readable ? CUDASIM_REUSED_BUFFER : CUDASIM_MISSING_SYNC, address, 0, {pc, nullptr, 0},
                   g.readable ? "the host writes a buffer that a copy to the device still reads"
                              : "the host uses the target of a copy that it never waited for");
            guard_remove(g.id);
            return true;
        }
    return false;
}

static void
leave_fibre(void)
{
    abandon(cudaErrorIllegalAddress);
}

// A fault of a kernel that no compiled check saw: its stack is full, or a library function was given a wild pointer.
static bool
device_fault(uintptr_t address, const void *pc, ucontext_t *context)
{
#if defined(__x86_64__)
    uintptr_t sp = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
    if (!run.lane || !on_fibre(sp))
        return false;
    bool overflow = on_fibre(address);
    report(overflow ? CUDASIM_STACK_OVERFLOW : CUDASIM_OUT_OF_BOUNDS, address, 0, {pc, nullptr, 0},
           overflow ? "the thread's local memory is full" : "access of %#lx", (unsigned long)address);
    uintptr_t top                       = run.stacks + (size_t)(run.index + 1) * STACK_BYTES;
    context->uc_mcontext.gregs[REG_RSP] = (greg_t)(top - 8);
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)leave_fibre;
    return true;
#else
    (void)address, (void)pc, (void)context;
    return false;
#endif
}

static void
on_fault(int number, siginfo_t *info, void *user)
{
    ucontext_t *context = (ucontext_t *)user;
    uintptr_t   address = (uintptr_t)info->si_addr;
    const void *pc      = nullptr;
    bool        write   = false;
#if defined(__x86_64__)
    pc    = (const void *)(context->uc_mcontext.gregs[REG_RIP] + 1);
    write = context->uc_mcontext.gregs[REG_ERR] & 2;
#endif
    if (device_fault(address, pc, context) || host_fault(address, pc, write))
        return;
    sigaction(number, &before[number == SIGBUS], nullptr);  // not ours: the access is repeated under the old handler
}

// Each thread that runs kernels needs a stack of its own for the handler, since a fibre's may be full.
void
guard_init(void)
{
    static thread_local bool ready;
    static bool              installed;
    if (!ready) {
        stack_t has = {}, stack = {};
        ready         = true;
        stack.ss_sp   = handler_stack;
        stack.ss_size = sizeof handler_stack;
        if (!sigaltstack(nullptr, &has) && (has.ss_flags & SS_DISABLE))  // a sanitizer's is as good
            sigaltstack(&stack, nullptr);
    }
    if (installed)
        return;
    installed               = true;
    struct sigaction action = {};
    action.sa_sigaction     = on_fault;
    action.sa_flags         = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, &before[0]);
    sigaction(SIGBUS, &action, &before[1]);
}

}  // namespace cudasim
