// The ledger: leases with epochs, one outcome a run, latency, times of trouble in which a request may have been carried
// out although nobody hears of it.
#include "tests/sim/sim.h"

#include <stdlib.h>

// A request is carried out at one instant and answered at another: the coordinator may die between the two.
void
sim_post(sim_t *sim, sim_request_t request)
{
    if (sim->ledger_busy_ms < sim->now_ms)
        sim->ledger_busy_ms = sim->now_ms;
    sim->ledger_busy_ms += sim_random(sim, sim->latency_ms + 1);
    request.coordinator = sim->coordinator;
    request.down_count  = sim->down_count;
    request.epoch       = sim->my_epoch;
    if (request.tag)
        request.tag->in_ledger++;
    sim_request_t *copy = malloc(sizeof *copy);
    *copy               = request;
    sim_push(sim, (sim_event_t){.at_ms = sim->ledger_busy_ms, .type = SIM_REQUEST, .request = copy});
}

static void
open_lease(sim_t *sim, sim_request_t *request)
{
    sim->epoch++;
    for (int i = 1; i <= sim->n_files; i++)
        if (sim->files[i].state == SIM_CLAIMED)
            sim->files[i].state = SIM_QUEUED;
    request->epoch = sim->epoch;
}

static void
claim(sim_t *sim, sim_request_t *request)
{
    if (request->epoch != sim->epoch) {
        request->how = KT_STORED_FENCED;
        return;
    }
    for (int i = 1; i <= sim->n_files && request->n < request->want; i++) {
        if (sim->files[i].state != SIM_QUEUED || sim->files[i].wall_ms > sim->now_ms)
            continue;
        sim->files[i].state            = SIM_CLAIMED;
        sim->files[i].epoch            = sim->epoch;
        request->claimed[request->n++] = (kt_run_id_t){(uint64_t)i, 1};
    }
}

static void
store(sim_t *sim, sim_request_t *request, bool success)
{
    sim_file_t *file  = sim_file(sim, request->id);
    bool        ours  = file->state == SIM_CLAIMED && file->epoch == request->epoch && request->epoch == sim->epoch;
    bool        fresh = file->state <= SIM_CLAIMED || sim->mutation == SIM_DOUBLE_STORE;
    if (success && file->kind == SIM_BADDATA && fresh) {
        request->how = KT_STORED_BAD_DATA;
    } else if (file->state == SIM_CANCELLED) {
        request->how = KT_STORED_CANCELLED;
    } else if (!fresh) {
        request->how = KT_STORED_ALREADY;
    } else if (!success && !ours) {
        request->how = KT_STORED_FENCED;
    } else {
        request->how = KT_STORED_NEW;
        file->state  = success ? SIM_DONE : SIM_FAILED;
        file->err    = request->err;
        if (++file->results > 1)
            sim_fail(sim, "file %llu has two outcomes", (unsigned long long)request->id.job);
        if (!success && sim_innocent(file))
            sim_fail(sim, "innocent file %llu failed with %s after %u blames, %u crashes",
                     (unsigned long long)request->id.job, kt_err_name(request->err), file->blames, file->crashes);
        if (success && !sim_innocent(file))
            sim_fail(sim, "file %llu cannot succeed and did", (unsigned long long)request->id.job);
    }
}

static void
blame(sim_t *sim, const sim_request_t *request)
{
    sim_file_t *file = sim_file(sim, request->id);
    if (file->state != SIM_CLAIMED || file->epoch != request->epoch || request->want <= file->blames)
        return;
    sim->n_blames++;
    file->crashes += request->err == KT_ENODELOST || request->err == KT_ECRASH;
    if (++file->blames >= SIM_MAX_ATTEMPTS)
        sim_fail(sim, "file %llu was tried more often than permitted", (unsigned long long)request->id.job);
}

static void
release(sim_t *sim, const sim_request_t *request)
{
    sim_file_t *file = sim_file(sim, request->id);
    if (file->state == SIM_CLAIMED && file->epoch == request->epoch)
        file->state = SIM_QUEUED;
}

void
sim_request_run(sim_t *sim, sim_event_t *event)
{
    sim_request_t *request = event->request;
    bool           durable = request->type == SIM_BLAME || request->type == SIM_RELEASE;  // the loop repeats these
    bool           lost    = !durable && (sim->ledger_down || request->down_count != sim->down_count);
    if (lost)
        request->down_count = UINT64_MAX;  // no answer, whatever happens
    if (lost && sim_chance(sim, 500))
        goto answer;  // it did not get there
    if (!lost && !durable && sim_chance(sim, sim->commit_unknown)) {
        request->unknown = true;
        if (sim_chance(sim, 500))
            goto answer;
    }
    if (request->type == SIM_OPEN)
        open_lease(sim, request);
    else if (request->type == SIM_CLAIM)
        claim(sim, request);
    else if (request->type == SIM_BLAME)
        blame(sim, request);
    else if (request->type == SIM_RELEASE)
        release(sim, request);
    else
        store(sim, request, request->type == SIM_STORE);
answer:
    sim_push(sim, (sim_event_t){.at_ms = sim->now_ms + sim_random(sim, 3), .type = SIM_ANSWER, .request = request});
}
