// Frame rates, lengths and bit rates from time stamps alone.
#include "node/decode/video_frame.h"
#include "node/decoder/counts/counts.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#define TICK_90K (1. / 90000)
#define NTSC (30000. / 1001)

static kt_counts_t       self;
static kt_media_counts_t out;

static void
begin(double tick_s, double declared_hz)
{
    kt_counts_init(&self, 1. / 44100, tick_s, declared_hz, false);
}

// Pictures first to last of this rate, rounded to ticks.
static void
pictures(double hz, double tick_s, int first, int last)
{
    for (int i = first; i < last; i++)
        kt_counts_picture(&self, round(i / hz / tick_s) * tick_s, 0, i % 10 ? 0 : KT_FRAME_KEY, 0);
}

static void
rate_of(double hz, double tick_s, double declared_hz, int n)
{
    begin(tick_s, declared_hz);
    pictures(hz, tick_s, 0, n);
    kt_counts_finish(&self, true, &out);
}

Test(counts, a_constant_rate_comes_out_exactly_whatever_the_ticks)
{
    static const double rates[] = {24000. / 1001, NTSC, 60000. / 1001, 10, 12.5, 15, 24, 25, 30, 50, 60};
    static const double ticks[] = {TICK_90K, 1e-3, 1. / 12800, 1. / 1200, 1. / 600};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        for (size_t j = 0; j < sizeof ticks / sizeof *ticks; j++) {
            rate_of(rates[i], ticks[j], 0, 240);
            cr_expect_eq(out.regular_hz, rates[i], "%g Hz in ticks of %g s: %.9g", rates[i], ticks[j], out.regular_hz);
            cr_expect_float_eq(out.video.end_s, 240 / rates[i], 2e-3);
        }
}

Test(counts, a_rate_that_is_not_usual_is_the_headers_or_the_mean)
{
    rate_of(2500. / 83, 1. / 2500, 2500. / 83, 200);
    cr_expect_eq(out.regular_hz, 2500. / 83);
    rate_of(2500. / 83, 1. / 2500, 29, 200);  // the header's rate is not that of the times
    cr_expect_float_eq(out.regular_hz, 2500. / 83, 1e-6);
}

Test(counts, ticks_as_long_as_a_picture_do_not_hide_a_gap)
{
    rate_of(25, 1. / 25, 25, 100);
    cr_expect_eq(out.regular_hz, 25);
    begin(1. / 25, 25);
    pictures(25, 1. / 25, 0, 50);
    pictures(25, 1. / 25, 51, 100);
    kt_counts_finish(&self, true, &out);
    cr_expect_eq(out.regular_hz, 0);
    cr_expect_float_eq(1 / out.frame_mean_s, 98 / (99. / 25), 1e-9);
    cr_expect_float_eq(out.frame_min_s, .04, 1e-9);
    cr_expect_float_eq(out.frame_max_s, .08, 1e-9);
}

Test(counts, a_picture_that_was_dropped_after_the_first_one_is_no_variable_rate_where_ticks_are_pictures)
{
    begin(1. / 15, 15);
    pictures(15, 1. / 15, 0, 1);
    pictures(15, 1. / 15, 2, 68);
    kt_counts_finish(&self, true, &out);
    cr_expect_eq(out.regular_hz, 15);
    cr_expect_float_eq(out.frame_max_s, 2. / 15, 1e-9);
    begin(TICK_90K, 15);
    pictures(15, TICK_90K, 0, 1);
    pictures(15, TICK_90K, 2, 68);
    kt_counts_finish(&self, true, &out);
    cr_expect_eq(out.regular_hz, 0);
}

Test(counts, times_that_move_about_have_no_grid)
{
    begin(1e-3, 30);
    srand(1);
    double time_s = 0;
    for (int i = 0; i < 300; i++) {
        kt_counts_picture(&self, time_s, 0, 0, 0);
        time_s += .02 + rand() % 30 * 1e-3;
    }
    kt_counts_finish(&self, true, &out);
    cr_expect_eq(out.regular_hz, 0);
    cr_expect_gt(out.frame_max_s, out.frame_min_s);
}

Test(counts, a_long_last_picture_lengthens_the_film_and_not_the_rate)
{
    begin(TICK_90K, 0);
    for (int i = 0; i < 50; i++)
        kt_counts_picture(&self, i / 25., i == 49 ? 3 : .04, 0, 0);
    kt_counts_finish(&self, true, &out);
    cr_expect_eq(out.regular_hz, 25);
    cr_expect_float_eq(out.video.end_s, 49 / 25. + 3, 1e-9);
}

