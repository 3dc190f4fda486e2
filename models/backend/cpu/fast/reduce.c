// Reductions and normalisations of rows. Sums are taken in short runs, so that their error does not grow with the
// length: of 32 rows, or of one value per lane.
#include "models/backend/cpu/fast/fast_kernels.h"

enum { COLUMNS = 256, RUN = 32 };

static float
row_max(const float *x, size_t n)
{
    float  out = x[0];
    size_t i   = 0;
    if (n >= KT_LANES) {
        vf_t best = vf_load(x);
        for (i = KT_LANES; i + KT_LANES <= n; i += KT_LANES)
            best = vf_max(best, vf_load(x + i));
        for (int lane = 0; lane < KT_LANES; lane++)
            out = f_max(out, best[lane]);
    }
    for (; i < n; i++)
        out = f_max(out, x[i]);
    return out;
}

// Sum of (x - middle)^power, power 1 or 2.
KT_INLINE float
row_power_sum(const float *x, size_t n, float middle, const int power)
{
    vf_t   total = {0};
    float  rest  = 0;
    size_t i     = 0;
    for (; i + KT_LANES <= n; i += KT_LANES) {
        const vf_t v = vf_load(x + i) - vf_all(middle);
        total += power == 2 ? v * v : v;
    }
    for (; i < n; i++)
        rest += power == 2 ? (x[i] - middle) * (x[i] - middle) : x[i] - middle;
    return vf_sum(total) + rest;
}

static float
row_sum(const float *x, size_t n)
{
    return row_power_sum(x, n, 0, 1);
}

static float
row_squares(const float *x, size_t n, float middle)
{
    return row_power_sum(x, n, middle, 2);
}

void
KT_NAME(kt_fast_reduce_max)(float *y, const float *x, size_t outer, size_t count, size_t inner)
{
    for (size_t o = 0; o < outer; o++, x += count * inner, y += inner) {
        if (inner == 1) {
            y[0] = row_max(x, count);
            continue;
        }
        memcpy(y, x, inner * sizeof *y);
        for (size_t k = 1; k < count; k++) {
#pragma GCC ivdep
            for (size_t i = 0; i < inner; i++)
                y[i] = f_max(x[k * inner + i], y[i]);
        }
    }
}

static void
columns_sum(float *y, const float *x, size_t count, size_t inner, size_t n, float factor)
{
    float total[COLUMNS] = {0};
    for (size_t k = 0; k < count; k += RUN) {
        float        run[COLUMNS] = {0};
        const size_t end          = k + RUN < count ? k + RUN : count;
        for (size_t row = k; row < end; row++)
            for (size_t i = 0; i < n; i++)
                run[i] += x[row * inner + i];
        for (size_t i = 0; i < n; i++)
            total[i] += run[i];
    }
    for (size_t i = 0; i < n; i++)
        y[i] = total[i] * factor;
}

void
KT_NAME(kt_fast_reduce_sum)(float *y, const float *x, size_t outer, size_t count, size_t inner, float factor)
{
    for (size_t o = 0; o < outer; o++, x += count * inner, y += inner) {
        if (inner == 1) {
            y[0] = row_sum(x, count) * factor;
            continue;
        }
        for (size_t i = 0; i < inner; i += COLUMNS)
            columns_sum(y + i, x + i, count, inner, inner - i < COLUMNS ? inner - i : COLUMNS, factor);
    }
}

void
KT_NAME(kt_fast_softmax)(float *y, const float *x, size_t rows, size_t n)
{
    for (size_t row = 0; row < rows; row++, x += n, y += n) {
        const float top = row_max(x, n);
#pragma GCC ivdep
        for (size_t i = 0; i < n; i++)
            y[i] = f_exp(x[i] - top);
        const float sum = row_sum(y, n);
        for (size_t i = 0; i < n; i++)
            y[i] /= sum;
    }
}

void
KT_NAME(kt_fast_l2_normalise)(float *y, const float *x, size_t rows, size_t n, float epsilon)
{
    for (size_t row = 0; row < rows; row++, x += n, y += n) {
        const float norm = f_max(sqrtf(row_squares(x, n, 0)), epsilon);
#pragma GCC ivdep
        for (size_t i = 0; i < n; i++)
            y[i] = x[i] / norm;
    }
}

void
KT_NAME(kt_fast_layer_norm)(float *y, const float *x, size_t rows, size_t n, const float *scale, const float *shift,
                            float epsilon)
{
    for (size_t row = 0; row < rows; row++, x += n, y += n) {
        const float mean   = row_sum(x, n) / (float)n;
        const float factor = 1 / sqrtf(row_squares(x, n, mean) / (float)n + epsilon);
#pragma GCC ivdep
        for (size_t i = 0; i < n; i++)
            y[i] = (x[i] - mean) * factor;
        if (!scale)
            continue;
        for (size_t i = 0; i < n; i++)
            y[i] = y[i] * scale[i] + shift[i];
    }
}

void
KT_NAME(kt_fast_range)(const float *x, size_t n, float *low, float *high)
{
    vf_t   greatest = {0}, least = {0};  // least: the greatest of the negated values
    size_t i = 0;
    for (; i + KT_LANES <= n; i += KT_LANES) {
        const vf_t v = vf_load(x + i);
        greatest     = vf_max(v, greatest);
        least        = vf_max(-v, least);
    }
    float top = 0, bottom = 0;
    for (int lane = 0; lane < KT_LANES; lane++) {
        top    = f_max(top, greatest[lane]);
        bottom = f_max(bottom, least[lane]);
    }
    for (; i < n; i++) {
        top    = f_max(top, x[i]);
        bottom = f_max(bottom, -x[i]);
    }
    *low  = -bottom;
    *high = top;
}

void
KT_NAME(kt_fast_quantise)(uint8_t *y, const float *x, size_t n, float scale, int zero)
{
    const float factor = 1 / scale, offset = (float)zero + 0.5F;
    for (size_t i = 0; i < n; i++)
        y[i] = (uint8_t)(int32_t)f_clip(x[i] * factor + offset, 0, 255);
}
