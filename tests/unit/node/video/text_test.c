#include "node/video/text/boxes.h"
#include "node/video/text/components.h"
#include "node/video/text/crop.h"
#include "node/video/text/ctc.h"
#include "node/video/text/known.h"
#include "node/video/text/regions.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 120, COLS = 200 };

static float map[ROWS * COLS];

static void
fill(int x0, int y0, int x1, int y1, float value)
{
    for (int y = y0; y <= y1; y++)
        for (int x = x0; x <= x1; x++)
            map[y * COLS + x] = value;
}

static size_t
boxes_of(kt_text_box_t boxes[KT_TEXT_BOXES])
{
    size_t n = 99;
    cr_assert_eq(kt_text_boxes(map, ROWS, COLS, boxes, &n), KT_OK);
    return n;
}

// --- components

Test(components, parts_that_touch_at_a_corner_are_one)
{
    kt_components_t parts;
    memset(map, 0, sizeof map);
    fill(10, 10, 20, 12, 1);
    fill(22, 14, 30, 16, 1);  // after dilation 21, 13 is the neighbour of 22, 14
    fill(60, 10, 70, 12, 1);
    cr_assert_eq(kt_components_find(&parts, map, ROWS, COLS, 0.3F), KT_OK);
    cr_expect_eq(parts.n, 2);
    kt_components_fini(&parts);
}

Test(components, a_cup_joins_late)
{
    kt_components_t parts;
    memset(map, 0, sizeof map);
    fill(10, 10, 11, 30, 1);
    fill(40, 10, 41, 30, 1);
    fill(10, 30, 41, 31, 1);
    cr_assert_eq(kt_components_find(&parts, map, ROWS, COLS, 0.3F), KT_OK);
    cr_assert_eq(parts.n, 1);
    for (size_t i = 1; i < parts.first[1]; i++)
        cr_expect(parts.runs[i].y > parts.runs[i - 1].y ||
                  (parts.runs[i].y == parts.runs[i - 1].y && parts.runs[i].from > parts.runs[i - 1].to));
    kt_components_fini(&parts);
}

Test(components, an_empty_map_has_none_and_a_chequered_one_is_bounded)
{
    kt_components_t parts;
    memset(map, 0, sizeof map);
    cr_assert_eq(kt_components_find(&parts, map, ROWS, COLS, 0.3F), KT_OK);
    cr_expect_eq(parts.n, 0);
    kt_components_fini(&parts);
    for (int i = 0; i < ROWS * COLS; i++)
        map[i] = i % COLS % 4 == 0 && i / COLS % 4 == 0;
    cr_assert_eq(kt_components_find(&parts, map, ROWS, COLS, 0.3F), KT_OK);
    cr_expect_eq(parts.n, ROWS * COLS / 16);
    kt_components_fini(&parts);
}

// --- boxes

Test(text_boxes, a_bar_is_grown_by_its_area_over_its_perimeter)
{
    kt_text_box_t boxes[KT_TEXT_BOXES];
    memset(map, 0, sizeof map);
    fill(50, 40, 129, 49, 0.9F);  // dilated: 50 .. 130 x 40 .. 50
    cr_assert_eq(boxes_of(boxes), 1);
    const double grow = 1.6 * 80 * 10 / 180;
    cr_expect_float_eq(boxes[0].corner[0].x, 50 - grow, 0.01);
    cr_expect_float_eq(boxes[0].corner[0].y, 40 - grow, 0.01);
    cr_expect_float_eq(boxes[0].corner[2].x, 130 + grow, 0.01);
    cr_expect_float_eq(boxes[0].corner[2].y, 50 + grow, 0.01);
    cr_expect(boxes[0].score > 0.75F && boxes[0].score <= 0.9F, "%g", (double)boxes[0].score);
}

Test(text_boxes, a_slanted_bar_has_a_slanted_box)
{
    kt_text_box_t boxes[KT_TEXT_BOXES];
    memset(map, 0, sizeof map);
    for (int y = 0; y < ROWS; y++)
        for (int x = 0; x < COLS; x++) {
            const double u = (x - 100) * 0.8 + (y - 60) * 0.6, v = (y - 60) * 0.8 - (x - 100) * 0.6;
            map[y * COLS + x] = fabs(u) <= 50 && fabs(v) <= 6 ? 0.95F : 0;
        }
    cr_assert_eq(boxes_of(boxes), 1);
    const kt_point_t *c = boxes[0].corner;
    cr_expect_float_eq(atan2(c[1].y - c[0].y, c[1].x - c[0].x), atan2(0.6, 0.8), 0.05);
    cr_expect_float_eq(hypot(c[1].x - c[0].x, c[1].y - c[0].y), 101 + 2 * 1.6 * 101 * 13 / 228, 4);
}

