// The ledger's thread in virtual time, as coordinator/ledger/actor.h has it: requests in their order, retried while
// the ledger fails, STATE when that begins and ends. The ledger is the product's in memory. Failures come from
// here: times without a ledger, calls that fail, commits of which nothing is known, answers that take long.
#include "coordinator/ledger/calls.h"
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_PAUSE_MS = 20, LONGEST_PAUSE_MS = 5000, LATE_MS = 4000, LEASE_FOR_EVER_MS = 1000000000 };

static kt_ledger_group_t group;  // scratch arrays of a call

static void
requests_put(sim_requests_t *list, kt_ledger_request_t *request)
{
    list->at[(list->first + list->n++) % SIM_REQUESTS] = request;
}

static kt_ledger_request_t *
requests_take(sim_requests_t *list)
{
    kt_ledger_request_t *request = list->at[list->first];
    list->first                  = (list->first + 1) % SIM_REQUESTS;
    list->n--;
    return request;
}

// A request is carried out at one instant and answered at another: the coordinator may crash between the two.
static void
ledger_schedule(sim_t *sim, sim_side_t *side, int64_t pause_ms)
{
    if (side->ledger_busy_ms < sim->now_ms)
        side->ledger_busy_ms = sim->now_ms;
    side->ledger_busy_ms += pause_ms + sim_random(sim, sim->latency_ms + 1);
    sim_push(sim, (sim_event_t){.at_ms      = side->ledger_busy_ms,
                                .type       = SIM_LEDGER,
                                .side       = side->index,
                                .node       = -1,
                                .generation = side->coordinator});
}

kt_err_t
sim_ledger_post(void *context, kt_ledger_request_t **request_p)
{
    sim_side_t *side = context;
    sim_t      *sim  = side->sim;
    int         heap = sim_heap_of(SIM_HEAP_WORLD);
    bool        full = side->waiting.n >= sim->ledger_room;
    if (full) {
        sim_counts.overflows++;
    } else {
        sim_may_die(side);
        if ((*request_p)->type == KT_LREQ_STORE && sim->mutation == SIM_ACK_BEFORE_COMMIT)
            for (int i = 0; i < sim->n_nodes; i++)
                sim_send_down(sim, sim->nodes[i].conns[side->index].handle,
                              &(sim_msg_t){.type = SIM_MSG_ACK, .id = (*request_p)->store.result.id});
        requests_put(&side->waiting, *request_p);
        *request_p = NULL;
        if (side->waiting.n == 1)
            ledger_schedule(sim, side, 0);
    }
    sim_heap_of(heap);
    return full ? KT_EFULL : KT_OK;
}

static void
ledger_answer(sim_t *sim, sim_side_t *side, kt_ledger_request_t *request, kt_err_t err)
{
    request->err = err;
    if (side->answered.n == SIM_REQUESTS)
        sim_fail(sim, "the loop takes no answers");
    requests_put(&side->answered, request);
    if (side->answer_ms < sim->now_ms)
        side->answer_ms = sim->now_ms;
    side->late = sim_chance(sim, side->late && sim->slow_answer ? 500 : sim->slow_answer);
    side->answer_ms += sim_random(sim, side->late ? LATE_MS : 3);
    sim_push(sim, (sim_event_t){.at_ms      = side->answer_ms,
                                .type       = SIM_ANSWER,
                                .side       = side->index,
                                .node       = -1,
                                .generation = side->coordinator});
}

static void
ledger_answer_state(sim_t *sim, sim_side_t *side, kt_err_t err)
{
    if (side->reported == err)
        return;
    side->reported             = err;
    int                  heap  = sim_heap_of(SIM_HEAP_SIDE + side->index);
    kt_ledger_request_t *state = kt_ledger_request_new(KT_LREQ_STATE, NULL);
    sim_heap_of(heap);
    ledger_answer(sim, side, state, err);
}

static uint64_t
job_of(const kt_ledger_request_t *request)
{
    switch (request->type) {
    case KT_LREQ_STORE:
    case KT_LREQ_FAIL: return request->store.result.id.job;
    case KT_LREQ_ASK: return request->ask.ask.id.job;
    default: return 0;
    }
}

