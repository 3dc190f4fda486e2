#include "models/input/image_resize.h"
#include "tests/unit/models/input/front_ends.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The picture of tests/oracle/models_pictures.py; free its bytes.
static kt_picture_t
noise_picture(uint32_t width, uint32_t height)
{
    uint8_t *rgb   = malloc(3 * (size_t)width * height);
    uint32_t state = 7;
    cr_assert(rgb);
    for (size_t i = 0; i < 3 * (size_t)width * height; i++) {
        state  = state * 1664525U + 1013904223U;
        rgb[i] = (uint8_t)(state >> 24);
    }
    return (kt_picture_t){.rgb = rgb, .width = width, .height = height, .stride = 3 * (size_t)width};
}

static kt_image_input_t *
image_input(const char *text)
{
    char              why[KT_KTM_WHY] = "";
    kt_image_input_t *out             = NULL;
    json_t           *json            = front_end_json(text);
    cr_assert_eq(kt_image_input_parse(&out, json, why), KT_OK, "%s", why);
    kt_json_free(&json);
    return out;
}

// Bilinear gives the bytes of OpenCV; bicubic and area differ by 1 here and there.
Test(image_input, scaled_pictures_are_those_of_OpenCV)
{
    enum { bilinear = KT_FILTER_BILINEAR, bicubic = KT_FILTER_BICUBIC, area = KT_FILTER_AREA };
    static const struct {
        int      filter;
        uint32_t width, height, w, h;
        uint64_t hash;
        long     sum;
        int      middle[3];
    } CASES[] = {
#define KT_EXPECTED(filter, width, height, w, h, hash, sum, r, g, b)                                                   \
    {filter, width, height, w, h, hash, sum, {r, g, b}},
#include "tests/unit/models/input/image_expected.def"
#undef KT_EXPECTED
    };
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        const uint32_t w = CASES[c].w, h = CASES[c].h;
        kt_picture_t   picture = noise_picture(CASES[c].width, CASES[c].height);
        uint8_t       *out     = malloc(3 * (size_t)w * h);
        cr_assert_eq(kt_image_resize((kt_image_filter_t)CASES[c].filter, &picture, w, h, out), KT_OK);
        uint64_t hash = 14695981039346656037U;
        long     sum  = 0;
        for (size_t i = 0; i < 3 * (size_t)w * h; i++) {
            hash = (hash ^ out[i]) * 1099511628211U;
            sum += out[i];
        }
        const uint8_t *middle = out + 3 * ((size_t)(h / 2) * w + w / 2);
        const int      most   = CASES[c].filter == bilinear ? 0 : 1;
        for (int k = 0; k < 3; k++)
            cr_expect(abs(middle[k] - CASES[c].middle[k]) <= most, "case %zu: %d", c, middle[k]);
        cr_expect(labs(sum - CASES[c].sum) <= most * (long)(w * h) / 4, "case %zu: %ld", c, sum);
        if (most == 0)
            cr_expect_eq(hash, CASES[c].hash, "case %zu", c);
        free(out);
        free((void *)picture.rgb);
    }
}

Test(image_input, the_size_follows_the_mode)
{
    static const struct {
        const char *size;
        uint32_t    width, height;
        int64_t     w, h;
    } CASES[] = {
        {"'mode':'fixed','width':48,'height':27", 1280, 720, 48, 27},
        {"'mode':'stretch','multiple':32", 1280, 720, 1280, 736},
        {"'mode':'stretch','multiple':32", 1, 33, 32, 64},
        {"'mode':'short_side','least':736,'most':2000,'multiple':32", 640, 480, 992, 736},
        {"'mode':'short_side','least':736,'most':2000,'multiple':32", 448, 172, 1920, 736},
        {"'mode':'short_side','least':736,'most':2000,'multiple':32", 1000, 100, 1984, 192},
        {"'mode':'short_side','least':736,'most':2000,'multiple':32", 4000, 2000, 1984, 992},
        {"'mode':'short_side','least':736,'most':2000,'multiple':32", 1280, 800, 1280, 800},
        {"'mode':'short_side','least':736,'most':2000,'multiple':32", 3000, 2, 1984, 32},
        {"'mode':'height','height':48,'least':320,'multiple':8", 100, 50, 320, 48},
        {"'mode':'height','height':48,'least':320,'multiple':8", 1001, 48, 1008, 48},
        {"'mode':'height','height':48,'least':320,'multiple':8", 1, 1000, 320, 48},
    };
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        char text[256];
        snprintf(text, sizeof text, "{'kind':'image','size':{%s}}", CASES[c].size);
        kt_image_input_t *input = image_input(text);
        int64_t           h, w;
        kt_image_input_size(input, CASES[c].width, CASES[c].height, &h, &w);
        cr_expect(h == CASES[c].h && w == CASES[c].w, "case %zu: %ld x %ld", c, (long)w, (long)h);
        kt_image_input_destroy(&input);
    }
}

