#include "kernels/image/mscn.h"
#include "tests/unit/kernels/isa_named.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { WIDTH = 83, HEIGHT = 20 };

static const char *const NAMES[] = {"base", "avx2", "avx512"};

static void
paint(float *x, size_t stride, size_t width)
{
    uint32_t state = 5;
    for (size_t y = 0; y < HEIGHT; y++)
        for (size_t i = 0; i < stride; i++) {
            state             = state * 1664525U + 1013904223U;
            x[y * stride + i] = i >= width ? 1e6F : i < width / 3 ? 77 : (float)(state >> 24);
        }
}

static bool
close_to(double is, double should, double scale)
{
    return fabs(is - should) <= 1e-4 * scale;
}

Test(mscn, every_instruction_set_gives_the_sums_of_the_reference)
{
    static float x[HEIGHT * 96], scratch[4 * (WIDTH + 2 * KT_MSCN_PAD)];
    for (size_t n = 0; n < sizeof NAMES / sizeof *NAMES; n++)
        for (size_t width = 2; width <= WIDTH; width++) {
            const size_t   stride = kt_mscn_stride(width);
            kt_mscn_sums_t should[KT_MSCN_MAPS], is[KT_MSCN_MAPS];
            cr_assert_leq(stride, 96);
            cr_assert_leq(kt_mscn_scratch(width), sizeof scratch / sizeof *scratch);
            paint(x, stride, width);
            kt_mscn_ops_ref.sums(x, stride, width, HEIGHT, scratch, should);
            isa_named(NAMES[n])->mscn->sums(x, stride, width, HEIGHT, scratch, is);
            for (size_t m = 0; m < KT_MSCN_MAPS; m++) {
                const double scale = should[m].magnitudes + should[m].squares[0] + should[m].squares[1];
                cr_expect(is[m].count == should[m].count && is[m].below == should[m].below &&
                              close_to(is[m].magnitudes, should[m].magnitudes, scale) &&
                              close_to(is[m].squares[0], should[m].squares[0], scale) &&
                              close_to(is[m].squares[1], should[m].squares[1], scale),
                          "%s, width %zu, map %zu: below %g not %g, magnitudes %g not %g", NAMES[n], width, m,
                          is[m].below, should[m].below, is[m].magnitudes, should[m].magnitudes);
            }
        }
}

Test(mscn, every_instruction_set_halves_as_the_reference)
{
    static float x[HEIGHT * 96], scratch[96], should[48], is[48];
    paint(x, 96, WIDTH);
    const float *const rows[] = {x, x + 96, x + 2 * 96, x + 3 * 96};
    for (size_t n = 0; n < sizeof NAMES / sizeof *NAMES; n++)
        for (size_t width = 2; width <= WIDTH; width++) {
            kt_mscn_ops_ref.halve(rows, width, scratch, should);
            isa_named(NAMES[n])->mscn->halve(rows, width, scratch, is);
            for (size_t i = 0; i < kt_mscn_half(width); i++)
                cr_expect(fabsf(is[i] - should[i]) < 1e-3F, "width %zu, %zu: %g not %g", width, i, (double)is[i],
                          (double)should[i]);
        }
}

Test(mscn, half_a_side_is_rounded_as_OpenCV_rounds_it)
{
    static const size_t HALVES[] = {1, 2, 2, 2, 3, 4, 4, 4, 5, 6};  // of 2, 3, ...
    for (size_t i = 0; i < sizeof HALVES / sizeof *HALVES; i++)
        cr_expect_eq(kt_mscn_half(i + 2), HALVES[i]);
}
