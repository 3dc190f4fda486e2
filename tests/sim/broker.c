// The broker: it loses messages and confirms, refuses some, and at times has no queue that takes them; so some messages
// arrive twice, and none may be missing.
#include "tests/sim/sim.h"

#include <stdlib.h>

static void
broker_receive(sim_t *sim, const kt_outbox_row_t *row)
{
    for (int i = 0; i < sim->n_outcomes; i++) {
        sim_outcome_t *outcome = &sim->outcomes[i];
        if (outcome->id.job != row->run.job || outcome->id.run != row->run.run)
            continue;
        sim_counts.published++;
        sim_counts.republished += outcome->received > 0;
        outcome->received++;
        return;
    }
    sim_fail(sim, "file %llu, run %u was published and has no outcome", (unsigned long long)row->run.job, row->run.run);
}

static kt_published_t
broker_publish(sim_t *sim, const kt_outbox_row_t *row)
{
    bool lost = sim_chance(sim, sim->broker_loss);
    sim_counts.lost_publishes += lost;
    if (lost)
        return sim->mutation == SIM_CONFIRM_EARLY ? KT_PUBLISHED_CONFIRMED : KT_PUBLISHED_LOST;
    if (sim->unroutable) {
        sim_counts.returned++;
        return sim_chance(sim, 800) ? KT_PUBLISHED_RETURNED : KT_PUBLISHED_REFUSED;
    }
    broker_receive(sim, row);
    if (!sim_chance(sim, sim->confirm_loss))
        return KT_PUBLISHED_CONFIRMED;
    sim_counts.lost_confirms++;
    return KT_PUBLISHED_LOST;
}

kt_err_t
sim_broker_send(void *context, kt_amqp_message_t **message_p)
{
    sim_side_t *side  = context;
    sim_t      *sim   = side->sim;
    int         heap  = sim_heap_of(SIM_HEAP_WORLD);
    int         place = 0;
    sim_may_die(side);
    while (place < SIM_PUBLISHING && side->publishing[place])
        place++;
    if (place == SIM_PUBLISHING || sim_chance(sim, sim->broker_full)) {
        sim_heap_of(heap);
        return KT_EFULL;
    }
    kt_amqp_message_t *message = *message_p;
    message->how               = broker_publish(sim, &message->row);
    side->publishing[place]    = message;
    *message_p                 = NULL;
    bool lost                  = message->how == KT_PUBLISHED_LOST;
    sim_push(sim, (sim_event_t){.at_ms      = sim->now_ms + 1 + sim_random(sim, lost ? 2000 : 200),
                                .type       = SIM_PUBLISHED,
                                .side       = side->index,
                                .node       = -1,
                                .place      = place,
                                .generation = side->coordinator});
    sim_heap_of(heap);
    return KT_OK;
}

bool
sim_outcomes_published(const sim_t *sim)
{
    for (int i = 0; i < sim->n_outcomes; i++)
        if (!sim->outcomes[i].received)
            return false;
    return true;
}

void
sim_outcomes_check(sim_t *sim)
{
    for (int i = 0; i < sim->n_outcomes; i++)
        if (!sim->outcomes[i].received)
            sim_fail(sim, "the outcome of file %llu, run %u, was never published",
                     (unsigned long long)sim->outcomes[i].id.job, sim->outcomes[i].id.run);
    if (sim_totals(sim).outbox_waiting)
        sim_fail(sim, "the outbox still has %llu rows", (unsigned long long)sim_totals(sim).outbox_waiting);
}