// Rows of another coordinator, which has crashed.
static void
answer_hide_rows(sim_t *sim, const sim_side_t *side, kt_ledger_request_t *request)
{
    size_t kept = 0;
    for (size_t i = 0; i < request->outbox.n; i++) {
        kt_outbox_row_t *row = &request->outbox.rows[i];
        int              at  = 0;
        while (sim->outcomes[at].id.job != row->run.job || sim->outcomes[at].id.run != row->run.run)
            at++;
        if (sim->outcomes[at].writer == side->coordinator)
            request->outbox.rows[kept++] = *row;
        else
            free(row->bytes);
    }
    request->outbox.n = kept;
}

// What a broken rule makes of an answer.
static void
answer_break(sim_t *sim, const sim_side_t *side, kt_ledger_request_t *request)
{
    bool outcome = request->type == KT_LREQ_STORE || request->type == KT_LREQ_FAIL;
    if (outcome && sim->mutation == SIM_DOUBLE_STORE && request->store.stored == KT_STORED_ALREADY)
        request->store.stored = KT_STORED_NEW;
    if (outcome && sim->mutation == SIM_NO_FENCING && request->store.stored == KT_STORED_FENCED)
        request->store.stored = KT_STORED_NEW;
    for (size_t i = 0; request->type == KT_LREQ_CLAIM && sim->mutation == SIM_FORGET_CRASHES && i < request->claim.n;
         i++)
        request->claim.claimed[i].crashes = 0;
    if (request->type == KT_LREQ_OUTBOX && sim->mutation == SIM_OUTBOX_STAYS)
        answer_hide_rows(sim, side, request);
}

static kt_err_t
ledger_call(sim_t *sim, sim_side_t *side, kt_ledger_request_t *request)
{
    uint64_t            job    = job_of(request);
    const kt_job_row_t *row    = job ? sim_row(sim, job) : NULL;
    kt_job_state_t      before = row ? row->state : KT_JOB_QUEUED;
    int                 heap   = sim_heap_of(SIM_HEAP_LEDGER);
    if (request->type == KT_LREQ_OPEN && sim->mutation == SIM_NO_TAKE_OVER)
        request->open.lease.length_ms = LEASE_FOR_EVER_MS;
    group.ledger = sim->ledger;
    group.lease  = side->lease;
    kt_err_t err = kt_ledger_call(&group, &request, 1);
    side->lease  = group.lease;
    sim_heap_of(heap);
    if (err)
        return err;
    answer_break(sim, side, request);
    sim_witness_request(sim, side, request, before);
    return KT_OK;
}

// A call whose answer is lost, carried out or not. The jobs of such a claim are in no coordinator's hand.
static void
ledger_call_unknown(sim_t *sim, sim_side_t *side, kt_ledger_request_t *request)
{
    bool done = sim_chance(sim, 500);
    sim_counts.unknown_commits++;
    if (!done)
        return;
    if (request->type != KT_LREQ_CLAIM) {
        if (ledger_call(sim, side, request))
            return;
        if (request->type == KT_LREQ_OUTBOX) {  // its rows come with the next call
            for (size_t i = 0; i < request->outbox.n; i++)
                free(request->outbox.rows[i].bytes);
            request->outbox.n = 0;
        }
        return;
    }
    kt_ledger_request_t *lost = kt_ledger_request_new(KT_LREQ_CLAIM, NULL);
    lost->claim.want          = request->claim.want;
    (void)!ledger_call(sim, side, lost);
    kt_ledger_request_destroy(&lost);
}

// The error of this call; KT_OK: none.
static kt_err_t
ledger_trouble(sim_t *sim, sim_side_t *side, kt_ledger_request_t *request)
{
    if (sim->ledger_down)
        return KT_EIO;
    if (sim_chance(sim, sim->disk_error)) {
        sim_counts.disk_errors++;
        return KT_EDISK;
    }
    if (!sim_chance(sim, sim->commit_unknown))
        return KT_OK;
    ledger_call_unknown(sim, side, request);
    return KT_EUNKNOWN_COMMIT;
}

static bool
is_final(sim_t *sim, const kt_ledger_request_t *request, kt_err_t err)
{
    bool outcome = request->type == KT_LREQ_STORE || request->type == KT_LREQ_FAIL;
    if (!err || kt_ledger_is_reading(request->type) || err == KT_EFENCED || kt_err_verdict(err) != KT_VERDICT_RETRY)
        return true;
    return err == KT_EUNKNOWN_COMMIT && (request->type == KT_LREQ_CLAIM || (outcome && sim_chance(sim, 500)));
}