Test(text_boxes, what_is_faint_thin_or_hollow_is_left_out)
{
    kt_text_box_t boxes[KT_TEXT_BOXES];
    memset(map, 0, sizeof map);
    fill(10, 10, 60, 20, 0.4F);  // above the mask, below the score
    fill(10, 40, 60, 40, 0.9F);  // one row
    fill(100, 10, 180, 11, 0.9F);
    fill(100, 60, 180, 61, 0.9F);
    fill(100, 10, 101, 61, 0.9F);
    fill(180, 10, 181, 61, 0.9F);  // a frame: its rectangle is mostly empty
    cr_expect_eq(boxes_of(boxes), 0);
    memset(map, 0, sizeof map);
    cr_expect_eq(boxes_of(boxes), 0);
}

Test(text_boxes, the_largest_come_first_and_are_bounded)
{
    kt_text_box_t boxes[KT_TEXT_BOXES];
    memset(map, 0, sizeof map);
    for (int y = 0; y + 8 < ROWS; y += 10)
        for (int x = 0; x + 8 < COLS; x += 10)
            fill(x, y, x + 5, y + 5, 1);
    fill(0, 0, 40, 7, 1);
    cr_expect_eq(boxes_of(boxes), KT_TEXT_BOXES);
    cr_expect(boxes[0].corner[1].x - boxes[0].corner[0].x > 40);
}

// --- crops

Test(crop, an_upright_box_is_copied)
{
    uint8_t      pixels[3 * 40 * 30], *rgb;
    kt_picture_t crop;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 7);
    const kt_picture_t picture   = {pixels, 40, 30, 120};
    const kt_point_t   corner[4] = {{5, 4}, {25, 4}, {25, 14}, {5, 14}};
    cr_assert_eq(kt_crop_new(&picture, corner, &rgb, &crop), KT_OK);
    cr_assert(crop.width == 20 && crop.height == 10);
    for (int y = 0; y < 10; y++)
        cr_expect_eq(memcmp(rgb + (size_t)y * 60, pixels + (y + 4) * 120 + 15, 60), 0);
    free(rgb);
}

Test(crop, a_tall_box_is_turned)
{
    uint8_t      pixels[3 * 30 * 40], *rgb;
    kt_picture_t crop;
    for (int y = 0; y < 40; y++)
        memset(pixels + y * 90, y * 6, 90);
    const kt_picture_t picture   = {pixels, 30, 40, 90};
    const kt_point_t   corner[4] = {{10, 0}, {20, 0}, {20, 40}, {10, 40}};
    cr_assert_eq(kt_crop_new(&picture, corner, &rgb, &crop), KT_OK);
    cr_assert(crop.width == 40 && crop.height == 10);
    for (int x = 0; x < 40; x++)
        cr_expect_eq(rgb[3 * x], 6 * x);
    free(rgb);
}

Test(crop, impossible_boxes_are_refused_and_long_ones_squeezed)
{
    static uint8_t     pixels[3 * 1000 * 4];
    uint8_t           *rgb;
    kt_picture_t       crop;
    const kt_picture_t picture  = {pixels, 1000, 4, 3000};
    const kt_point_t   point[4] = {{5, 1}, {5, 1}, {5, 1}, {5, 1}}, none[4] = {{NAN, 0}, {9, 0}, {9, 9}, {0, 9}};
    const kt_point_t   line[4] = {{0, 0}, {1000, 0}, {1000, 4}, {0, 4}};
    cr_expect_eq(kt_crop_new(&picture, point, &rgb, &crop), KT_EINVAL);
    cr_expect_eq(kt_crop_new(&picture, none, &rgb, &crop), KT_EINVAL);
    cr_assert_eq(kt_crop_new(&picture, line, &rgb, &crop), KT_OK);
    cr_expect_eq(crop.width, KT_CROP_ASPECT * 4);
    free(rgb);
}

// --- reading

static const char *const NAMES[] = {"", "a", "é", "語", " "};

