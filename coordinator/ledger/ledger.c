#include "coordinator/ledger/ledger.h"

#include <math.h>
#include <stdlib.h>

void
kt_outbox_row_fini(kt_outbox_row_t *self)
{
    free(self->bytes);
    free(self->properties);
    self->bytes = self->properties = NULL;
}

const char *
kt_job_state_name(kt_job_state_t state)
{
    static const char *const NAMES[] = {
        [KT_JOB_QUEUED] = "queued", [KT_JOB_CLAIMED] = "claimed",     [KT_JOB_DONE] = "done",
        [KT_JOB_FAILED] = "failed", [KT_JOB_CANCELLED] = "cancelled",
    };
    return (unsigned)state < sizeof NAMES / sizeof *NAMES ? NAMES[state] : "unknown";
}

void
kt_ledger_close(kt_ledger_t **self_p)
{
    if (*self_p)
        (*self_p)->ops->close(self_p);
}

double
kt_vector_distance(const kt_vector_t *a, const kt_vector_t *b)
{
    double dot = 0;
    for (size_t i = 0; i < a->n; i++)
        dot += a->value[i] * b->value[i];
    return fmax(0, 1 - dot);
}

void
kt_nearest_clear(kt_nearest_t *self)
{
    for (size_t i = 0; i < self->n; i++)
        free(self->out[i].file_path);
    self->n = 0;
}