Test(image_input, planes_hold_the_channels_in_their_order_scaled)
{
    static const uint8_t rgb[]   = {0, 51, 102, 153, 204, 255, 99, 99, 99};  // two pixels, and a rest of the row
    const kt_picture_t   picture = {.rgb = rgb, .width = 2, .height = 1, .stride = 9};
    kt_image_input_t *input = image_input("{'kind':'image','colour':'bgr','size':{'mode':'fixed','width':2,'height':1},"
                                          "'scale':[1,2,0.1],'offset':-1}");
    static const float want[] = {101, 254, 101, 407, -1, 14.3F};
    float              out[6];
    cr_assert_eq(kt_image_input_place(input, &picture, out), KT_OK);
    for (size_t i = 0; i < 6; i++)
        cr_expect_float_eq(out[i], want[i], 1e-5F, "%zu: %g", i, (double)out[i]);
    kt_image_input_destroy(&input);
}

Test(image_input, a_line_of_text_is_filled_up_with_zeros)
{
    kt_picture_t      picture = noise_picture(4, 2);
    kt_image_input_t *input = image_input("{'kind':'image','size':{'mode':'height','height':2,'least':7,'multiple':3},"
                                          "'scale':0.5,'offset':3}");
    float             out[3 * 2 * 9];
    cr_assert_eq(kt_image_input_place(input, &picture, out), KT_OK);
    for (size_t i = 0; i < 3 * 2 * 9; i++)
        cr_expect(i % 9 < 4 ? out[i] >= 3 : out[i] == 0, "%zu: %g", i, (double)out[i]);
    cr_expect_float_eq(out[0], 0.5F * picture.rgb[0] + 3, 1e-6F);
    kt_image_input_destroy(&input);
    free((void *)picture.rgb);
}

Test(image_input, consecutive_pictures_come_in_blocks_with_context)
{
    kt_image_input_t       *input  = image_input("{'kind':'frames','size':{'mode':'fixed','width':48,'height':27},"
                                                        "'blocks':{'frames':50,'left':25,'right':20}}");
    const kt_image_blocks_t blocks = kt_image_input_blocks(input);
    cr_expect(blocks.frames == 50 && blocks.left == 25 && blocks.right == 20);
    kt_image_input_destroy(&input);
    input = image_input("{'kind':'image','size':{'mode':'stretch','multiple':1},'blocks':{'frames':50}}");
    cr_expect_eq(kt_image_input_blocks(input).frames, 0);
    kt_image_input_destroy(&input);
}

Test(image_input, a_wrong_description_is_named)
{
    static const struct {
        const char *text, *why;
    } CASES[] = {
        {"{'kind':'audio'}", "input.kind: 'audio' is not known"},
        {"{'kind':'image'}", "input.size.mode: is missing"},
        {"{'kind':'image','size':{'mode':'fixed','height':3}}", "input.size.width: is missing"},
        {"{'kind':'image','size':{'mode':'fixed','height':0,'width':3}}", "input.size.height: must be a number from 1"},
        {"{'kind':'image','size':{'mode':'stretch'}}", "input.size.multiple: is missing"},
        {"{'kind':'image','size':{'mode':'short_side','least':9,'most':8,'multiple':1}}", "input.size.most: must be"},
        {"{'kind':'frames','size':{'mode':'stretch','multiple':8},'blocks':{'frames':50}}",
         "input.size: frames must have a fixed size"},
        {"{'kind':'frames','size':{'mode':'fixed','height':3,'width':4}}", "input.blocks.frames: is missing"},
        {"{'kind':'image','colour':'yuv','size':{'mode':'stretch','multiple':8}}", "input.colour: 'yuv' is not known"},
        {"{'kind':'image','scale':[1,2],'size':{'mode':'stretch','multiple':8}}", "input.scale: must be a number or"},
        {"{'kind':'image','scale':'1','size':{'mode':'stretch','multiple':8}}", "input.scale: must be a number from"},
    };
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        char              why[KT_KTM_WHY] = "";
        kt_image_input_t *input           = NULL;
        json_t           *json            = front_end_json(CASES[c].text);
        cr_expect_eq(kt_image_input_parse(&input, json, why), KT_EMODEL, "%s", CASES[c].text);
        cr_expect(strncmp(why, CASES[c].why, strlen(CASES[c].why)) == 0, "%s: '%s'", CASES[c].text, why);
        cr_expect_null(input);
        kt_json_free(&json);
    }
}

Test(image_input, a_picture_without_a_side_is_refused)
{
    const uint8_t      rgb[3] = {0};
    kt_image_input_t  *input  = image_input("{'kind':'image','size':{'mode':'stretch','multiple':1}}");
    float              out[3];
    const kt_picture_t bad[] = {{rgb, 0, 1, 3}, {rgb, 1, 0, 3}, {rgb, KT_PICTURE_SIDE + 1, 1, 3}};
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(kt_image_input_place(input, &bad[i], out), KT_EINVAL);
    kt_image_input_destroy(&input);
}
