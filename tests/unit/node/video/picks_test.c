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

Test(picks, every_started_five_minutes_have_their_pictures)
{
    kt_picks_t picks;
    kt_picks_init(&picks, 30, 301);
    cr_expect_geq(take(&picks, 301, 301, NULL, NULL), 58);
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