static kt_reading_t
read_classes(const int *classes, size_t n)
{
    float        rows[16][5];
    kt_reading_t out;
    for (size_t s = 0; s < n; s++)
        for (int c = 0; c < 5; c++)
            rows[s][c] = c == classes[s] ? 0.8F : 0.05F;
    kt_ctc_read(rows[0], n, 5, NAMES, &out);
    return out;
}

Test(ctc, repeats_are_one_and_blanks_part_them)
{
    const int          classes[] = {4, 0, 1, 1, 0, 1, 2, 4, 3, 3, 0, 4};
    const kt_reading_t out       = read_classes(classes, 12);
    cr_expect_str_eq(out.text, "aaé 語");
    cr_expect_float_eq(out.confidence, 0.8F, 1e-6);
    cr_expect_eq(out.letters, 4);
    const int nothing[] = {0, 0, 0};
    cr_expect_str_eq(read_classes(nothing, 3).text, "");
    cr_expect(read_classes(nothing, 3).confidence == 0);
}

Test(ctc, a_long_line_is_cut_between_characters)
{
    enum { STEPS = 400 };
    static float rows[STEPS][5];
    kt_reading_t out;
    for (int s = 0; s < STEPS; s++)
        rows[s][s % 2 ? 0 : 3] = 1;
    kt_ctc_read(rows[0], STEPS, 5, NAMES, &out);
    cr_expect_eq(strlen(out.text), (KT_TEXT_BYTES - 1) / 3 * 3);
}

Test(ctc, letters_and_digits_count_and_marks_do_not)
{
    cr_expect_eq(kt_text_letters("a-1 !?"), 2);
    cr_expect_eq(kt_text_letters("«…»—、。！"), 0);
    cr_expect_eq(kt_text_letters("Ünïcodé"), 7);
    cr_expect_eq(kt_text_letters("漢字A"), 3);
    cr_expect_eq(kt_text_letters("\xe8\xaa"), 1);  // cut
}

Test(ctc, the_difference_is_the_share_of_edits)
{
    cr_expect_float_eq(kt_text_difference("kitten", "sitting"), 3.0F / 7, 1e-6);
    cr_expect_float_eq(kt_text_difference("", ""), 0, 0);
    cr_expect_float_eq(kt_text_difference("abc", ""), 1, 0);
}

// --- known lines

// A crop of 120 x 20 grey points with a darker bar at this column.
static kt_picture_t
crop_with_bar(uint8_t *pixels, int column, int noise)
{
    for (int i = 0; i < 120 * 20; i++)
        memset(pixels + 3 * i, (i % 120 >= column && i % 120 < column + 6 ? 60 : 200) + (i * 7 % 5 - 2) * noise, 3);
    return (kt_picture_t){pixels, 120, 20, 360};
}

static bool
is_known(kt_known_t *known, float x, int column, int noise, const char *text)
{
    static uint8_t     pixels[3 * 120 * 20];
    const kt_picture_t crop      = crop_with_bar(pixels, column, noise);
    const kt_point_t   corner[4] = {{x, 5}, {x + 120, 5}, {x + 120, 25}, {x, 25}};
    kt_reading_t      *reading;
    bool               read;
    cr_assert_eq(kt_known_line(known, corner, &crop, &reading, &read), KT_OK);
    cr_assert_not_null(reading);
    if (read)
        cr_expect_str_eq(reading->text, text);
    else
        strcpy(reading->text, text);
    return read;
}

Test(known, a_line_that_stays_is_read_once)
{
    kt_known_t known;
    cr_assert_eq(kt_known_init(&known), KT_OK);
    kt_known_begin(&known);
    cr_expect(!is_known(&known, 10, 30, 0, "one"));
    cr_expect(!is_known(&known, 300, 30, 0, "two"));
    for (int sample = 1; sample < 4; sample++) {
        kt_known_begin(&known);
        cr_expect(is_known(&known, 301, 30, 1, "two"));
        cr_expect(is_known(&known, 9, 30, 2, "one"));
    }
    kt_known_fini(&known);
}

