// The outbox and the broker: a row is written in the commit of its outcome, belongs to a lease, is published until the
// broker confirms it, and goes with the lease to whoever takes that over. The broker loses messages and confirms, so
// some arrive twice; none may be missing.
#include "tests/sim/sim.h"

enum { AGAIN_MS = 2000, TURN_MS = 100 };

void
sim_letter_add(sim_t *sim, kt_run_id_t id, const sim_side_t *writer)
{
    if (sim->n_rejects == SIM_LETTERS)
        sim_fail(sim, "more than %d outcomes", SIM_LETTERS);
    sim->rejects[sim->n_rejects++] = (sim_letter_t){.id = id, .epoch = writer->lease_epoch};
}

// With a lease, or its renewal, comes what nobody holds.
void
sim_letters_take_over(sim_t *sim, uint64_t epoch)
{
    for (int i = 0; i < sim->n_rejects && sim->mutation != SIM_LETTERS_STAY; i++) {
        sim_letter_t *reject = &sim->rejects[i];
        if (reject->confirmed || sim_lease_is(sim, reject->epoch))
            continue;
        reject->epoch   = epoch;
        reject->sent_ms = 0;
    }
}

static void
send(sim_t *sim, int i)
{
    sim_letter_t *reject = &sim->rejects[i];
    reject->sent_ms      = sim->now_ms;
    if (sim->mutation == SIM_CONFIRM_EARLY)
        reject->confirmed = true;
    if (sim_chance(sim, sim->broker_loss)) {
        sim_counts.lost_publishes++;
        return;
    }
    sim_counts.republished += reject->received > 0;
    sim_counts.published++;
    reject->received++;
    if (sim_chance(sim, sim->confirm_loss)) {
        sim_counts.lost_confirms++;
        return;
    }
    sim_push(sim, (sim_event_t){.at_ms  = sim->now_ms + 1 + sim_random(sim, 200),
                                .type   = SIM_CONFIRM,
                                .side   = sim->me->index,
                                .node   = -1,
                                .reject = i});
}

void
sim_publish(sim_t *sim, sim_side_t *side)
{
    sim_push(sim, (sim_event_t){.at_ms = sim->now_ms + TURN_MS, .type = SIM_PUBLISH, .side = side->index, .node = -1});
    if (side->dead || sim->ledger_down || side->opening)
        return;
    for (int i = 0; i < sim->n_rejects; i++) {
        const sim_letter_t *reject = &sim->rejects[i];
        bool                due    = !reject->sent_ms || sim->now_ms - reject->sent_ms >= AGAIN_MS;
        if (!reject->confirmed && due && reject->epoch == side->my_epoch && side->lease_epoch == side->my_epoch)
            send(sim, i);
    }
}

// Written into the ledger; while that is down, the coordinator forgets it with its life and publishes again.
void
sim_confirm(sim_t *sim, int reject)
{
    if (!sim->me->dead && !sim->ledger_down)
        sim->rejects[reject].confirmed = true;
}

bool
sim_letters_done(const sim_t *sim)
{
    for (int i = 0; i < sim->n_rejects; i++)
        if (!sim->rejects[i].confirmed)
            return false;
    return true;
}

void
sim_letters_check(sim_t *sim)
{
    for (int i = 0; i < sim->n_rejects; i++)
        if (!sim->rejects[i].received || !sim->rejects[i].confirmed)
            sim_fail(sim, "the outcome of file %llu, run %u, was published %u times, confirmed %d",
                     (unsigned long long)sim->rejects[i].id.job, sim->rejects[i].id.run, sim->rejects[i].received,
                     sim->rejects[i].confirmed);
}
