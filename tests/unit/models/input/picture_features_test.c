#include "models/input/picture_features.h"
#include "tests/unit/kernels/isa_named.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct brisque_case {
    uint32_t width, height, kind;
    double   features[KT_BRISQUE_FEATURES];
} brisque_case_t;

static const brisque_case_t CASES[] = {
#define KT_BRISQUE_CASE(width, height, kind, ...) {width, height, kind, {__VA_ARGS__}},
#include "tests/unit/models/input/brisque_expected.def"
#undef KT_BRISQUE_CASE
};

// The picture of tests/oracle/brisque.py; free its bytes. Rows are 7 bytes apart.
static kt_luma_t
picture_of(const brisque_case_t *c)
{
    const size_t stride = c->width + 7;
    uint8_t     *y      = malloc(stride * c->height);
    uint32_t     state  = c->kind;
    cr_assert(y);
    memset(y, 200, stride * c->height);
    for (uint32_t row = 0; row < c->height; row++)
        for (uint32_t x = 0; x < c->width; x++) {
            state = state * 1664525U + 1013904223U;
            y[row * stride + x] =
                (uint8_t)((x * x / (c->kind + 3) + 3 * row * c->kind) % 181 + (state >> 24) % (8 * c->kind) + 20);
        }
    return (kt_luma_t){y, c->width, c->height, stride, 0, 1};
}

// In float they differ in the fifth digit.
Test(picture_features, are_those_of_the_package_on_every_instruction_set)
{
    static const char *const NAMES[] = {"ref", "base", "avx2", "avx512"};
    for (size_t n = 0; n < sizeof NAMES / sizeof *NAMES; n++) {
        kt_brisque_t *brisque = NULL;
        cr_assert_eq(kt_brisque_new(&brisque, isa_named(NAMES[n])), KT_OK);
        for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {  // one after the other in the same room
            const kt_luma_t luma = picture_of(&CASES[i]);
            float           found[KT_BRISQUE_FEATURES];
            cr_assert_eq(kt_brisque_compute(brisque, &luma, found), KT_OK);
            for (size_t f = 0; f < KT_BRISQUE_FEATURES; f++)
                cr_expect(fabs((double)found[f] - CASES[i].features[f]) < 2e-4,
                          "%s, picture %zu, feature %zu: %g not %g", NAMES[n], i, f, (double)found[f],
                          CASES[i].features[f]);
            free((void *)luma.y);
        }
        kt_brisque_destroy(&brisque);
    }
}

Test(picture_features, limited_range_is_brought_to_full_range)
{
    kt_brisque_t *brisque = NULL;
    kt_luma_t     luma = picture_of(&CASES[3]), limited = picture_of(&CASES[3]);
    float         full[KT_BRISQUE_FEATURES], narrow[KT_BRISQUE_FEATURES];
    uint8_t      *y = (uint8_t *)limited.y;
    for (size_t i = 0; i < limited.stride * limited.height; i++)
        y[i] = (uint8_t)(y[i] / 2 + 16);
    limited.black = 16;
    limited.gain  = 2;
    for (size_t i = 0; i < luma.stride * luma.height; i++)
        ((uint8_t *)luma.y)[i] = (uint8_t)(luma.y[i] / 2 * 2);
    cr_assert_eq(kt_brisque_new(&brisque, kt_isa("base")), KT_OK);
    cr_assert_eq(kt_brisque_compute(brisque, &luma, full), KT_OK);
    cr_assert_eq(kt_brisque_compute(brisque, &limited, narrow), KT_OK);
    cr_expect_arr_eq(full, narrow, sizeof full);
    kt_brisque_destroy(&brisque);
    free((void *)luma.y);
    free(y);
}

Test(picture_features, a_uniform_or_tiny_picture_has_none)
{
    kt_brisque_t  *brisque = NULL;
    static uint8_t y[64 * 64];
    float          out[KT_BRISQUE_FEATURES];
    cr_assert_eq(kt_brisque_new(&brisque, kt_isa("base")), KT_OK);
    memset(y, 90, sizeof y);
    cr_expect_eq(kt_brisque_compute(brisque, &(kt_luma_t){y, 15, 64, 64, 0, 1}, out), KT_EINVAL);
    cr_expect_eq(kt_brisque_compute(brisque, &(kt_luma_t){y, 64, 15, 64, 0, 1}, out), KT_EINVAL);
    const kt_err_t err = kt_brisque_compute(brisque, &(kt_luma_t){y, 64, 64, 64, 0, 1}, out);
    cr_expect(err == KT_EINVAL || isfinite(out[0]));  // zeros outside leave differences at its edge
    memset(y, 0, sizeof y);
    cr_expect_eq(kt_brisque_compute(brisque, &(kt_luma_t){y, 64, 64, 64, 0, 1}, out), KT_EINVAL);
    kt_brisque_destroy(&brisque);
}