Test(counts, a_short_last_picture_counts_a_whole_period)
{
    begin(TICK_90K, 0);
    for (int i = 0; i < 50; i++)
        kt_counts_picture(&self, 1 + i / 25., i == 49 ? .001 : .04, 0, 0);
    kt_counts_finish(&self, true, &out);
    cr_expect_float_eq(out.video.begin_s, 1, 1e-9);
    cr_expect_float_eq(out.video.end_s, 3, 1e-9);
}

Test(counts, one_picture_lasts_as_long_as_the_file_states)
{
    begin(TICK_90K, 25);
    kt_counts_picture(&self, 0, 0, KT_FRAME_KEY, 0);
    kt_counts_finish(&self, true, &out);
    cr_expect_eq(out.regular_hz, 0);
    cr_expect_float_eq(out.video.end_s, .04, 1e-9);
    begin(TICK_90K, 25);
    kt_counts_picture(&self, 0, 10, KT_FRAME_KEY, 0);
    kt_counts_finish(&self, true, &out);
    cr_expect_float_eq(out.video.end_s, 10, 1e-9);
}

Test(counts, key_frames_have_a_mean_and_a_longest_interval)
{
    rate_of(25, TICK_90K, 0, 95);
    cr_expect_eq(out.key_frames, 10);
    cr_expect_float_eq(out.key_interval_mean_s, .4, 1e-6);
    cr_expect_float_eq(out.key_interval_max_s, .4, 1e-6);
}

// Pictures of n_turns turns of this many fields each, from this time on; returns the time of the next one.
static double
turns_of_fields(double time_s, const int *fields, int n_fields, int n_turns, double tick_s)
{
    for (int i = 0; i < n_turns * n_fields; i++) {
        const int n = fields[i % n_fields];
        kt_counts_picture(&self, round(time_s / tick_s) * tick_s, 0, 0, (uint32_t)(n - 2));
        time_s += n / (2 * NTSC);
    }
    return time_s;
}

Test(counts, a_film_that_repeats_fields_has_the_rate_of_the_film)
{
    static const int    TURN[] = {3, 2}, FRAMES[] = {4, 6}, VIDEO[] = {2};
    static const double ticks[] = {TICK_90K, 1e-3};
    for (int shift = 0; shift < 2; shift++)
        for (size_t j = 0; j < 2; j++) {
            begin(ticks[j], NTSC);
            // Cut after the transfer: the turn is broken once.
            const double time_s = turns_of_fields(1, (const int[]){TURN[shift], TURN[!shift]}, 2, 60, ticks[j]);
            (void)turns_of_fields(time_s, TURN, 2, 60, ticks[j]);
            kt_counts_finish(&self, true, &out);
            cr_expect_eq(out.regular_hz, 24000. / 1001, "%d, %g: %.9g", shift, ticks[j], out.regular_hz);
            cr_expect(out.pulldown);
            cr_expect_float_eq(out.video.end_s, 1 + 240 / (24000. / 1001), .02);
        }
    begin(TICK_90K, 2 * NTSC);
    (void)turns_of_fields(0, FRAMES, 2, 60, TICK_90K);  // whole pictures of a stream of 60 Hz, in half of the time
    kt_counts_finish(&self, true, &out);
    cr_expect_float_eq(out.regular_hz, 12000. / 1001, 1e-3);
    begin(TICK_90K, NTSC);
    (void)turns_of_fields(turns_of_fields(0, TURN, 2, 60, TICK_90K), VIDEO, 1, 60, TICK_90K);
    kt_counts_finish(&self, true, &out);
    cr_expect_eq(out.regular_hz, 0, "a film with a part of video");
    cr_expect_not(out.pulldown);
}

Test(counts, times_that_do_not_keep_the_grid_of_fields_are_no_film)
{
    begin(TICK_90K, NTSC);
    for (int i = 0; i < 100; i++)
        kt_counts_picture(&self, i / 25. + (i % 2 ? .01 : 0), 0, 0, i % 2);
    kt_counts_finish(&self, true, &out);
    cr_expect_eq(out.regular_hz, 0);
}

static kt_counts_packet_t
packet(int64_t pts, int64_t dts)
{
    return (kt_counts_packet_t){.pts = pts, .dts = dts, .duration = 3600, .bytes = 1000, .key = pts % 36000 == 0};
}

// Decode order I P B B of pictures of 25 Hz.
static void
packets_with_b_pictures(int groups, bool pts)
{
    static const int order[] = {3, 1, 2};
    for (int g = 0; g < groups; g++)
        for (int i = 0; i < 3; i++) {
            kt_counts_packet_t p = packet((3 * g + order[i]) * 3600, (3 * g + i) * 3600);
            p.pts                = pts || i == 1 ? p.pts : KT_COUNTS_NO_TIME;
            kt_counts_packet(&self, KT_COUNTS_PICTURE, &p);
        }
}

