#include "node/video/models/picks.h"
#include "node/video/models/sampled.h"

#include <criterion/criterion.h>
#include <math.h>

// One sample per second in the middle of each, in shots of this length; the times that were taken are counted per shot.
static size_t
take(kt_picks_t *self, int seconds, int shot_s, int *of_shot, double *longest_gap)
{
    size_t taken = 0;
    double last  = 0;
    for (int s = 0; s < seconds; s++)
        if (kt_picks_take(self, s + 0.5, (size_t)(s / shot_s))) {
            taken++;
            if (of_shot)
                of_shot[s / shot_s]++;
            if (longest_gap)
                *longest_gap = fmax(*longest_gap, s + 0.5 - last);
            last = s + 0.5;
        }
    return taken;
}

Test(picks, a_short_film_is_looked_at_whole)
{
    kt_picks_t picks;
    kt_picks_init(&picks, 30, 20);
    cr_expect_eq(take(&picks, 20, 20, NULL, NULL), 20);
}

Test(picks, zero_takes_all)
{
    kt_picks_t picks;
    kt_picks_init(&picks, 0, 600);
    cr_expect_eq(take(&picks, 600, 600, NULL, NULL), 600);
}

Test(picks, one_long_shot_is_sampled_evenly)
{
    kt_picks_t picks;
    double     gap = 0;
    kt_picks_init(&picks, 30, 300);
    const size_t n = take(&picks, 300, 300, NULL, &gap);
    cr_expect(n >= 29 && n <= 30, "%zu", n);
    cr_expect(gap <= 45, "%g", gap);  // while the budget grows to the pictures that ran ahead
}

Test(picks, every_shot_is_looked_at_before_any_is_looked_at_a_third_time)
{
    kt_picks_t picks;
    int        of_shot[25] = {0};
    kt_picks_init(&picks, 30, 300);
    const size_t n = take(&picks, 300, 12, of_shot, NULL);
    cr_expect_leq(n, 30);
    for (int s = 0; s < 25; s++)
        cr_expect(of_shot[s] >= 1 && of_shot[s] <= 2, "shot %d: %d", s, of_shot[s]);
}

Test(picks, more_shots_than_pictures_are_spread_over_the_film)
{
    kt_picks_t picks;
    int        of_shot[150] = {0}, late = 0;
    kt_picks_init(&picks, 30, 300);
    const size_t n = take(&picks, 300, 2, of_shot, NULL);
    cr_expect(n >= 28 && n <= 30, "%zu", n);
    for (int s = 75; s < 150; s++)
        late += of_shot[s];
    cr_expect_geq(late, 10);
}

// The most pictures that were taken within 300 s of a film of shots of these lengths, from each multiple of 300 s on.
static size_t
most_of_a_part(double duration_s, int seconds, int shot_s)
{
    kt_picks_t picks;
    size_t     of_part[20] = {0}, most = 0;
    kt_picks_init(&picks, 30, duration_s);
    for (int s = 0; s < seconds; s++)
        of_part[s / 300] += kt_picks_take(&picks, s + 0.5, (size_t)(s / shot_s));
    for (int p = 0; p < 20; p++)
        most = most > of_part[p] ? most : of_part[p];
    return most;
}

Test(picks, no_five_minutes_have_more_than_the_setting_whatever_the_length)
{
    static const int LENGTHS[] = {29, 31, 299, 300, 301, 420, 599, 600, 601, 1800, 5400}, SHOTS[] = {1, 2, 7, 40, 9999};
    for (size_t l = 0; l < sizeof LENGTHS / sizeof *LENGTHS; l++)
        for (size_t s = 0; s < sizeof SHOTS / sizeof *SHOTS; s++) {
            cr_expect_leq(most_of_a_part(LENGTHS[l], LENGTHS[l], SHOTS[s]), 30);
            cr_expect_leq(most_of_a_part(0, LENGTHS[l], SHOTS[s]), 30);
            cr_expect_leq(most_of_a_part(LENGTHS[l] / 3.0, LENGTHS[l], SHOTS[s]), 30);
        }
}

Test(picks, a_film_of_little_more_than_five_minutes_has_the_setting_and_its_rest)
{
    kt_picks_t picks;
    kt_picks_init(&picks, 30, 320);
    const size_t n = take(&picks, 320, 320, NULL, NULL);
    cr_expect(n >= 48 && n <= 50, "%zu", n);
}

Test(picks, shots_shorter_than_the_distance_of_pictures_have_one_each)
{
    for (int shot_s = 2; shot_s < 9; shot_s++) {
        kt_picks_t picks;
        int        of_shot[150] = {0};
        kt_picks_init(&picks, 30, 300);
        cr_expect_geq(take(&picks, 300, shot_s, of_shot, NULL), 28);
        for (int s = 0; s < 150; s++)
            cr_expect_leq(of_shot[s], 1, "shot %d of %d s", s, shot_s);
    }
}

Test(picks, an_unknown_length_has_the_rate_of_pictures_and_bounds)
{
    kt_picks_t picks;
    kt_picks_init(&picks, 30, 0);
    const size_t n = take(&picks, 900, 900, NULL, NULL);
    cr_expect(n >= 89 && n <= 90, "%zu", n);
    kt_picks_init(&picks, 0, 0);
    cr_expect_eq(take(&picks, 2 * KT_SAMPLED_MOST, 7, NULL, NULL), KT_SAMPLED_MOST);
}

Test(picks, a_film_longer_than_declared_goes_on_at_the_rate)
{
    kt_picks_t picks;
    kt_picks_init(&picks, 30, 10);
    const size_t n = take(&picks, 1200, 1200, NULL, NULL);
    cr_expect(n >= 115 && n <= 130, "%zu", n);
}
