#include "common/process_stats.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

uint64_t
kt_process_resident_bytes(void)
{
    unsigned long pages = 0;
    FILE         *file  = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*s %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t
open_fds(void)
{
    uint64_t n   = 0;
    DIR     *dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    for (const struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n ? n - 1 : 0;  // not the one of this listing
}

// Field 22 of /proc/self/stat is the start in clock ticks since boot; the name in field 2 may hold anything.
static double
process_started_s(void)
{
    char               text[1024];
    unsigned long long ticks = 0;
    struct timespec    boot, wall;
    FILE              *file = fopen("/proc/self/stat", "re");
    if (!file)
        return 0;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length]      = '\0';
    const char *after = strrchr(text, ')');
    if (!after || sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                         &ticks) != 1)
        return 0;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_REALTIME, &wall);
    double booted_s = (double)(wall.tv_sec - boot.tv_sec) + (double)(wall.tv_nsec - boot.tv_nsec) * 1e-9;
    return booted_s + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static double
timeval_seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

void
kt_process_stats(kt_process_stats_t *out)
{
    struct rusage usage = {0};
    struct rlimit files = {0};
    getrusage(RUSAGE_SELF, &usage);
    getrlimit(RLIMIT_NOFILE, &files);
    *out = (kt_process_stats_t){
        .cpu_s          = timeval_seconds(usage.ru_utime) + timeval_seconds(usage.ru_stime),
        .started_s      = process_started_s(),
        .resident_bytes = kt_process_resident_bytes(),
        .open_fds       = open_fds(),
        .max_fds        = files.rlim_cur,
    };
}