Test(counts, pictures_that_nobody_decodes_are_counted_by_their_packets)
{
    begin(TICK_90K, 0);
    packets_with_b_pictures(100, true);
    kt_counts_finish(&self, false, &out);
    cr_expect_eq(out.regular_hz, 25);
    cr_expect_eq(out.video.packets, 300);
    cr_expect_eq(out.video.bytes, 300000);
    cr_expect_eq(out.video.decoded, 0);
    cr_expect_float_eq(out.video.begin_s, .04, 1e-9);
    cr_expect_float_eq(out.video.end_s, 12.04, 1e-9);
    cr_expect_float_eq(out.key_interval_mean_s, .4, 1e-9);
}

Test(counts, packets_without_times_are_counted_by_their_order_of_decoding)
{
    begin(TICK_90K, 0);
    packets_with_b_pictures(100, false);
    kt_counts_finish(&self, false, &out);
    cr_expect_eq(out.regular_hz, 25);
    cr_expect_float_eq(out.video.end_s - out.video.begin_s, 12, 1e-9);
}

static void
packets_of_one_picture(int first, int last)
{
    for (int i = first; i < last; i++) {
        kt_counts_packet_t p = packet(i * 3600, i * 3600);
        kt_counts_packet(&self, KT_COUNTS_PICTURE, &p);
    }
}

Test(counts, pictures_that_are_missing_some_packets_behind_damage_are_lost)
{
    begin(TICK_90K, 25);
    packets_of_one_picture(0, 10);
    packets_of_one_picture(15, 20);  // no damage: a gap of the film
    kt_counts_trouble(&self);
    packets_of_one_picture(20, 23);  // read ahead
    packets_of_one_picture(53, 60);
    packets_of_one_picture(80, 90);  // another gap
    kt_counts_finish(&self, false, &out);
    cr_expect_eq(out.video.lost_parts, 1);
    cr_expect_float_eq(out.video.lost_s, 30 / 25., .02);
    begin(TICK_90K, 25);
    packets_of_one_picture(0, 1);
    kt_counts_trouble(&self);
    packets_of_one_picture(41, 42);
    kt_counts_finish(&self, false, &out);
    cr_expect_float_eq(out.video.lost_s, 40 / 25., 1e-6);
}

Test(counts, packets_without_any_times_last_as_long_as_their_number_at_the_headers_rate)
{
    begin(TICK_90K, 25);
    for (int i = 0; i < 100; i++) {
        kt_counts_packet_t p = packet(KT_COUNTS_NO_TIME, KT_COUNTS_NO_TIME);
        kt_counts_packet(&self, KT_COUNTS_PICTURE, &p);
    }
    kt_counts_finish(&self, false, &out);
    cr_expect_eq(out.regular_hz, 0);
    cr_expect_float_eq(out.video.end_s, 4, 1e-9);
}

Test(counts, times_that_begin_again_continue)
{
    begin(TICK_90K, 0);
    packets_with_b_pictures(100, true);
    packets_with_b_pictures(50, true);
    kt_counts_finish(&self, false, &out);
    cr_expect_eq(out.regular_hz, 25);
    cr_expect_float_eq(out.video.end_s, 18.04, 1e-6, "%g", out.video.end_s);
}

Test(counts, packets_outside_the_edit_list_have_bytes_and_no_time)
{
    begin(TICK_90K, 0);
    for (int i = -5; i < 50; i++) {
        kt_counts_packet_t p = packet(i * 3600, i * 3600);
        p.hidden             = i < 0;
        kt_counts_packet(&self, KT_COUNTS_PICTURE, &p);
    }
    kt_counts_finish(&self, false, &out);
    cr_expect_eq(out.video.bytes, 55000);
    cr_expect_eq(out.frames, 50);
    cr_expect_float_eq(out.video.begin_s, 0, 1e-9);
    cr_expect_float_eq(out.video.end_s, 2, 1e-9);
}

Test(counts, some_pictures_decoded_leave_the_rate_to_the_packets)
{
    begin(TICK_90K, 0);
    packets_with_b_pictures(100, true);
    for (int i = 0; i < 10; i++)
        kt_counts_picture(&self, i, 0, KT_FRAME_KEY, 0);
    kt_counts_finish(&self, false, &out);
    cr_expect_eq(out.regular_hz, 25);
    cr_expect_eq(out.video.decoded, 10);
    cr_expect_float_eq(out.key_interval_mean_s, .4, 1e-9);
}

Test(counts, pictures_that_are_lost_leave_the_rate_to_the_packets)
{
    begin(TICK_90K, 0);
    packets_with_b_pictures(100, true);
    for (int i = 0; i < 300; i++)
        if (i % 50 > 5)
            kt_counts_picture(&self, (i + 1) / 25., .04, 0, 0);
    kt_counts_finish(&self, true, &out);
    cr_expect_eq(out.regular_hz, 25);
    cr_expect_eq(out.frames, 264);
    cr_expect_float_eq(out.frame_max_s, .28, 1e-9);
}

