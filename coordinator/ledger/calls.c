#include "coordinator/ledger/calls.h"

#include "common/clock.h"

#include <stdlib.h>

static kt_err_t
call_insert(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    int64_t wall_ms = kt_clock_wall_ms();
    for (size_t i = 0; i < n; i++)
        self->jobs[i] = (kt_new_job_t){.job              = &requests[i]->insert.job,
                                       .body             = requests[i]->insert.body,
                                       .body_bytes       = requests[i]->insert.body_bytes,
                                       .properties       = requests[i]->insert.properties,
                                       .properties_bytes = requests[i]->insert.properties_bytes,
                                       .wall_ms          = wall_ms};
    kt_err_t err = self->ledger->ops->insert_jobs(self->ledger, self->jobs, n, self->inserted, self->numbers);
    for (size_t i = 0; i < n && !err; i++) {
        requests[i]->insert.inserted = self->inserted[i];
        requests[i]->insert.id       = self->numbers[i];
    }
    return err;
}

static kt_err_t
call_open(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    (void)n;
    kt_lease_t *lease = &requests[0]->open.lease;
    kt_err_t    err   = self->ledger->ops->lease_open(self->ledger, lease->coordinator, lease->length_ms, &self->lease);
    if (!err)
        *lease = self->lease;
    return err;
}

static kt_err_t
call_renew(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    (void)requests, (void)n;
    return self->ledger->ops->lease_renew(self->ledger, &self->lease);
}

static kt_err_t
call_claim(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    (void)n;
    kt_ledger_request_t *request = requests[0];
    if (request->claim.want > KT_LEDGER_QUEUE)
        return KT_EINVAL;
    if (!request->claim.claimed)
        request->claim.claimed = calloc(request->claim.want + 1, sizeof *request->claim.claimed);
    if (!request->claim.claimed)
        return KT_ENOMEM;
    return self->ledger->ops->claim(self->ledger, &self->lease, request->claim.want, kt_clock_wall_ms(),
                                    request->claim.claimed, &request->claim.n);
}

static kt_err_t
call_release(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    for (size_t i = 0; i < n; i++)
        self->ids[i] = requests[i]->release.id;
    return self->ledger->ops->release(self->ledger, &self->lease, self->ids, n);
}

static kt_err_t
call_blame(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        self->attempts[i]           = requests[i]->blame.attempt;
        self->attempts[i].node_name = requests[i]->blame.node_name;
        if (!self->attempts[i].wall_ms)
            self->attempts[i].wall_ms = kt_clock_wall_ms();
    }
    return self->ledger->ops->blame(self->ledger, &self->lease, self->attempts, n);
}

static void
gather_results(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        kt_result_t *result = &self->results[i];
        *result             = requests[i]->store.result;
        result->detail      = requests[i]->store.detail;
        result->node_name   = requests[i]->store.node_name;
        result->document    = requests[i]->store.document;
        if (!result->wall_ms)
            result->wall_ms = kt_clock_wall_ms();
    }
}

static void
hand_out_stored(const kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    for (size_t i = 0; i < n; i++)
        requests[i]->store.stored = self->stored[i];
}

static kt_err_t
call_store(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    gather_results(self, requests, n);
    kt_err_t err = self->ledger->ops->store(self->ledger, self->results, n, self->stored);
    if (!err)
        hand_out_stored(self, requests, n);
    return err;
}

static kt_err_t
call_fail(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    gather_results(self, requests, n);
    kt_err_t err = self->ledger->ops->fail(self->ledger, &self->lease, self->results, n, self->stored);
    if (!err)
        hand_out_stored(self, requests, n);
    return err;
}

static kt_err_t
call_ask(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        self->asks[i]           = requests[i]->ask.ask;
        self->asks[i].node_name = requests[i]->ask.node_name;
    }
    kt_err_t err = self->ledger->ops->ask(self->ledger, self->asks, n);
    for (size_t i = 0; i < n && !err; i++) {
        requests[i]->ask.ask           = self->asks[i];
        requests[i]->ask.ask.node_name = requests[i]->ask.node_name;
    }
    return err;
}

static kt_err_t
call_reject(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        kt_reject_t *reject = &self->rejects[i];
        *reject             = requests[i]->reject.reject;
        reject->body        = requests[i]->reject.body;
        reject->reply       = requests[i]->reject.reply;
        reject->properties  = requests[i]->reject.properties;
        reject->message_id  = requests[i]->reject.message_id;
        reject->reason      = requests[i]->reject.reason;
        if (!reject->wall_ms)
            reject->wall_ms = kt_clock_wall_ms();
    }
    return self->ledger->ops->outbox_put(self->ledger, self->rejects, n);
}

static kt_err_t
call_replay(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    (void)n;
    return self->ledger->ops->outbox_replay(self->ledger, &requests[0]->replay);
}

