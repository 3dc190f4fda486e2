#include "node/decoder/hooks.h"

#include <sys/mman.h>
#include <unistd.h>

enum { BLOCK_BYTES = 1 << 20 };

void
kt_hooks_fault(const kt_test_faults_t *faults, kt_channel_t *channel, uint64_t size_bytes)
{
    if (kt_test_faults_hit_size(faults, KT_TEST_FAULT_HANG, size_bytes))
        kt_channel_hang(channel);
    if (kt_test_faults_hit_size(faults, KT_TEST_FAULT_CRASH, size_bytes))
        __builtin_trap();
    if (kt_test_faults_hit_size(faults, KT_TEST_FAULT_GROW, size_bytes)) {
        volatile char *block;
        // mmap instead of malloc: a sanitizer's malloc has its address space already.
        while ((block = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) !=
               MAP_FAILED)
            *block = 1;
        kt_channel_fault(channel, KT_EDECMEM, "an allocation was refused");
    }
    if (kt_test_faults_hit_size(faults, KT_TEST_FAULT_FORBIDDEN, size_bytes))
        (void)execl("/bin/true", "true", (char *)NULL);
    bool spin = kt_test_faults_hit_size(faults, KT_TEST_FAULT_SPIN, size_bytes);
    for (volatile unsigned turns = 0; spin;)  // NOLINT(bugprone-infinite-loop): it is the fault
        turns++;
}
