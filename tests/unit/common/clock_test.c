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

static void
expect_time(const char *text, int64_t wall_ms)
{
    int64_t out = 77;
    cr_assert(kt_clock_from_rfc3339(text, &out), "%s", text);
    cr_assert_eq(out, wall_ms, "%s: %lld", text, (long long)out);
}

Test(clock, times_are_read_as_they_are_written)
{
    expect_time("1970-01-01T00:00:00.000Z", 0);
    expect_time("2024-01-01T12:00:12.345Z", 1704110412345);
    expect_time("2024-01-01T12:00:12.3456789Z", 1704110412345);
    expect_time("2024-01-01T12:00:12Z", 1704110412000);
    expect_time("2024-01-01t13:30:12.3+01:30", 1704110412300);
    expect_time("0000-01-01T00:00:00.000Z", -62167219200000);
    expect_time("9999-12-31T23:59:59.999Z", 253402300799999);
}

Test(clock, what_is_no_time_is_refused)
{
    static const char *const BAD[] = {"",
                                      "now",
                                      "2024-01-01",
                                      "2024-01-01T12:00:12",
                                      "2024-00-01T12:00:12Z",
                                      "2024-13-01T12:00:12Z",
                                      "2024-04-31T12:00:12Z",
                                      "2024-01-01T24:00:12Z",
                                      "2024-01-01T12:60:12Z",
                                      "2024-01-01T12:00:61Z",
                                      "2024-01-01T12:00:12+1:00",
                                      "2024-01-01T12:00:12+25:00",
                                      "2024-01-01T12:00:12Zx",
                                      "-024-01-01T12:00:12Z",
                                      NULL};
    for (size_t i = 0; BAD[i]; i++) {
        int64_t out = 77;
        cr_assert_not(kt_clock_from_rfc3339(BAD[i], &out), "%s", BAD[i]);
        cr_assert_eq(out, 77);
    }
}
