#include "models/input/blocks.h"
#include "tests/unit/models/input/front_ends.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(blocks, the_cut_is_that_of_the_table)
{
    // frames, hop, left, right, tail; rows; blocks; the last block: first row, rows, before, after, own, kept, repeat
    static const struct {
        kt_audio_blocks_t blocks;
        size_t            total, count;
        kt_block_t        last;
    } CASES[] = {
        {{10, 10, 0, 0, KT_TAIL_DROP}, 0, 0, {0}},
        {{10, 10, 0, 0, KT_TAIL_DROP}, 20, 2, {10, 10, 0, 0, 0, 10, false}},
        {{10, 10, 0, 0, KT_TAIL_DROP}, 29, 2, {10, 10, 0, 0, 0, 10, false}},
        {{10, 10, 0, 0, KT_TAIL_DROP}, 4, 1, {0, 4, 0, 6, 0, 4, true}},
        {{10, 10, 0, 0, KT_TAIL_PAD}, 23, 3, {20, 3, 0, 7, 0, 3, false}},
        {{10, 10, 0, 0, KT_TAIL_PAD}, 20, 2, {10, 10, 0, 0, 0, 10, false}},
        {{10, 10, 0, 0, KT_TAIL_REPEAT}, 23, 3, {20, 3, 0, 7, 0, 3, true}},
        {{10, 10, 0, 0, KT_TAIL_SHORT}, 23, 3, {20, 3, 0, 0, 0, 3, false}},
        {{10, 5, 0, 0, KT_TAIL_PAD}, 16, 3, {10, 6, 0, 4, 0, 6, false}},
        {{10, 5, 0, 0, KT_TAIL_PAD}, 15, 2, {5, 10, 0, 0, 0, 10, false}},
        {{10, 5, 0, 0, KT_TAIL_DROP}, 19, 2, {5, 10, 0, 0, 0, 10, false}},
        {{10, 20, 0, 0, KT_TAIL_PAD}, 15, 1, {0, 10, 0, 0, 0, 10, false}},
        {{10, 20, 0, 0, KT_TAIL_PAD}, 25, 2, {20, 5, 0, 5, 0, 5, false}},
        {{10, 10, 3, 4, KT_TAIL_SHORT}, 10, 1, {0, 10, 0, 0, 0, 10, false}},
        {{10, 10, 3, 4, KT_TAIL_SHORT}, 22, 3, {17, 5, 0, 0, 3, 2, false}},
        {{10, 10, 3, 4, KT_TAIL_PAD}, 10, 1, {0, 10, 3, 4, 3, 10, false}},
        {{10, 10, 3, 4, KT_TAIL_PAD}, 21, 3, {17, 4, 0, 13, 3, 1, false}},
        {{10, 10, 30, 4, KT_TAIL_PAD}, 20, 2, {0, 20, 20, 4, 30, 10, false}},
    };
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        const kt_audio_blocks_t *blocks = &CASES[c].blocks;
        const size_t             count  = kt_block_count(blocks, CASES[c].total);
        kt_block_t               got    = {0};
        cr_assert_eq(count, CASES[c].count, "case %zu: %zu blocks", c, count);
        cr_expect_not(kt_block_at(blocks, count, CASES[c].total, true, &got), "case %zu", c);
        if (count == 0)
            continue;
        const kt_block_t *want = &CASES[c].last;
        cr_assert(kt_block_at(blocks, count - 1, CASES[c].total, true, &got), "case %zu", c);
        cr_expect(got.first == want->first && got.rows == want->rows && got.before == want->before &&
                      got.after == want->after && got.own == want->own && got.kept == want->kept &&
                      got.repeat == want->repeat,
                  "case %zu: first %zu, rows %zu, before %zu, after %zu, own %zu, kept %zu, repeat %d", c, got.first,
                  got.rows, got.before, got.after, got.own, got.kept, got.repeat);
    }
}

Test(blocks, a_block_is_ready_with_its_last_row_of_context)
{
    const kt_audio_blocks_t blocks = {10, 10, 3, 4, KT_TAIL_SHORT};
    kt_block_t              early, late;
    cr_expect_not(kt_block_at(&blocks, 1, 23, false, &early));
    cr_assert(kt_block_at(&blocks, 1, 24, false, &early));
    cr_assert(kt_block_at(&blocks, 1, 500, false, &late));
    cr_expect_arr_eq(&early, &late, sizeof early);
    cr_expect_eq(kt_block_oldest(&blocks, 0), 0);
    cr_expect_eq(kt_block_oldest(&blocks, 1), 7);
}

Test(blocks, rows_that_are_added_are_silence_or_its_own_again)
{
    kt_audio_input_t *input  = front_end(FRONT_END_KALDI);
    const size_t      width  = kt_audio_input_width(input);
    const float      *silent = kt_audio_input_silence(input);
    float            *rows = calloc(3 * width, sizeof *rows), *out = calloc(9 * width, sizeof *out);
    for (size_t i = 0; i < 3 * width; i++)
        rows[i] = (float)i;
    const kt_block_t padded = {.first = 0, .rows = 3, .before = 2, .after = 4, .own = 3, .kept = 2};
    kt_block_fill(input, &padded, rows, out);
    for (size_t t = 0; t < 9; t++)
        cr_expect_arr_eq(out + t * width, t >= 2 && t < 5 ? rows + (t - 2) * width : silent, width * sizeof *out);
    kt_block_t repeated = padded;
    repeated.repeat     = true;
    kt_block_fill(input, &repeated, rows, out);
    for (size_t t = 5; t < 9; t++)
        cr_expect_arr_eq(out + t * width, rows + (1 + (t - 5) % 2) * width, width * sizeof *out);
    free(rows);
    free(out);
    kt_audio_input_destroy(&input);
}