static kt_err_t
call_outbox(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    (void)n;
    kt_ledger_request_t *request = requests[0];
    if (request->outbox.want > KT_LEDGER_PAGE)
        return KT_EINVAL;
    if (!request->outbox.rows)
        request->outbox.rows = calloc(request->outbox.want + 1, sizeof *request->outbox.rows);
    if (!request->outbox.rows)
        return KT_ENOMEM;
    return self->ledger->ops->outbox_take(self->ledger, &self->lease, request->outbox.after, request->outbox.want,
                                          request->outbox.rows, &request->outbox.n);
}

static kt_err_t
call_sent(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    (void)n;
    return self->ledger->ops->outbox_done(self->ledger, requests[0]->sent.ids, requests[0]->sent.n, kt_clock_wall_ms());
}

static kt_err_t
call_retain(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    (void)n;
    kt_ledger_request_t *request = requests[0];
    return self->ledger->ops->retain(self->ledger, request->retain.before_ms, request->retain.want, &request->retain.n);
}

static kt_err_t
call_story(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    (void)n;
    kt_ledger_request_t *request = requests[0];
    if (!request->story.rows)
        request->story.rows = calloc(KT_LEDGER_STORY, sizeof *request->story.rows);
    if (!request->story.rows)
        return KT_ENOMEM;
    return self->ledger->ops->story(self->ledger, request->story.job, request->story.rows, KT_LEDGER_STORY,
                                    &request->story.n);
}

static kt_err_t
call_totals(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    (void)n;
    return self->ledger->ops->totals(self->ledger, kt_clock_wall_ms(), &requests[0]->totals.totals);
}

static kt_err_t
call_jobs(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    (void)n;
    kt_ledger_request_t *request = requests[0];
    kt_job_query_t       query   = request->jobs.query;
    if (request->jobs.capacity > KT_LEDGER_PAGE)
        return KT_EINVAL;
    query.message_id  = request->jobs.message_id[0] ? request->jobs.message_id : NULL;
    query.path_prefix = request->jobs.path_prefix;
    if (!request->jobs.rows)
        request->jobs.rows = calloc(request->jobs.capacity + 1, sizeof *request->jobs.rows);
    if (!request->jobs.rows)
        return KT_ENOMEM;
    return self->ledger->ops->jobs(self->ledger, &query, request->jobs.rows, request->jobs.capacity, &request->jobs.n);
}

static kt_err_t
call_drained(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    (void)n;
    kt_ledger_request_t *request = requests[0];
    if (!request->drained.names)
        request->drained.names = calloc(KT_LEDGER_NAMES, sizeof *request->drained.names);
    if (!request->drained.names)
        return KT_ENOMEM;
    return self->ledger->ops->drained(self->ledger, request->drained.names, KT_LEDGER_NAMES, &request->drained.n);
}

static kt_err_t
call_call(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    (void)n;
    return requests[0]->call.run(requests[0]->call.args, self->ledger, &self->lease);
}

typedef struct row {
    kt_err_t (*call)(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n);
    bool grouped, reading;
} row_t;

static const row_t ROWS[] = {
    [KT_LREQ_INSERT]  = {call_insert, .grouped = true},
    [KT_LREQ_OPEN]    = {call_open},
    [KT_LREQ_RENEW]   = {call_renew},
    [KT_LREQ_CLAIM]   = {call_claim},
    [KT_LREQ_RELEASE] = {call_release, .grouped = true},
    [KT_LREQ_BLAME]   = {call_blame, .grouped = true},
    [KT_LREQ_STORE]   = {call_store, .grouped = true},
    [KT_LREQ_FAIL]    = {call_fail, .grouped = true},
    [KT_LREQ_ASK]     = {call_ask, .grouped = true},
    [KT_LREQ_REJECT]  = {call_reject, .grouped = true},
    [KT_LREQ_REPLAY]  = {call_replay},
    [KT_LREQ_OUTBOX]  = {call_outbox},
    [KT_LREQ_SENT]    = {call_sent},
    [KT_LREQ_RETAIN]  = {call_retain},
    [KT_LREQ_STORY]   = {call_story, .reading = true},
    [KT_LREQ_TOTALS]  = {call_totals, .reading = true},
    [KT_LREQ_JOBS]    = {call_jobs, .reading = true},
    [KT_LREQ_DRAINED] = {call_drained, .reading = true},
    [KT_LREQ_CALL]    = {call_call},
    [KT_LREQ_LOOK]    = {call_call, .reading = true},
};

static const row_t *
find(kt_ledger_request_type_t type)
{
    static const row_t none = {0};
    return (unsigned)type < sizeof ROWS / sizeof *ROWS ? &ROWS[type] : &none;
}

kt_err_t
kt_ledger_call(kt_ledger_group_t *self, kt_ledger_request_t *const *requests, size_t n)
{
    const row_t *row = find(requests[0]->type);
    return row->call ? row->call(self, requests, n) : KT_EINVAL;
}

bool
kt_ledger_is_grouped(kt_ledger_request_type_t type)
{
    return find(type)->grouped;
}

bool
kt_ledger_is_reading(kt_ledger_request_type_t type)
{
    return find(type)->reading;
}
