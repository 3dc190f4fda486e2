#include "common/clock.h"

#include <stdio.h>
#include <string.h>
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

// n digits of *at as a number; false if they are no digits.
static bool
read_digits(const char **at, int n, int *out)
{
    *out = 0;
    for (; n; n--, ++*at) {
        if (**at < '0' || **at > '9')
            return false;
        *out = 10 * *out + (**at - '0');
    }
    return true;
}

static bool
read_separator(const char **at, const char *any)
{
    bool fits = **at && strchr(any, **at);
    *at += fits;
    return fits;
}

// "Z", "+01:00": milliseconds east of UTC.
static bool
read_offset(const char **at, int64_t *out)
{
    int        hours = 0, minutes = 0;
    const char sign = **at;
    if (!read_separator(at, "Zz+-"))
        return false;
    *out = 0;
    if (sign == 'Z' || sign == 'z')
        return true;
    if (!read_digits(at, 2, &hours) || !read_separator(at, ":") || !read_digits(at, 2, &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *out = (hours * 60 + minutes) * INT64_C(60000) * (sign == '-' ? -1 : 1);
    return true;
}

bool
kt_clock_from_rfc3339(const char *text, int64_t *wall_ms)
{
    struct tm tm = {0}, made;
    int64_t   ms = 0, offset_ms = 0;
    if (!read_digits(&text, 4, &tm.tm_year) || !read_separator(&text, "-") || !read_digits(&text, 2, &tm.tm_mon) ||
        !read_separator(&text, "-") || !read_digits(&text, 2, &tm.tm_mday) || !read_separator(&text, "Tt ") ||
        !read_digits(&text, 2, &tm.tm_hour) || !read_separator(&text, ":") || !read_digits(&text, 2, &tm.tm_min) ||
        !read_separator(&text, ":") || !read_digits(&text, 2, &tm.tm_sec))
        return false;
    if (read_separator(&text, "."))
        for (int scale = 100; *text >= '0' && *text <= '9'; text++, scale /= 10)
            ms += scale * (*text - '0');
    if (!read_offset(&text, &offset_ms) || *text || tm.tm_mon < 1 || tm.tm_sec > 60)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    made           = tm;
    time_t seconds = timegm(&made);
    if (made.tm_mon != tm.tm_mon || made.tm_mday != tm.tm_mday || tm.tm_hour > 23 || tm.tm_min > 59)
        return false;  // the 31st of April
    *wall_ms = (int64_t)seconds * 1000 + ms - offset_ms;
    return true;
}
