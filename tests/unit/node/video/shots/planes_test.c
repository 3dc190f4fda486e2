// The loops in AVX2 against the plain sums that node/video/shots/picture.c makes without it.
#include "node/video/shots/planes_avx2.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { WIDEST = 120, HEIGHT = 3, BEHIND = 64, UNTOUCHED = 0xabcd };

static uint32_t
next_number(uint32_t *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}

static uint16_t
mean_of(const uint8_t *plane, size_t stride, uint32_t factor, uint32_t scale)
{
    uint32_t sum = 0;
    for (uint32_t y = 0; y < factor; y++)
        for (uint32_t x = 0; x < factor; x++)
            sum += plane[y * stride + x];
    return (uint16_t)((sum * scale + 32768) >> 16);
}

// A plane of exactly its bytes, so that reading behind them is found by the sanitizers.
static void
reduce_and_compare(uint32_t factor, uint32_t width, int content)
{
    const size_t   stride = (size_t)width * factor, bytes = stride * HEIGHT * factor;
    const uint32_t n = factor * factor, scale = (16 * 65536u + n / 2) / n;
    uint8_t       *plane = malloc(bytes);
    uint16_t       out[WIDEST * HEIGHT + BEHIND];
    uint32_t       state = width + factor;
    cr_assert_not_null(plane);
    for (size_t i = 0; i < bytes; i++)
        plane[i] = content < 0 ? (uint8_t)next_number(&state) : (uint8_t)content;
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        out[i] = UNTOUCHED;
    cr_assert(kt_shot_reduce_avx2(plane, stride, factor, scale, width, HEIGHT, out));
    for (uint32_t y = 0; y < HEIGHT; y++)
        for (uint32_t x = 0; x < width; x++)
            cr_assert_eq(out[y * width + x], mean_of(plane + y * factor * stride + x * factor, stride, factor, scale),
                         "factor %u, width %u, pixel %u, %u", factor, width, x, y);
    for (size_t i = (size_t)width * HEIGHT; i < sizeof out / sizeof *out; i++)
        cr_assert_eq(out[i], UNTOUCHED);
    free(plane);
}

Test(shot_planes, means_are_those_of_plain_sums)
{
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2"))
        return;
    for (uint32_t factor = 2; factor <= 4; factor++)
        for (uint32_t width = 8; width <= WIDEST; width++) {
            reduce_and_compare(factor, width, -1);
            reduce_and_compare(factor, width, 255);
        }
#endif
}

Test(shot_planes, other_factors_and_narrow_pictures_are_left_to_plain_code)
{
    uint8_t  plane[4096] = {0};
    uint16_t out[64]     = {0};
    cr_assert_not(kt_shot_reduce_avx2(plane, 64, 1, 16 * 65536, 32, 2, out));
    cr_assert_not(kt_shot_reduce_avx2(plane, 64, 5, 41943, 12, 2, out));
    cr_assert_not(kt_shot_reduce_avx2(plane, 64, 2, 262144, 7, 2, out));
    cr_assert_not(kt_shot_reduce_avx2(plane, 512, 4, 65536, KT_SHOT_COLUMNS / 4 + 1, 1, out));
    cr_assert_not(kt_shot_normalise_avx2((const int16_t *)out, 15, 192, 128, plane));
    cr_assert_not(kt_shot_normalise_avx2((const int16_t *)out, 16, 256, 128, plane));
}

Test(shot_planes, structure_is_normalised_as_by_plain_products)
{
#if defined(__x86_64__)
    enum { LEAST = -4080, MOST = 4080, COUNT = MOST - LEAST + 1 };
    if (!__builtin_cpu_supports("avx2"))
        return;
    int16_t *in  = malloc(COUNT * sizeof *in);
    uint8_t *out = malloc(COUNT);
    cr_assert(in && out);
    for (int i = 0; i < COUNT; i++)
        in[i] = (int16_t)(LEAST + i);
    for (int factor = 1; factor <= 192; factor++) {
        cr_assert(kt_shot_normalise_avx2(in, COUNT, factor, 128, out));
        for (int i = 0; i < COUNT; i++) {
            const int value = 128 + ((in[i] * factor + 128) >> 8);
            cr_assert_eq(out[i], value < 0 ? 0 : value > 255 ? 255 : value, "%d times %d", in[i], factor);
        }
    }
    free(in);
    free(out);
#endif
}
