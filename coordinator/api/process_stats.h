// kt_process_facts -- statistics of this process from the kernel (/proc/self, getrusage). Any thread; what cannot be
// known is 0.
#pragma once

#include <stdint.h>

typedef struct kt_process_facts {
    double   cpu_s, started_s;  // user and system; Unix time
    uint64_t resident_bytes;
    uint64_t open_fds, max_fds;
} kt_process_facts_t;

void kt_process_facts(kt_process_facts_t *out);