Test(counts, a_film_of_which_no_picture_can_be_decoded_is_counted_by_its_packets)
{
    begin(TICK_90K, 0);
    packets_with_b_pictures(100, true);
    kt_counts_finish(&self, true, &out);
    cr_expect_not(out.every_picture);
    cr_expect_eq(out.frames, 300);
    cr_expect_eq(out.regular_hz, 25);
}

Test(counts, sound_lasts_as_long_as_its_samples)
{
    begin(0, 0);
    for (int i = 0; i < 100; i++) {
        kt_counts_packet_t p = {.pts = i * 1152, .duration = 1152, .bytes = 417};
        kt_counts_packet(&self, KT_COUNTS_SOUND, &p);
    }
    kt_counts_sound(&self, .5, 44100, 44100);
    kt_counts_sound(&self, 7, 44100 * 3 / 2, 44100);  // only the first time counts
    kt_counts_finish(&self, false, &out);
    cr_expect_float_eq(out.audio.begin_s, .5, 1e-12);
    cr_expect_float_eq(out.audio.end_s, 3, 1e-12);
    cr_expect_float_eq(out.audio.coded_s, 100 * 1152 / 44100., 1e-9);
}

Test(counts, sound_that_nobody_decodes_lasts_as_long_as_its_packets)
{
    begin(0, 0);
    for (int i = 0; i < 10; i++) {
        kt_counts_packet_t p = {.pts = 44100 + i * 4410, .duration = 4410, .bytes = 417};
        kt_counts_packet(&self, KT_COUNTS_SOUND, &p);
    }
    kt_counts_finish(&self, false, &out);
    cr_expect_float_eq(out.audio.begin_s, 1, 1e-12);
    cr_expect_float_eq(out.audio.end_s, 2, 1e-12);
    cr_expect_eq(out.audio.decoded, 0);
}

Test(counts, durations_of_packets_that_are_wrong_do_not_count)
{
    begin(0, 0);
    kt_counts_packet_t p = {.duration = 44100 * 10, .bytes = 1000};
    kt_counts_packet(&self, KT_COUNTS_SOUND, &p);
    kt_counts_sound(&self, NAN, 44100, 44100);
    kt_counts_finish(&self, false, &out);
    cr_expect_eq(out.audio.begin_s, 0);
    cr_expect_float_eq(out.audio.coded_s, 1, 1e-12);
}

static int64_t
wild_stamp(void)
{
    switch (rand() % 5) {
    case 0: return KT_COUNTS_NO_TIME;
    case 1: return INT64_MAX - rand() % 9;
    case 2: return -INT64_MAX + rand() % 9;
    default: return rand() % 100000 - 50000;
    }
}

Test(counts, any_time_stamps_give_finite_numbers)
{
    for (unsigned seed = 0; seed < 300; seed++) {
        srand(seed);
        begin(rand() % 2 ? TICK_90K : 1, rand() % 2 ? 25 : 0);
        for (int i = rand() % 100; i > 0; i--) {
            kt_counts_packet_t p = {wild_stamp(),     wild_stamp(), wild_stamp(),
                                    (uint64_t)rand(), rand() % 2,   rand() % 9 == 0};
            kt_counts_packet(&self, rand() % 3 ? KT_COUNTS_PICTURE : KT_COUNTS_SOUND, &p);
            if (rand() % 3)
                kt_counts_picture(&self, (double)wild_stamp(), (double)wild_stamp(), (uint32_t)rand(),
                                  (uint32_t)rand() % 5);
            kt_counts_sound(&self, (double)wild_stamp(), (uint64_t)rand(), 44100);
        }
        kt_counts_finish(&self, rand() % 2, &out);
        const double numbers[] = {out.audio.begin_s, out.audio.end_s,         out.audio.coded_s,     out.video.begin_s,
                                  out.video.end_s,   out.regular_hz,          out.frame_min_s,       out.frame_mean_s,
                                  out.frame_max_s,   out.key_interval_mean_s, out.key_interval_max_s};
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            cr_expect(isfinite(numbers[i]), "seed %u, number %zu", seed, i);
        cr_expect_geq(out.video.end_s, out.video.begin_s, "seed %u", seed);
        cr_expect_geq(out.regular_hz, 0);
    }
}

Test(counts, nothing_at_all_is_zero)
{
    begin(0, 0);
    kt_counts_finish(&self, true, &out);
    cr_expect_eq(out.video.end_s, 0);
    cr_expect_eq(out.regular_hz, 0);
    cr_expect_eq(out.audio.coded_s, 0);
}