Test(known, another_place_content_or_picture_is_read)
{
    kt_known_t known;
    cr_assert_eq(kt_known_init(&known), KT_OK);
    kt_known_begin(&known);
    cr_expect(!is_known(&known, 10, 30, 0, "one"));
    kt_known_begin(&known);
    cr_expect(!is_known(&known, 20, 30, 0, "moved"));
    cr_expect(!is_known(&known, 10, 36, 0, "changed"));
    kt_known_begin(&known);
    kt_known_begin(&known);
    cr_expect(!is_known(&known, 10, 36, 0, "changed"));
    for (int i = 1; i < KT_TEXT_BOXES; i++)
        cr_expect(!is_known(&known, (float)(200 * i), 30, 0, "many"));
    uint8_t            pixels[3];
    const kt_picture_t crop      = {pixels, 1, 1, 3};
    const kt_point_t   corner[4] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
    kt_reading_t      *reading   = NULL;
    bool               read;
    memset(pixels, 9, sizeof pixels);
    cr_assert_eq(kt_known_line(&known, corner, &crop, &reading, &read), KT_OK);
    cr_expect_null(reading);
    kt_known_fini(&known);
}

// --- regions

static kt_sampled_t samples[8];

static kt_text_line_t
line(uint32_t sample, float x, float y, const char *text, float confidence)
{
    return (kt_text_line_t){.x          = x,
                            .y          = y,
                            .width      = 200,
                            .height     = 20,
                            .contrast   = 0.8F,
                            .confidence = confidence,
                            .sample     = sample,
                            .text       = (char *)(uintptr_t)text};
}

static kt_text_region_t *
regions_of(const kt_text_line_t *lines, size_t n, size_t *count)
{
    kt_text_region_t *out = NULL;
    cr_assert_eq(kt_text_regions(lines, n, samples, &out, count), KT_OK);
    return out;
}

static void
samples_of(bool moving)
{
    for (int i = 0; i < 8; i++) {
        samples[i] = (kt_sampled_t){.time_s = i, .width = 640, .height = 360};
        memset(samples[i].luma, moving ? 100 + 20 * (i % 2) : 100, sizeof samples[i].luma);
    }
}

Test(text_regions, the_same_line_in_consecutive_samples_is_one_region)
{
    size_t n;
    samples_of(false);
    const kt_text_line_t lines[] = {line(0, 10, 20, "Hello wor1d", 0.7F), line(0, 10, 100, "other", 0.9F),
                                    line(1, 12, 21, "Hello world", 0.9F), line(2, 11, 20, "Hello world", 0.8F)};
    kt_text_region_t    *regions = regions_of(lines, 4, &n);
    cr_assert_eq(n, 2);
    cr_expect(regions[0].first == 0 && regions[0].last == 2);
    cr_expect_str_eq(regions[0].best->text, "Hello world");
    cr_expect_float_eq(regions[0].best->confidence, 0.9F, 1e-6);
    cr_expect(regions[1].first == 0 && regions[1].last == 0);
    free(regions);
}

Test(text_regions, another_text_place_shot_or_a_gap_begins_a_new_region)
{
    size_t n;
    samples_of(false);
    samples[3].shot = samples[4].shot = samples[5].shot = 1;
    const kt_text_line_t lines[] = {line(0, 10, 20, "first", 0.7F), line(1, 10, 20, "second text", 0.9F),
                                    line(2, 10, 90, "second text", 0.9F), line(3, 10, 90, "second text", 0.9F),
                                    line(5, 10, 90, "second text", 0.9F)};
    kt_text_region_t    *regions = regions_of(lines, 5, &n);
    cr_expect_eq(n, 5);
    free(regions);
}

Test(text_regions, captions_stay_over_a_moving_picture_or_lie_in_its_lower_third)
{
    size_t n;
    samples_of(true);
    kt_text_line_t lines[] = {
        line(0, 10, 20, "logo of it", 0.7F),  line(0, 10, 60, "moving", 0.7F),     line(0, 400, 120, "slanted", 0.7F),
        line(1, 10, 20, "logo of it", 0.9F),  line(1, 24, 60, "moving", 0.9F),     line(1, 400, 120, "slanted", 0.7F),
        line(3, 10, 20, "street sign", 0.7F), line(3, 200, 320, "subtitle", 0.7F), line(3, 450, 320, "pale", 0.7F)};
    lines[2].slope = lines[5].slope = 0.2F;
    lines[8].contrast               = 0.2F;
    kt_text_region_t *regions       = regions_of(lines, 9, &n);
    cr_assert_eq(n, 6);
    const bool caption[] = {true, false, false, false, true, false};
    for (size_t i = 0; i < 6; i++)
        cr_expect_eq(regions[i].caption, caption[i], "%s", regions[i].best->text);
    free(regions);
}
