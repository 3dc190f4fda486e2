#include "coordinator/cli/eta.h"

#include <criterion/criterion.h>

Test(eta, a_wrong_first_estimate_is_soon_forgotten)
{
    kt_eta_t eta = {0};
    cr_assert_float_eq(kt_eta_left(&eta, 0.05, 1), 19, 1e-9);  // the first files were slow
    kt_eta_left(&eta, 0.4, 2);
    cr_assert_lt(kt_eta_left(&eta, 0.6, 3), 3);  // at that speed 2
}

Test(eta, lines_each_30_s_follow_the_speed)
{
    kt_eta_t eta = {0};
    kt_eta_left(&eta, 0.01, 30);  // 3000 s in all; at the speed from then on 200
    kt_eta_left(&eta, 0.30, 60);
    kt_eta_left(&eta, 0.45, 90);
    cr_assert_float_eq(kt_eta_left(&eta, 0.60, 120), 80, 10);
}

Test(eta, one_long_file_does_not_make_it_jump)
{
    kt_eta_t eta  = {0};
    double   left = 0, before = kt_eta_left(&eta, 0.30, 60);
    for (int tenth = 1; tenth <= 20; tenth++) {  // no progress for 2 s, redrawn ten times per second
        left = kt_eta_left(&eta, 0.30, 60 + tenth * 0.1);
        cr_assert_float_eq(left, before, 1);
        before = left;
    }
}

Test(eta, the_end_is_never_in_the_past)
{
    kt_eta_t eta = {0};
    kt_eta_left(&eta, 0.9, 9);
    cr_assert_geq(kt_eta_left(&eta, 0.9, 9), 0);
    cr_assert_float_eq(kt_eta_left(&eta, 1, 100), 0, 1e-9);
}
