#include "common/process_stats.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

Test(process_stats, they_are_those_of_this_process)
{
    kt_process_stats_t stats;
    struct timespec    now;
    kt_process_stats(&stats);
    clock_gettime(CLOCK_REALTIME, &now);
    cr_assert_gt(stats.resident_bytes, 100 << 10);
    cr_assert_geq(stats.cpu_s, 0);
    cr_assert_gt(stats.started_s, (double)now.tv_sec - 600);
    cr_assert_lt(stats.started_s, (double)now.tv_sec + 2);
    cr_assert_gt(stats.max_fds, stats.open_fds);
}

Test(process_stats, an_open_descriptor_counts)
{
    kt_process_stats_t before, after;
    kt_process_stats(&before);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    kt_process_stats(&after);
    close(fd);
    cr_assert_eq(after.open_fds, before.open_fds + 1);
}

Test(process_stats, memory_that_is_touched_is_resident)
{
    enum { BYTES = 32 << 20 };
    uint64_t       before = kt_process_resident_bytes();
    volatile char *memory = malloc(BYTES);
    cr_assert(memory);
    for (size_t i = 0; i < BYTES; i += 4096)
        memory[i] = 1;
    cr_assert_geq(kt_process_resident_bytes(), before + BYTES / 2);
    free((void *)memory);
}
