// Comparison of blocks and conversion to RGB of the CPU kernels against the reference.
#include "kernels/image/blocks.h"
#include "tests/kernels/check.h"

#include <string.h>

enum { SIDE = 40, AT = 12 * SIDE + 12, WIDE = 521, HIGH = 23 };

static void
fill(uint8_t *out, size_t n, uint32_t seed, int kind)
{
    for (size_t i = 0; i < n; i++) {
        seed   = seed * 1664525U + 1013904223U;
        out[i] = kind == 0   ? (uint8_t)(seed >> 24)
                 : kind == 1 ? (uint8_t)(i % 2 ? 255 : 0)
                             : (uint8_t)(seed >> 31) * 255;
    }
}

static void
check_pair(const char *isa, const kt_block_ops_t *ops, const uint8_t *a, const uint8_t *b)
{
    const kt_block_ops_t *ref = &kt_block_ops_ref;
    for (size_t x = 0; x < 3; x++) {
        kt_block_sums_t fast, should;
        ops->sums(a + AT, SIDE, b + AT + x, SIDE, &fast);
        ref->sums(a + AT, SIDE, b + AT + x, SIDE, &should);
        check(memcmp(&fast, &should, sizeof fast) == 0, "%s blocks: other sums", isa);
        check(ops->difference(a + AT, SIDE, b + AT + x, SIDE) == ref->difference(a + AT, SIDE, b + AT + x, SIDE),
              "%s blocks: another difference of 16 x 16", isa);
        check(ops->difference_8(a + AT, SIDE, b + AT + x, SIDE) == ref->difference_8(a + AT, SIDE, b + AT + x, SIDE),
              "%s blocks: another difference of 8 x 8", isa);
    }
}

void
check_blocks(const char *isa, const kt_block_ops_t *ops)
{
    static uint8_t        a[SIDE * SIDE], b[SIDE * SIDE], picture[WIDE * HIGH];
    static uint8_t        fast[WIDE * HIGH / 16], should[WIDE * HIGH / 16];
    static const uint32_t WIDTHS[] = {1, 3, 4, 64, 67, 320, 512, 516, 521};
    static uint8_t        many[70000];
    memset(many, 4, sizeof many);
    for (int kind = 0; kind < 3; kind++) {
        fill(a, sizeof a, 3, kind);
        fill(b, sizeof b, 4, kind);
        check_pair(isa, ops, a, b);
        memset(a, 255, sizeof a);
        check_pair(isa, ops, a, b);
        fill(picture, sizeof picture, 5, kind);
        for (size_t i = 0; i < sizeof WIDTHS / sizeof *WIDTHS; i++) {
            check(ops->above(many, sizeof many - i, 3) == kt_block_ops_ref.above(many, sizeof many - i, 3),
                  "%s blocks: another number of many", isa);
            memset(fast, 7, sizeof fast);
            memset(should, 7, sizeof should);
            ops->quarter(picture, WIDE, WIDTHS[i], HIGH, fast);
            kt_block_ops_ref.quarter(picture, WIDE, WIDTHS[i], HIGH, should);
            check(memcmp(fast, should, sizeof fast) == 0, "%s blocks: another quarter of width %u", isa, WIDTHS[i]);
            for (int amount = -300; amount <= 300; amount += 60) {
                static uint8_t bright[WIDE], expected[WIDE];
                memcpy(bright, picture, WIDE);
                memcpy(expected, picture, WIDE);
                ops->brighten(bright, WIDTHS[i], amount);
                kt_block_ops_ref.brighten(expected, WIDTHS[i], amount);
                check(memcmp(bright, expected, WIDE) == 0, "%s blocks: other pixels brightened by %d", isa, amount);
            }
            for (int limit = 0; limit < 256; limit += 51)
                check(ops->above(picture, WIDTHS[i], (uint8_t)limit) ==
                          kt_block_ops_ref.above(picture, WIDTHS[i], (uint8_t)limit),
                      "%s blocks: another number above %d", isa, limit);
        }
    }
}

void
check_rgb(const char *isa, const kt_rgb_ops_t *ops)
{
    static const kt_rgb_t MATRICES[] = {{19077, 16, 26149, -6419, -13320, 33050},
                                        {16384, 0, 22970, -5638, -11700, 29032},
                                        {65535, 255, 65535, -65535, -65535, -65535}};
    static uint8_t        y[2 * WIDE], u[WIDE], v[WIDE], fast[3 * WIDE], should[3 * WIDE];
    for (int kind = 0; kind < 3; kind++) {
        fill(y, sizeof y, 6, kind);
        fill(u, sizeof u, 7, kind);
        fill(v, sizeof v, 8, kind == 1 ? 0 : kind);
        for (size_t m = 0; m < 3; m++)
            for (size_t width = 1; width <= WIDE; width += width < 70 ? 1 : 150) {
                memset(fast, 7, sizeof fast);
                memset(should, 7, sizeof should);
                ops->half_row(&MATRICES[m], y, y + WIDE, u, v, width, fast);
                kt_rgb_ops_ref.half_row(&MATRICES[m], y, y + WIDE, u, v, width, should);
                check(memcmp(fast, should, sizeof fast) == 0, "%s rgb: other pixels, width %zu, matrix %zu", isa, width,
                      m);
            }
    }
}
