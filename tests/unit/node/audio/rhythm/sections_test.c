// Sections of windows of 30 s that begin every 15 s.
#include "node/audio/rhythm/sections.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { HOP = 1500, WINDOWS = 9, END = (WINDOWS + 1) * HOP, MOST = WINDOWS };

// The sections of windows of these meters, a new one where the meter changes.
static size_t
sections_of(const int meters[WINDOWS], kt_section_t out[MOST])
{
    kt_window_t    windows[WINDOWS] = {0};
    kt_path_step_t steps[WINDOWS]   = {0};
    kt_section_t  *sections;
    size_t         count;
    for (size_t i = 0; i < WINDOWS; i++) {
        windows[i].begin = i * HOP;
        windows[i].end   = windows[i].begin + 2 * HOP;
        steps[i] =
            (kt_path_step_t){.period = 0.5, .signature = meters[i], .jumps = i == 0 || meters[i] != meters[i - 1]};
    }
    cr_assert_eq(kt_sections_of(windows, steps, WINDOWS, HOP, END, &sections, &count), KT_OK);
    for (size_t i = 0; i < count; i++)
        out[i] = sections[i];
    free(sections);
    return count;
}

Test(sections, neighbours_overlap_by_two_windows)
{
    kt_section_t section[MOST];
    cr_assert_eq(sections_of((int[WINDOWS]){4, 4, 4, 4, 3, 3, 3, 3, 3}, section), 2);
    cr_expect_eq(section[0].end - section[1].begin, 2 * HOP);
    cr_expect_eq(section[1].end, END);
}

Test(sections, those_around_one_window_without_a_beat_do_not_overlap)
{
    kt_section_t section[MOST];
    cr_assert_eq(sections_of((int[WINDOWS]){4, 4, 4, 4, 0, 3, 3, 3, 3}, section), 3);
    cr_expect_eq(section[0].end, section[2].begin);
    // The middle of the window without a beat.
    cr_expect_eq(section[0].end, 5 * HOP);
}

Test(sections, those_around_a_long_one_without_a_beat_reach_into_it)
{
    kt_section_t section[MOST];
    cr_assert_eq(sections_of((int[WINDOWS]){4, 4, 4, 0, 0, 0, 3, 3, 3}, section), 3);
    cr_expect_gt(section[2].begin, section[0].end);
    cr_expect_gt(section[0].end, section[1].begin);
}
