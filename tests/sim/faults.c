// What goes wrong, and when: drawn from the seed until the calm begins. Faults that could be held against a file spare
// those innocent files that have had bad luck before, so that in the end every innocent file must have succeeded.
#include "tests/sim/sim.h"

// Whether losing this node now could make an innocent file fail that already was blamed once too often for chance.
static bool
would_be_unjust(sim_t *sim, const sim_node_t *node)
{
    for (uint32_t i = 0; i < node->n_items; i++) {
        const sim_file_t *file = sim_file(sim, node->items[i].id);
        if (sim_innocent(file) && file->blames + file->flakes + 2 >= SIM_MAX_ATTEMPTS)
            return true;
    }
    return false;
}

static void
node_fault(sim_t *sim, sim_node_t *node)
{
    if (!node->up || would_be_unjust(sim, node))
        return;
    switch (sim_random(sim, 4)) {
    case 0: sim_node_crash(sim, node); break;
    case 1: node->cut_until_ms = sim->now_ms + sim_random(sim, 8000); break;
    case 2: node->handle = ++sim->next_handle; break;  // the same process on a new connection
    default: node->leaving = true; break;
    }
}

static void
cancel_file(sim_t *sim)
{
    kt_run_id_t id   = {1 + sim_random(sim, (uint32_t)sim->n_files), 1};
    sim_file_t *file = sim_file(sim, id);
    if (file->state > SIM_CLAIMED || file->wall_ms > sim->now_ms)
        return;
    file->state = SIM_CANCELLED;
    sim_tell(sim, &(kt_event_t){.type = KT_EV_CANCEL, .id = id});
}

static void
coordinator_fault(sim_t *sim)
{
    switch (sim_random(sim, 5)) {
    case 0: sim->die_after = 1 + sim_random(sim, 60); break;
    case 1: sim->stopped_until_ms = sim->now_ms + 500 + sim_random(sim, 6000); break;
    case 2:  // somebody else took the lease over, and left again
        sim->epoch++;
        for (int i = 1; i <= sim->n_files; i++)
            if (sim->files[i].state == SIM_CLAIMED)
                sim->files[i].state = SIM_QUEUED;
        break;
    case 3: sim_ledger_down(sim); break;
    default: sim_ledger_up(sim); break;
    }
}

// Nodes that the scheduler took for black holes, too: the operator looked at them.
static void
undrain_all(sim_t *sim)
{
    static const char *const hosts[] = {"host-a", "host-b", "host-c", "host-d", "host-e"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        sim_tell(sim, &(kt_event_t){.type = KT_EV_DRAIN, .drain = {hosts[i], false}});
}

void
sim_fault(sim_t *sim)
{
    bool calm = sim->now_ms >= SIM_CALM_AT_MS;
    sim_push(sim,
             (sim_event_t){.at_ms = sim->now_ms + (calm ? 10000 : 200 + sim_random(sim, 3000)), .type = SIM_FAULT});
    if (calm) {
        undrain_all(sim);
        return;
    }
    uint32_t what = sim_random(sim, 10);
    if (what < 4)
        node_fault(sim, &sim->nodes[sim_random(sim, (uint32_t)sim->n_nodes)]);
    else if (what < 7)
        coordinator_fault(sim);
    else if (what < 8)
        cancel_file(sim);
    else if (what < 9)
        sim_tell(sim, &(kt_event_t){.type = KT_EV_WORK});
    else
        sim_tell(sim, &(kt_event_t){.type = KT_EV_DRAIN, .drain = {"host-b", sim_chance(sim, 500)}});
}

// The calm: nothing is lost any more, the operator lets every node work again.
void
sim_heal(sim_t *sim)
{
    sim->loss = sim->repeat = sim->commit_unknown = 0;
    sim->die_after                                = 0;
    sim_ledger_up(sim);
    undrain_all(sim);
}
