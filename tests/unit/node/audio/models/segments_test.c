#include "node/audio/models/segments.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { MOST = 400 };
static float             rows[MOST][2];
static const char *const NAMES[]      = {"speech", "music"};
static const float       THRESHOLDS[] = {0.4f, 0.5f};

static void
fill(int kind, int begin, int end)
{
    for (int t = begin; t < end; t++)
        rows[t][kind] = 0.9f;
}

static json_t *
segments(size_t most)
{
    const kt_model_output_t output = {.classes = 2, .class_names = NAMES, .thresholds = THRESHOLDS};
    json_t                 *list   = kt_model_segments(&rows[0][0], MOST, 100, &output, most);
    cr_assert_not_null(list);
    return list;
}

static void
assert_row(const json_t *list, size_t index, double begin, double end, const char *kind)
{
    const json_t *row = kt_json_at(list, index);
    cr_assert_float_eq(kt_json_f64(row, "begin", -1), begin, 0.021, "%g", kt_json_f64(row, "begin", -1));
    cr_assert_float_eq(kt_json_f64(row, "end", -1), end, 0.021, "%g", kt_json_f64(row, "end", -1));
    cr_assert_str_eq(kt_json_str(row, "kind", ""), kind);
}

Test(segments, classes_overlap_and_come_in_the_order_of_time)
{
    fill(0, 100, 200);
    fill(1, 50, 400);
    json_t *list = segments(1000);
    cr_assert_eq(kt_json_count(list), 2);
    assert_row(list, 0, 0.5, 4, "music");
    assert_row(list, 1, 1, 2, "speech");
    kt_json_free(&list);
}

Test(segments, short_gaps_are_closed_and_short_stretches_dropped)
{
    fill(0, 10, 60);
    fill(0, 75, 120);   // 0.15 s later
    fill(0, 200, 210);  // 0.1 s
    fill(0, 300, 340);
    json_t *list = segments(1000);
    cr_assert_eq(kt_json_count(list), 2);
    assert_row(list, 0, 0.1, 1.2, "speech");
    assert_row(list, 1, 3, 3.4, "speech");
    kt_json_free(&list);
}

Test(segments, of_too_many_the_longest_stay)
{
    for (int i = 0; i < 4; i++)
        fill(0, i * 100, i * 100 + 30 + 10 * i);
    json_t *list = segments(2);
    cr_assert_eq(kt_json_count(list), 2);
    assert_row(list, 0, 2, 2.5, "speech");
    assert_row(list, 1, 3, 3.6, "speech");
    kt_json_free(&list);
}

Test(segments, nothing_above_is_an_empty_list)
{
    json_t *list = segments(1000);
    cr_assert_eq(kt_json_count(list), 0);
    kt_json_free(&list);
}
