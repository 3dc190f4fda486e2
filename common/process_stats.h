// kt_process_stats -- statistics of this process from the kernel (/proc/self, getrusage). Any thread; a value that
// cannot be read is 0.
#pragma once

#include <stdint.h>

typedef struct kt_process_stats {
    double   cpu_s, started_s;  // user and system; Unix time
    uint64_t resident_bytes;
    uint64_t open_fds, max_fds;
} kt_process_stats_t;

void     kt_process_stats(kt_process_stats_t *out);
uint64_t kt_process_resident_bytes(void);  // that one alone, which is cheaper
