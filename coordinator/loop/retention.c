#include "coordinator/loop/retention.h"

#include "common/log.h"

// A full piece means that there is more, and the next one follows at once. After an error it follows in a minute.
static void
retention_on_answered(void *context, kt_ledger_request_t **request_p)
{
    kt_retention_t            *self    = context;
    const kt_ledger_request_t *request = *request_p;
    self->asked                        = false;
    if (request->err)
        return;
    self->removed += request->retain.n;
    if (request->retain.n == request->retain.want)
        self->next_ms = 0;
    if (request->retain.n)
        kt_log_info("RETENTION", "removed=%zu before_ms=%lld", request->retain.n, (long long)request->retain.before_ms);
}

kt_ledger_request_t *
kt_retention_tick(kt_retention_t *self, int64_t days, int64_t now_ms, int64_t wall_ms)
{
    if (days <= 0 || self->asked || now_ms < self->next_ms)
        return NULL;
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_RETAIN, self);
    if (!request)
        return NULL;
    self->asked               = true;
    self->next_ms             = now_ms + KT_RETENTION_MINUTE_MS;
    request->answered         = retention_on_answered;
    request->retain.before_ms = wall_ms - days * 24 * 3600 * 1000;
    request->retain.want      = KT_RETENTION_PIECE;
    return request;
}
