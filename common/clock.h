// kt_clock -- the two clocks. Deadlines and durations use the monotonic one; the wall clock only dates rows and lines.
// Any thread, no state, no failure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t kt_clock_ms(void);       // monotonic, milliseconds
int64_t kt_clock_us(void);       // monotonic, microseconds
int64_t kt_clock_wall_ms(void);  // Unix time, milliseconds

// For tests that move time themselves (tests/sim): both clocks read *clock, which is borrowed; NULL: the real ones.
// Before the first thread starts.
typedef struct kt_clock_test {
    int64_t ms, wall_ms;
} kt_clock_test_t;
void kt_clock_test(const kt_clock_test_t *clock);

enum { KT_RFC3339_BYTES = 32 };
// "2024-01-01T12:00:12.345Z" into out[KT_RFC3339_BYTES]; returns out.
const char *kt_clock_rfc3339(int64_t wall_ms, char *out);
// Such a time, or one with fewer or more digits of a second, or with an offset ("+01:00") instead of Z. False: it is no
// time; out is unchanged.
bool kt_clock_from_rfc3339(const char *text, int64_t *wall_ms);
