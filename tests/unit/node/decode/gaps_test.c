// Which frames around damage are left out, and how much time is missing.
#include "node/decoder/counts/gaps.h"

#include <criterion/criterion.h>
#include <math.h>

#define FRAME_S .026
enum { FRAME_BYTES = 417 };

static kt_gaps_t gaps;

// Frames that are kept of n, passed on with consecutive times from first on.
static int
frames(int n, int first, double *lost_s)
{
    int kept = 0;
    *lost_s  = 0;
    for (int i = 0; i < n; i++)
        if (kt_gaps_keep(&gaps, FRAME_S, FRAME_BYTES)) {
            *lost_s += kt_gaps_pass(&gaps, (first + i) * FRAME_S, FRAME_S, FRAME_BYTES);
            kept++;
        }
    return kept;
}

Test(gaps, without_damage_every_frame_is_kept)
{
    double lost_s;
    kt_gaps_init(&gaps, &(kt_gaps_policy_t){.before = 1, .after = 2});
    cr_expect_eq(frames(100, 0, &lost_s), 100);
    cr_expect_eq(lost_s, 0);
    cr_expect_eq(kt_gaps_end(&gaps, 100 * FRAME_S), 0);
    cr_expect_eq(gaps.parts, 0);
}

Test(gaps, time_stamps_say_what_is_missing)
{
    double lost_s;
    kt_gaps_init(&gaps, &(kt_gaps_policy_t){.after = 2});
    (void)frames(10, 0, &lost_s);
    kt_gaps_damage(&gaps, 0);
    cr_expect_eq(frames(10, 50, &lost_s), 8);
    cr_expect_float_eq(lost_s, 42 * FRAME_S, 1e-9);
    cr_expect_eq(gaps.parts, 1);
}

Test(gaps, without_time_stamps_the_bytes_say_it)
{
    double lost_s;
    kt_gaps_init(&gaps, &(kt_gaps_policy_t){.after = 1, .by_bytes = true});
    (void)frames(10, 0, &lost_s);
    kt_gaps_damage(&gaps, 20 * FRAME_BYTES);
    cr_expect_eq(frames(10, 10, &lost_s), 9);
    cr_expect_float_eq(lost_s, 21 * FRAME_S, 1e-9);
}

Test(gaps, a_frame_behind_damage_that_may_refer_to_it_is_left_out)
{
    static const struct {
        uint64_t bytes;
        int      kept;
    } rows[] = {{1044, 8}, {417, 7}, {104, 1}, {24, 0}};  // 320, 128, 32 kbit/s; the last is bounded
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int kept = 0;
        kt_gaps_init(&gaps, &(kt_gaps_policy_t){.after = 2, .reservoir = true});
        kt_gaps_damage(&gaps, 0);
        for (int k = 0; k < 10; k++)
            kept += kt_gaps_keep(&gaps, FRAME_S, rows[i].bytes);
        cr_expect_eq(kept, rows[i].kept, "%d of frames of %d bytes", kept, (int)rows[i].bytes);
        for (int k = 0; k < 10; k++)
            kept += kt_gaps_keep(&gaps, FRAME_S, rows[i].bytes);
        cr_expect_geq(kept, 4);
    }
}

Test(gaps, a_frame_that_waited_counts_as_missing)
{
    double lost_s;
    kt_gaps_init(&gaps, &(kt_gaps_policy_t){.before = 1});
    (void)frames(10, 0, &lost_s);
    kt_gaps_drop(&gaps, FRAME_S, FRAME_BYTES);
    kt_gaps_damage(&gaps, 0);
    cr_expect_eq(frames(1, 11, &lost_s), 1);
    cr_expect_float_eq(lost_s, FRAME_S, 1e-9);
}

Test(gaps, what_is_missing_at_the_end_is_returned_there)
{
    double lost_s;
    kt_gaps_init(&gaps, &(kt_gaps_policy_t){.after = 2});
    (void)frames(10, 0, &lost_s);
    kt_gaps_damage(&gaps, 0);
    cr_expect_float_eq(kt_gaps_end(&gaps, 30 * FRAME_S), 20 * FRAME_S, 1e-9);
    cr_expect_eq(kt_gaps_end(&gaps, 30 * FRAME_S), 0);
}

Test(gaps, times_that_are_unknown_or_wrong_leave_the_frames_themselves)
{
    kt_gaps_init(&gaps, &(kt_gaps_policy_t){.after = 1});
    cr_expect_eq(kt_gaps_pass(&gaps, NAN, FRAME_S, 0), 0);
    kt_gaps_damage(&gaps, 0);
    cr_expect_not(kt_gaps_keep(&gaps, FRAME_S, 0));
    cr_expect_float_eq(kt_gaps_pass(&gaps, NAN, FRAME_S, 0), FRAME_S, 1e-9);
    kt_gaps_damage(&gaps, 0);
    cr_expect_not(kt_gaps_keep(&gaps, FRAME_S, 0));
    cr_expect_float_eq(kt_gaps_pass(&gaps, 1e9, FRAME_S, 0), FRAME_S, 1e-9);
}

Test(gaps, of_joined_recordings_a_long_jump_is_none)
{
    kt_gaps_t self;
    for (int joined = 0; joined < 2; joined++)
        for (int jump = 0; jump < 2; jump++) {
            kt_gaps_init(&self, &(kt_gaps_policy_t){.joined = joined});
            cr_expect_eq(kt_gaps_pass(&self, 0, 20, 0), 0);
            kt_gaps_damage(&self, 0);
            const double lost_s = kt_gaps_pass(&self, jump ? 3600 : 30, .02, 0);
            cr_expect_float_eq(lost_s, jump ? (joined ? 0 : 3580) : 10, 1e-9);
        }
}
