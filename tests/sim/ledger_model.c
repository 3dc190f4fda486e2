// The ledger: a lease with an epoch for each coordinator, one outcome a run, latency, times of trouble in which a
// request may have been carried out although nobody hears of it.
#include "tests/sim/sim.h"

#include <stdlib.h>

// A request is carried out at one instant and answered at another: the coordinator may die between the two.
void
sim_post(sim_t *sim, sim_request_t request)
{
    if (sim->ledger_busy_ms < sim->now_ms)
        sim->ledger_busy_ms = sim->now_ms;
    sim->ledger_busy_ms += sim_random(sim, sim->latency_ms + 1);
    request.coordinator = sim->me->coordinator;
    request.side        = sim->me->index;
    request.down_count  = sim->down_count;
    request.epoch       = sim->me->my_epoch;
    if (request.tag)
        request.tag->in_ledger++;
    sim_request_t *copy = malloc(sizeof *copy);
    *copy               = request;
    sim_push(sim,
             (sim_event_t){.at_ms = sim->ledger_busy_ms, .type = SIM_REQUEST, .side = request.side, .request = copy});
}

bool
sim_lease_is(const sim_t *sim, uint64_t epoch)
{
    for (int i = 0; i < sim->n_sides; i++)
        if (epoch && sim->sides[i].lease_epoch == epoch)
            return true;
    return false;
}

// What is claimed without a lease is free.
static void
free_claims(sim_t *sim)
{
    for (int i = 1; i <= sim->n_files; i++)
        if (sim->files[i].state == SIM_CLAIMED && !sim_lease_is(sim, sim->files[i].epoch) &&
            sim->mutation != SIM_NO_TAKE_OVER)
            sim->files[i].state = SIM_QUEUED;
}

void
sim_lease_drop(sim_t *sim, sim_side_t *side)
{
    sim_counts.leases_lost += side->lease_epoch != 0;
    side->lease_epoch = 0;
    free_claims(sim);
}

// Whoever comes to the ledger ends the leases that have run out.
static void
sweep(sim_t *sim, const sim_side_t *but)
{
    for (int i = 0; i < sim->n_sides; i++) {
        sim_side_t *side = &sim->sides[i];
        if (side == but || !side->lease_epoch || side->lease_until_ms > sim->now_ms + sim->clock_ms)
            continue;
        sim_counts.take_overs++;
        sim_lease_drop(sim, side);
    }
}

static void
open_lease(sim_t *sim, sim_request_t *request)
{
    sim_side_t *side     = &sim->sides[request->side];
    side->lease_epoch    = ++sim->epoch;
    side->lease_until_ms = sim->now_ms + sim->clock_ms + SIM_LEASE_MS;
    request->epoch       = sim->epoch;
    free_claims(sim);
    sweep(sim, side);
    sim_letters_take_over(sim, sim->epoch);
}

static void
renew_lease(sim_t *sim, sim_request_t *request)
{
    sim_side_t *side = &sim->sides[request->side];
    if (side->lease_epoch != request->epoch) {
        request->how = KT_STORED_FENCED;
        return;
    }
    side->lease_until_ms = sim->now_ms + sim->clock_ms + SIM_LEASE_MS;
    sweep(sim, side);
    sim_letters_take_over(sim, request->epoch);
}

static void
claim(sim_t *sim, sim_request_t *request)
{
    if (!sim_lease_is(sim, request->epoch)) {
        request->how = KT_STORED_FENCED;
        return;
    }
    for (int i = 1; i <= sim->n_files && request->n < request->want; i++) {
        if (sim->files[i].state != SIM_QUEUED || sim->files[i].wall_ms > sim->now_ms)
            continue;
        sim->files[i].state            = SIM_CLAIMED;
        sim->files[i].epoch            = request->epoch;
        sim->files[i].claimed_by       = request->epoch;
        sim->files[i].seen_ms          = sim->now_ms;
        request->claimed[request->n++] = (kt_run_id_t){(uint64_t)i, sim->files[i].run};
    }
}

