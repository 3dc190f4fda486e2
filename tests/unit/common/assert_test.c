#include "common/assert.h"

#include <criterion/criterion.h>
#include <signal.h>

Test(assert, what_holds_does_nothing)
{
    kt_assert(1 + 1 == 2);
}

Test(assert, what_does_not_hold_aborts, .signal = SIGABRT)
{
    kt_assert(1 + 1 == 3);
}

Test(assert, the_expression_is_evaluated_once)
{
    int times = 0;
    kt_assert(++times);
    cr_assert_eq(times, 1);
}
