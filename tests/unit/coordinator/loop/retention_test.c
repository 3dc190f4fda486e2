#include "coordinator/loop/retention.h"

#include <criterion/criterion.h>

enum { DAY_MS = 24 * 3600 * 1000 };

static void
answer(kt_ledger_request_t *request, kt_err_t err, size_t n)
{
    request->err      = err;
    request->retain.n = n;
    request->answered(request->context, &request);
    kt_ledger_request_destroy(&request);
}

Test(retention, zero_days_is_never)
{
    kt_retention_t self = {0};
    cr_assert_null(kt_retention_tick(&self, 0, 1, 1000));
}

Test(retention, once_a_minute_and_one_piece_at_a_time)
{
    kt_retention_t       self    = {0};
    kt_ledger_request_t *request = kt_retention_tick(&self, 2, 5, 10L * DAY_MS);
    cr_assert_not_null(request);
    cr_assert_eq(request->retain.before_ms, 8L * DAY_MS);
    cr_assert_null(kt_retention_tick(&self, 2, 5 + 2 * KT_RETENTION_MINUTE_MS, 10L * DAY_MS), "the first is out");
    answer(request, KT_OK, 3);
    cr_assert_eq(self.removed, 3);
    cr_assert_null(kt_retention_tick(&self, 2, 4 + KT_RETENTION_MINUTE_MS, 10L * DAY_MS));
    request = kt_retention_tick(&self, 2, 5 + KT_RETENTION_MINUTE_MS, 10L * DAY_MS);
    cr_assert_not_null(request);
    kt_ledger_request_destroy(&request);
}

Test(retention, a_full_piece_is_followed_by_the_next_and_an_error_is_not)
{
    kt_retention_t       self    = {0};
    kt_ledger_request_t *request = kt_retention_tick(&self, 1, 5, 10L * DAY_MS);
    answer(request, KT_OK, KT_RETENTION_PIECE);
    request = kt_retention_tick(&self, 1, 6, 10L * DAY_MS);
    cr_assert_not_null(request);
    answer(request, KT_EDISK, KT_RETENTION_PIECE);
    cr_assert_eq(self.removed, KT_RETENTION_PIECE);
    cr_assert_null(kt_retention_tick(&self, 1, 7, 10L * DAY_MS));
}