static void
store(sim_t *sim, sim_request_t *request, bool success)
{
    sim_file_t *file = sim_file(sim, request->id);
    bool        ours = file->state == SIM_CLAIMED && file->epoch == request->epoch && sim_lease_is(sim, request->epoch);
    bool        fresh = file->state <= SIM_CLAIMED || sim->mutation == SIM_DOUBLE_STORE;
    if (request->id.run != file->run) {
        request->how = KT_STORED_ALREADY;  // of a run that a retry has replaced
    } else if (success && file->kind == SIM_BADDATA && fresh) {
        request->how = KT_STORED_BAD_DATA;
    } else if (file->state == SIM_CANCELLED) {
        request->how = KT_STORED_CANCELLED;
    } else if (!fresh) {
        request->how = KT_STORED_ALREADY;
    } else if (!success && !ours && sim->mutation != SIM_NO_FENCING) {
        request->how = KT_STORED_FENCED;
    } else if (!success && sim_chance(sim, sim->bad_failure)) {
        request->how = KT_STORED_BAD_DATA;
    } else {
        request->how = KT_STORED_NEW;
        sim_witness_outcome(sim, request, success);
        file->state = success ? SIM_DONE : SIM_FAILED;
        file->err   = request->err;
        file->results++;
        sim_letter_add(sim, request->id, &sim->sides[request->side]);
    }
}

static void
blame(sim_t *sim, const sim_request_t *request)
{
    sim_file_t *file = sim_file(sim, request->id);
    uint64_t    bit  = UINT64_C(1) << (request->want < 64 ? request->want : 63);
    bool        ours = file->state == SIM_CLAIMED && file->epoch == request->epoch && file->run == request->id.run;
    if (!ours || file->ordinals & bit)
        return;
    sim_counts.blames++;
    file->ordinals |= bit;
    file->blames++;
    file->crashes += request->err == KT_ENODELOST;
    if (file->blames - file->crashes >= SIM_MAX_ATTEMPTS || file->crashes >= KT_SCHED_LOSSES)
        sim_fail(sim, "file %llu was tried more often than permitted", (unsigned long long)request->id.job);
}

static void
release(sim_t *sim, const sim_request_t *request)
{
    sim_file_t *file = sim_file(sim, request->id);
    bool        ours = file->state == SIM_CLAIMED && file->epoch == request->epoch && file->run == request->id.run;
    if (ours)
        file->state = SIM_QUEUED;
}

// Nobody hears what became of these two, so they are repeated while the ledger is down; they are lost with the process,
// and a BLAME, on which nothing but justice depends, also without it.
static bool
is_told_in_vain(sim_t *sim, sim_event_t *event)
{
    const sim_request_t *request = event->request;
    bool                 orphan  = sim->me->dead || request->coordinator != sim->me->coordinator;
    bool                 trouble = sim->ledger_down || request->down_count != sim->down_count;
    if (request->type == SIM_BLAME && (orphan || trouble) && sim_chance(sim, 500)) {
        sim_counts.lost_blames++;
        return true;
    }
    return (orphan || sim->ledger_down) && sim_chance(sim, 500);
}

// Returns whether there is nothing left to do but to free the request.
static bool
run_untold(sim_t *sim, sim_event_t *event)
{
    sim_request_t *request = event->request;
    bool           alive   = !sim->me->dead && request->coordinator == sim->me->coordinator;
    if (sim->ledger_down && alive && request->type == SIM_RELEASE) {
        event->at_ms = sim->now_ms + 100;
        sim_push(sim, *event);
        return false;
    }
    if (is_told_in_vain(sim, event))
        return true;
    if (request->type == SIM_BLAME)
        blame(sim, request);
    else
        release(sim, request);
    return true;
}

void
sim_request_run(sim_t *sim, sim_event_t *event)
{
    sim_request_t *request = event->request;
    bool           lost    = sim->ledger_down || request->down_count != sim->down_count;
    if (request->type == SIM_BLAME || request->type == SIM_RELEASE) {
        if (run_untold(sim, event))
            free(request);
        return;
    }
    if (lost)
        request->down_count = UINT64_MAX;  // no answer, whatever happens
    if (lost && sim_chance(sim, 500))
        goto answer;  // it did not get there
    if (!lost && sim_chance(sim, sim->commit_unknown)) {
        request->unknown = true;
        sim_counts.unknown_commits++;
        if (sim_chance(sim, 500))
            goto answer;
    }
    if (request->type == SIM_OPEN)
        open_lease(sim, request);
    else if (request->type == SIM_RENEW)
        renew_lease(sim, request);
    else if (request->type == SIM_CLAIM)
        claim(sim, request);
    else
        store(sim, request, request->type == SIM_STORE);
answer:
    sim_push(sim, (sim_event_t){.at_ms   = sim->now_ms + sim_random(sim, 3),
                                .type    = SIM_ANSWER,
                                .side    = request->side,
                                .node    = -1,
                                .request = request});
}
