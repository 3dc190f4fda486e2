#include "coordinator/ledger/postgres/postgres.h"

#include <string.h>

void
kt_pg_moved(kt_pg_delta_t *delta, int from, int to)
{
    if (from >= 0)
        delta->state[from]--;
    if (to >= 0)
        delta->state[to]++;
}

void
kt_pg_put_delta(kt_pg_t *self, const kt_pg_delta_t *delta)
{
    static const kt_pg_delta_t none;
    if (memcmp(delta, &none, sizeof none) == 0)
        return;
    kt_pg_arg_text(self, self->name);
    for (int state = 0; state <= KT_JOB_CANCELLED; state++)
        kt_pg_arg_int(self, delta->state[state]);
    kt_pg_arg_int(self, delta->retried);
    kt_pg_arg_int(self, delta->processing_us);
    kt_pg_arg_int(self, delta->waiting);
    kt_pg_put(self, KT_PG_ADD_COUNTS);
}
