#include "node/decoder/hooks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GULP_BYTES = 1 << 20 };

static void
swell(kt_channel_t *channel)
{
    volatile char *gulp;
    // mmap instead of malloc: a sanitizer's malloc has its address space already.
    while ((gulp = mmap(NULL, GULP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED)
        *gulp = 1;
    kt_channel_fault(channel, KT_EDECMEM, "an allocation was refused");
}

void
kt_hooks_fault(kt_channel_t *channel, uint64_t size_bytes)
{
    const char *fault = getenv("KITHARA_DECODE_FAULT");
    if (!fault)
        return;
    size_t      n     = strcspn(fault, ":");
    const char *bytes = fault[n] ? fault + n + 1 : NULL;
    if (bytes && strtoull(bytes, NULL, 10) != size_bytes)
        return;
    if (n == 4 && !memcmp(fault, "hang", n))
        kt_channel_hang(channel);
    if (n == 5 && !memcmp(fault, "crash", n))
        __builtin_trap();
    if (n == 5 && !memcmp(fault, "swell", n))
        swell(channel);
    if (n == 9 && !memcmp(fault, "forbidden", n))
        (void)execl("/bin/true", "true", (char *)NULL);
    for (volatile unsigned turns = 0; n == 4 && !memcmp(fault, "spin", n);)
        turns++;
}
