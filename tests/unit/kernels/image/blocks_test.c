#include "kernels/image/blocks.h"

#include <criterion/criterion.h>
#include <math.h>

enum { SIDE = 48, AT = 16 * SIDE + 16 };

// A pattern of two waves, moved to the right and down by dx, dy.
static void
paint(uint8_t *out, double dx, double dy)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            out[y * SIDE + x] = (uint8_t)lround(128 + 50 * sin(0.5 * (x - dx)) + 50 * sin(0.4 * (y - dy)));
}

Test(blocks, equal_blocks_have_no_difference)
{
    uint8_t a[SIDE * SIDE];
    paint(a, 0, 0);
    cr_expect_eq(kt_block_ops_ref.difference(a + AT, SIDE, a + AT, SIDE), 0);
    cr_expect_eq(kt_block_ops_ref.difference_8(a + AT, SIDE, a + AT, SIDE), 0);
    cr_expect_neq(kt_block_ops_ref.difference(a + AT, SIDE, a + AT + 3, SIDE), 0);
}

Test(blocks, the_sums_give_a_movement_below_one_pixel)
{
    uint8_t         now[SIDE * SIDE], before[SIDE * SIDE];
    kt_block_sums_t s;
    paint(before, 0, 0);
    paint(now, 0.4, -0.3);
    kt_block_ops_ref.sums(now + AT, SIDE, before + AT, SIDE, &s);
    const double det = (double)s.xx * s.yy - (double)s.xy * s.xy;
    const double dx  = -KT_BLOCK_SLOPE * ((double)s.yy * s.xt - (double)s.xy * s.yt) / det;
    const double dy  = -KT_BLOCK_SLOPE * ((double)s.xx * s.yt - (double)s.xy * s.xt) / det;
    cr_expect_float_eq(dx, 0.4, 0.02, "%g", dx);
    cr_expect_float_eq(dy, -0.3, 0.02, "%g", dy);
}

Test(blocks, a_ramp_has_its_slope)
{
    uint8_t         a[SIDE * SIDE];
    kt_block_sums_t s;
    for (int i = 0; i < SIDE * SIDE; i++)
        a[i] = (uint8_t)(3 * (i % SIDE) + 2 * (i / SIDE));
    kt_block_ops_ref.sums(a + AT, SIDE, a + AT, SIDE, &s);
    cr_expect_eq(s.x, 3 * KT_BLOCK_SLOPE * KT_BLOCK * KT_BLOCK);
    cr_expect_eq(s.y, 2 * KT_BLOCK_SLOPE * KT_BLOCK * KT_BLOCK);
    cr_expect_eq(s.t, 0);
}

Test(blocks, a_quarter_is_the_rounded_mean)
{
    uint8_t a[4 * 9] = {0}, out[2] = {9, 9};
    a[0] = 7, a[5] = 1;
    a[9 + 4] = 255;
    kt_block_ops_ref.quarter(a, 9, 9, 4, out);
    cr_expect_eq(out[0], 0);
    cr_expect_eq(out[1], 16);
}
