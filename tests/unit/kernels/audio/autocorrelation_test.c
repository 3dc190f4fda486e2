#include "kernels/audio/autocorrelation.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>

enum { N = 500, LAGS = 90 };

static void
fill(float *row, unsigned seed)
{
    uint32_t state = seed;
    for (size_t i = 0; i < N; i++) {
        state  = state * 1664525u + 1013904223u;
        row[i] = (float)(state >> 8) / (1 << 24);
    }
}

// The definition, term by term.
static double
plain(const float *row, size_t begin, size_t window, size_t lag)
{
    double mean = 0, sum = 0, left = (double)(window - lag) / (double)window;
    for (size_t i = 0; i < window; i++)
        mean += row[begin + i] / (double)window;
    for (size_t i = 0; i + lag < window; i++)
        sum += (row[begin + i] - mean) * (row[begin + i + lag] - mean);
    return sum / fmax(0.25, left);
}

Test(autocorrelation, equals_the_sum_of_products)
{
    float        rows[3][N], out[LAGS];
    const float *at[3] = {rows[0], rows[1], rows[2]};
    for (unsigned r = 0; r < 3; r++)
        fill(rows[r], r + 1);
    cr_assert_eq(kt_autocorrelate(at, 3, N, 100, LAGS, out), KT_OK);
    for (size_t lag = 0; lag < LAGS; lag++) {
        double want = 0;
        for (int r = 0; r < 3; r++)
            for (size_t begin = 0; begin + 100 <= N; begin += 50)
                want += plain(rows[r], begin, 100, lag);
        cr_assert_float_eq(out[lag], want, 1e-2, "lag %zu: %g, not %g", lag, out[lag], want);
    }
}

Test(autocorrelation, rows_shorter_than_the_window_are_one_window)
{
    float row[N], out[LAGS];
    fill(row, 7);
    cr_assert_eq(kt_autocorrelate(&(const float *){row}, 1, 60, 1000, LAGS, out), KT_OK);
    for (size_t lag = 0; lag < 60; lag++)
        cr_assert_float_eq(out[lag], plain(row, 0, 60, lag), 1e-3);
    for (size_t lag = 60; lag < LAGS; lag++)
        cr_assert_eq(out[lag], 0);
}

Test(autocorrelation, a_periodic_row_keeps_its_height)
{
    float row[N], out[LAGS];
    for (size_t i = 0; i < N; i++)
        row[i] = i % 10 == 0;
    cr_assert_eq(kt_autocorrelate(&(const float *){row}, 1, N, 100, LAGS, out), KT_OK);
    cr_assert_float_eq(out[70] / out[0], 1, 0.02);
    cr_assert_lt(out[75], 0);
}

Test(autocorrelation, nothing_gives_zeros)
{
    float out[LAGS], row[1] = {3};
    cr_assert_eq(kt_autocorrelate(NULL, 0, 0, 100, LAGS, out), KT_OK);
    cr_assert_eq(out[0], 0);
    cr_assert_eq(kt_autocorrelate(&(const float *){row}, 1, 1, 100, LAGS, out), KT_OK);
    cr_assert_eq(out[0], 0);
}
