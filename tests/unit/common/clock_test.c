#include "common/clock.h"

#include <criterion/criterion.h>

static void
expect(int64_t wall_ms, const char *text)
{
    char out[KT_RFC3339_BYTES];
    cr_assert_eq(kt_clock_rfc3339(wall_ms, out), out);
    cr_assert_str_eq(out, text);
}

Test(clock, monotonic_time_never_goes_back)
{
    int64_t last = kt_clock_us();
    for (int i = 0; i < 10000; i++) {
        int64_t now = kt_clock_us();
        cr_assert_geq(now, last);
        last = now;
    }
    cr_assert_leq(last / 1000, kt_clock_ms());
}

Test(clock, times_are_written_as_rfc3339)
{
    expect(0, "1970-01-01T00:00:00.000Z");
    expect(1704110412345, "2024-01-01T12:00:12.345Z");
    expect(951782400000, "2000-02-29T00:00:00.000Z");
    expect(-1, "1969-12-31T23:59:59.999Z");
}

Test(clock, times_beyond_four_digits_of_year_are_clamped)
{
    expect(INT64_MAX, "9999-12-31T23:59:59.999Z");
    expect(INT64_MIN, "0000-01-01T00:00:00.000Z");
}
