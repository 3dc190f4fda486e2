#include "common/clock.h"

#include <stdio.h>
#include <time.h>

// The years 0 to 9999: RFC 3339 has four digits.
static const int64_t FIRST_MS = -62167219200000, LAST_MS = 253402300799999;

static const kt_clock_test_t *test_clock;

static int64_t
read_us(clockid_t clock)
{
    struct timespec now = {0};
    if (test_clock)
        return 1000 * (clock == CLOCK_MONOTONIC ? test_clock->ms : test_clock->wall_ms);
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
kt_clock_ms(void)
{
    return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t
kt_clock_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t
kt_clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

void
kt_clock_test(const kt_clock_test_t *clock)
{
    test_clock = clock;
}

const char *
kt_clock_rfc3339(int64_t wall_ms, char *out)
{
    if (wall_ms < FIRST_MS)
        wall_ms = FIRST_MS;
    if (wall_ms > LAST_MS)
        wall_ms = LAST_MS;
    int64_t ms = wall_ms % 1000;
    if (ms < 0)
        ms += 1000;
    time_t    seconds = (time_t)((wall_ms - ms) / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    // The unsigned remainders change no value; with them the compiler can prove that the text fits.
    snprintf(out, KT_RFC3339_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)(tm.tm_year + 1900) % 10000,
             (unsigned)(tm.tm_mon + 1) % 100, (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100,
             (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100, (unsigned)ms % 1000);
    return out;
}
