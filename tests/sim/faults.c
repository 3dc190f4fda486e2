// What goes wrong, and when: drawn from the seed until the calm begins. Nothing is spared: whatever happens to the
// nodes that it ran on, every innocent file must have succeeded in the end.
#include "tests/sim/sim.h"

static void
node_fault(sim_t *sim, sim_node_t *node)
{
    if (!node->up)
        return;
    sim_witness_scare(sim, node);
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
    kt_run_id_t id   = {1 + sim_random(sim, (uint32_t)sim->n_files), 0};
    sim_file_t *file = sim_file(sim, id);
    id.run           = file->run;
    if (file->state > SIM_CLAIMED || file->wall_ms > sim->now_ms)
        return;
    file->state = SIM_CANCELLED;
    sim_tell(sim, &(kt_event_t){.type = KT_EV_CANCEL, .id = id});
}

// An operator wants one that is over to be done once more: a new run, of which nothing is known.
static void
retry_file(sim_t *sim)
{
    sim_file_t *file = sim_file(sim, (kt_run_id_t){1 + sim_random(sim, (uint32_t)sim->n_files), 1});
    if (file->state <= SIM_CLAIMED)
        return;
    file->run++;
    file->state  = SIM_QUEUED;
    file->blames = file->crashes = file->results = 0;
    file->kills = file->sendings = file->scares = 0;
    file->ordinals                              = 0;
    file->begun                                 = false;
    sim->n_retries++;
    sim_tell(sim, &(kt_event_t){.type = KT_EV_WORK});
}

// The ledger knows it, too: a coordinator that is not there is told when it comes.
static void
drain(sim_t *sim, const char *host, bool on)
{
    *sim_drained(sim, host) = on;
    sim_tell(sim, &(kt_event_t){.type = KT_EV_DRAIN, .drain = {host, on}});
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
    for (int i = 0; i < SIM_HOSTS; i++)
        drain(sim, SIM_HOST_NAMES[i], false);
}

void
sim_fault(sim_t *sim)
{
    bool calm = sim->now_ms >= SIM_CALM_AT_MS;
    sim_push(sim, (sim_event_t){.at_ms = sim->now_ms + (calm ? 1000 : 200 + sim_random(sim, 3000)), .type = SIM_FAULT});
    if (calm) {
        sim_witness_calm(sim);
        if (sim->now_ms / 1000 % 10 == 0)
            undrain_all(sim);
        return;
    }
    uint32_t what = sim_random(sim, 11);
    if (what < 4)
        node_fault(sim, &sim->nodes[sim_random(sim, (uint32_t)sim->n_nodes)]);
    else if (what < 7)
        coordinator_fault(sim);
    else if (what < 8)
        cancel_file(sim);
    else if (what < 9)
        sim_tell(sim, &(kt_event_t){.type = KT_EV_WORK});
    else if (what < 10)
        drain(sim, "host-b", sim_chance(sim, 500));
    else
        retry_file(sim);
}

// The calm: nothing is lost any more, the operator lets every node work again.
void
sim_heal(sim_t *sim)
{
    sim->loss = sim->repeat = sim->commit_unknown = sim->bad_failure = sim->no_memory = 0;
    sim->die_after                                                                    = 0;
    sim_ledger_up(sim);
    undrain_all(sim);
}
