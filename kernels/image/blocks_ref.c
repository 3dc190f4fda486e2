#include "kernels/image/blocks.h"

#include <stdlib.h>

static uint32_t
difference_of(const uint8_t *a, size_t a_stride, const uint8_t *b, size_t b_stride, size_t side)
{
    uint32_t sum = 0;
    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side; x++)
            sum += (uint32_t)abs(a[y * a_stride + x] - b[y * b_stride + x]);
    return sum;
}

static uint32_t
difference(const uint8_t *a, size_t a_stride, const uint8_t *b, size_t b_stride)
{
    return difference_of(a, a_stride, b, b_stride, KT_BLOCK);
}

static uint32_t
difference_8(const uint8_t *a, size_t a_stride, const uint8_t *b, size_t b_stride)
{
    return difference_of(a, a_stride, b, b_stride, 8);
}

// Of the sum of both pictures, hence twice that of their mean: (8 a - b) / 24 grey levels, in steps of a sixth.
static int32_t
derivative(const uint8_t *now, ptrdiff_t now_step, const uint8_t *before, ptrdiff_t before_step)
{
    const int32_t a = now[now_step] - now[-now_step] + before[before_step] - before[-before_step];
    const int32_t b = now[2 * now_step] - now[-2 * now_step] + before[2 * before_step] - before[-2 * before_step];
    return (8 * a - b + 2) >> 2;
}

static void
sums(const uint8_t *now, size_t now_stride, const uint8_t *before, size_t before_stride, kt_block_sums_t *out)
{
    *out = (kt_block_sums_t){0};
    for (size_t row = 0; row < KT_BLOCK; row++)
        for (size_t column = 0; column < KT_BLOCK; column++) {
            const uint8_t *n = now + row * now_stride + column, *b = before + row * before_stride + column;
            const int32_t  x = derivative(n, 1, b, 1), t = *n - *b;
            const int32_t  y = derivative(n, (ptrdiff_t)now_stride, b, (ptrdiff_t)before_stride);
            out->xx += x * x;
            out->xy += x * y;
            out->yy += y * y;
            out->xt += x * t;
            out->yt += y * t;
            out->tt += t * t;
            out->x += x;
            out->y += y;
            out->t += t;
        }
}

static void
quarter(const uint8_t *in, size_t stride, uint32_t width, uint32_t height, uint8_t *out)
{
    for (size_t row = 0; row < height / 4; row++)
        for (size_t column = 0; column < width / 4; column++) {
            uint32_t sum = 8;
            for (size_t y = 0; y < 4; y++)
                for (size_t x = 0; x < 4; x++)
                    sum += in[(4 * row + y) * stride + 4 * column + x];
            *out++ = (uint8_t)(sum / 16);
        }
}

static size_t
above(const uint8_t *row, size_t n, uint8_t limit)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += row[i] > limit;
    return count;
}

static void
brighten(uint8_t *row, size_t n, int amount)
{
    for (size_t i = 0; i < n; i++) {
        const int value = row[i] + amount;
        row[i]          = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

const kt_block_ops_t kt_block_ops_ref = {difference, difference_8, sums, quarter, above, brighten};
