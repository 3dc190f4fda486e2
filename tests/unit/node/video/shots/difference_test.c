#include "node/video/shots/difference.h"
#include "node/video/shots/mixture.h"
#include "tests/unit/node/video/reel.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static kt_shot_size_t size;

static kt_shot_picture_t *
reduced(const reel_picture_t *picture)
{
    static const kt_image_stats_t stats = {.colour = {1}};
    static const kt_shot_border_t none;
    const kt_yuv_t yuv = {REEL_WIDTH, REEL_HEIGHT, picture->y, picture->u, picture->v, REEL_WIDTH, REEL_WIDTH / 2};
    kt_shot_size(REEL_WIDTH, REEL_HEIGHT, &size);
    kt_shot_picture_t *out    = malloc(sizeof *out);
    uint8_t           *memory = malloc(kt_shot_picture_bytes(&size));
    cr_assert(out && memory);
    kt_shot_picture_init(out, &size, memory);
    kt_shot_picture_make(out, &size, &yuv, &stats, &none);
    return out;
}

static kt_shot_picture_t *
view(int scene, double left, double mean, double contrast)
{
    reel_picture_t picture;
    reel_paint(&picture, scene, left, 30, mean, contrast);
    return reduced(&picture);
}

static void
drop(kt_shot_picture_t *picture)
{
    free(picture->detail - KT_SHOT_PAD * size.stride - KT_SHOT_PAD);  // the memory of all planes begins there
    free(picture);
}

static float
difference(kt_shot_picture_t *a, kt_shot_picture_t *b)
{
    const float result = kt_shot_difference(a, b, &size);
    drop(a);
    drop(b);
    return result;
}

Test(difference, a_picture_does_not_differ_from_itself)
{
    cr_expect_eq(difference(view(1, 40, 120, 60), view(1, 40, 120, 60)), 0);
}

Test(difference, other_scenes_have_little_in_common)
{
    const float result = difference(view(1, 40, 120, 60), view(2, 40, 120, 60));
    cr_expect_gt(result, 0.5f, "%.2f", (double)result);
}

Test(difference, brightness_and_contrast_do_not_count)
{
    cr_expect_lt(difference(view(1, 40, 120, 60), view(1, 40, 70, 25)), 0.1f);
}

Test(difference, movement_counts_little)
{
    cr_expect_lt(difference(view(1, 40, 120, 60), view(1, 46, 120, 60)), 0.2f);
    cr_expect_lt(difference(view(1, 40, 120, 60), view(1, 58, 120, 60)), 0.4f, "a ninth of the width");
}

Test(difference, a_mixture_is_recognised_by_its_share)
{
    reel_picture_t a, b, mixed;
    reel_paint(&a, 1, 40, 30, 120, 60);
    reel_paint(&b, 2, 40, 30, 120, 60);
    reel_mix(&mixed, &a, &b, 0.3);
    kt_shot_picture_t *first = reduced(&a), *last = reduced(&b), *middle = reduced(&mixed),
                      *other = view(3, 40, 120, 60);
    kt_shot_mixture_t mixture;
    kt_shot_mixture(first, middle, last, &size, &mixture);
    cr_expect_float_eq(mixture.share, 0.3, 0.02);
    cr_expect_lt(mixture.residual, 0.01f);
    cr_expect_lt(mixture.spread, 0.05f);
    kt_shot_mixture(first, other, last, &size, &mixture);
    cr_expect_gt(mixture.residual, 0.4f);
    drop(first);
    drop(last);
    drop(middle);
    drop(other);
}

Test(difference, all_sizes_fit_the_planes)
{
    for (uint32_t width = 1; width <= KT_SMALL_MOST; width++) {
        kt_shot_size_t out;
        kt_shot_size(width, width / 2 + 1, &out);
        cr_assert_leq(out.width, KT_SHOT_SIDE_MAX, "%u", width);
        cr_assert_leq(out.chroma_width * out.factor, (width + 1) / 2);
        cr_assert_leq(out.across, KT_SHOT_ACROSS);
    }
}