void
sim_ledger_step(sim_t *sim, sim_side_t *side)
{
    kt_ledger_request_t *request = side->waiting.at[side->waiting.first];
    kt_err_t             err     = ledger_trouble(sim, side, request);
    bool                 failure = request->type == KT_LREQ_FAIL;
    if (!err && failure && sim_chance(sim, sim->bad_failure))
        request->store.stored = KT_STORED_BAD_DATA;
    else if (!err)
        err = ledger_call(sim, side, request);
    bool reading = kt_ledger_is_reading(request->type);
    if (!is_final(sim, request, err)) {
        ledger_answer_state(sim, side, err);
        ledger_schedule(sim, side, side->pause_ms);
        side->pause_ms = 2 * side->pause_ms < LONGEST_PAUSE_MS ? 2 * side->pause_ms : LONGEST_PAUSE_MS;
        return;
    }
    requests_take(&side->waiting);
    if (!reading) {
        ledger_answer_state(sim, side, KT_OK);
        side->pause_ms = FIRST_PAUSE_MS;
    }
    if (request->type == KT_LREQ_STORE && sim->mutation == SIM_FORGET_STORED && sim_chance(sim, 100))
        kt_ledger_request_destroy(&request);
    else
        ledger_answer(sim, side, request, err);
    if (side->waiting.n)
        ledger_schedule(sim, side, 0);
}

void
sim_ledger_finish(sim_t *sim, sim_side_t *side, size_t n)
{
    for (size_t i = 0; side->waiting.n; i++) {
        kt_ledger_request_t *request = requests_take(&side->waiting);
        if (i < n && !sim->ledger_down)
            (void)!ledger_call(sim, side, request);
        else
            sim_counts.lost_requests++;
        kt_ledger_request_destroy(&request);
    }
    while (side->answered.n) {
        kt_ledger_request_t *request = requests_take(&side->answered);
        kt_ledger_request_destroy(&request);
    }
}

void
sim_ledger_arrival(sim_t *sim, uint64_t file)
{
    char          body[96];
    kt_inserted_t how;
    uint64_t      id;
    kt_job_t      job = {.priority = KT_PRIORITY_NORMAL, .declared_duration_s = (double)sim->files[file].work_ms / 1e3};
    snprintf(job.message_id, sizeof job.message_id, "m%llu", (unsigned long long)file);
    snprintf(job.file_path, sizeof job.file_path, "/music/%llu.flac", (unsigned long long)file);
    int length =
        snprintf(body, sizeof body, "{\"message_id\":\"%s\",\"file_path\":\"%s\"}", job.message_id, job.file_path);
    kt_new_job_t row  = {.job = &job, .body = body, .body_bytes = (size_t)length, .wall_ms = sim->clock.wall_ms};
    int          heap = sim_heap_of(SIM_HEAP_LEDGER);
    kt_err_t     err  = sim->ledger->ops->insert_jobs(sim->ledger, &row, 1, &how, &id);
    sim_heap_of(heap);
    if (err || how != KT_INSERTED_NEW || id != file)
        sim_fail(sim, "file %llu became job %llu", (unsigned long long)file, (unsigned long long)id);
}

// Another process of that name opens a lease, and leaves.
void
sim_lease_steal(sim_t *sim, const sim_side_t *side)
{
    kt_lease_t lease;
    int        heap = sim_heap_of(SIM_HEAP_LEDGER);
    kt_err_t   err  = sim->ledger->ops->lease_open(sim->ledger, side->name, 1, &lease);
    sim_heap_of(heap);
    sim_counts.leases_lost += err == KT_OK;
}

const kt_job_row_t *
sim_row(sim_t *sim, uint64_t file)
{
    static kt_job_row_t row;
    size_t              n     = 0;
    kt_job_query_t      query = {.after_job = file - 1, .state = -1};
    if (sim->ledger->ops->jobs(sim->ledger, &query, &row, 1, &n) || !n || row.id.job != file)
        return NULL;
    return &row;
}

kt_totals_t
sim_totals(sim_t *sim)
{
    kt_totals_t totals = {0};
    if (sim->ledger->ops->totals(sim->ledger, sim->clock.wall_ms, &totals))
        sim_fail(sim, "no totals");
    return totals;
}
