// What goes wrong, and when: drawn from the seed until the calm begins. Nothing is excused: whatever happens to the
// nodes that it ran on, every innocent file must have succeeded in the end.
#include "tests/sim/sim.h"

enum { SILENT_MS = 4000 };  // the heartbeat that ends a silent connection

static void
node_fault(sim_t *sim, sim_node_t *node)
{
    if (!node->up)
        return;
    int side = (int)sim_random(sim, (uint32_t)sim->n_sides);
    sim_witness_scare(sim, node);
    switch (sim_random(sim, 5)) {
    case 0:
        sim_counts.node_kills++;
        sim_node_crash(sim, node);
        break;
    case 1:
        sim_counts.cuts++;
        node->conns[side].cut_until_ms = sim->now_ms + sim_random(sim, 8000);
        break;
    case 2:  // the same process on a new connection
        sim_counts.reconnects++;
        node->conns[side].handle = ++sim->next_handle;
        if (sim_chance(sim, 500))  // and it notices
            sim_node_away(sim, node, side);
        break;
    case 3:
        sim_counts.freezes++;
        node->frozen_until_ms = sim->now_ms + sim_random(sim, SIM_FREEZE_MS);
        break;
    default:
        sim_counts.leaves++;
        node->leaving = true;
        break;
    }
}

static sim_side_t *
any_side(sim_t *sim)
{
    return &sim->sides[sim_random(sim, (uint32_t)sim->n_sides)];
}

// An operator cancels a file, or retries one that has ended: a new run without history.
static void
ask_file(sim_t *sim, kt_ask_type_t type)
{
    kt_run_id_t         id  = {1 + sim_random(sim, (uint32_t)sim->n_files), 0};
    const kt_job_row_t *row = sim_row(sim, id.job);
    if (row && (row->state > KT_JOB_CLAIMED) == (type == KT_ASK_RETRY))
        sim_coordinator_ask(sim, any_side(sim), type, id, NULL);
}

// Through one coordinator; the other one reads it in the ledger.
static void
drain(sim_t *sim, const char *host, bool on)
{
    sim_coordinator_ask(sim, any_side(sim), on ? KT_ASK_DRAIN : KT_ASK_UNDRAIN, (kt_run_id_t){0}, host);
}

// Stopped, possibly for so long that its connections end; it resumes with its old state.
static void
freeze(sim_t *sim, sim_side_t *side)
{
    int64_t for_ms         = 500 + sim_random(sim, 6000);
    side->stopped_until_ms = sim->now_ms + for_ms;
    sim_counts.coordinator_freezes++;
    for (int i = 0; i < sim->n_nodes && for_ms > SILENT_MS; i++)
        sim_push(sim, (sim_event_t){.at_ms      = sim->now_ms + SILENT_MS + sim_random(sim, 100),
                                    .type       = SIM_AWAY,
                                    .node       = i,
                                    .side       = side->index,
                                    .generation = side->coordinator});
}

static void
coordinator_fault(sim_t *sim)
{
    sim_side_t *side = any_side(sim);
    switch (sim_random(sim, 6)) {
    case 0: side->die_after = 1 + sim_random(sim, 60); break;
    case 1: freeze(sim, side); break;
    case 2: sim_lease_steal(sim, side); break;
    case 3:
        sim_counts.ledger_downs += !sim->ledger_down;
        sim->ledger_down = true;
        break;
    case 4:
        sim_counts.clock_jumps++;
        sim->clock_ms += (int64_t)sim_random(sim, 20000) - 10000;
        break;
    default: sim->ledger_down = false; break;
    }
}

// Nodes that the scheduler took for black holes, too: the operator looked at them. Always through the same coordinator:
// the other one has to read it in the ledger.
static void
undrain_all(sim_t *sim)
{
    sim_side_t *side = &sim->sides[sim->sides[0].gone];
    for (int i = 0; i < SIM_HOSTS; i++)
        sim_coordinator_ask(sim, side, KT_ASK_UNDRAIN, (kt_run_id_t){0}, SIM_HOST_NAMES[i]);
}

void
sim_fault(sim_t *sim)
{
    bool calm = sim->now_ms >= SIM_CALM_AT_MS;
    sim_push(sim, (sim_event_t){.at_ms = sim->now_ms + (calm ? 1000 : 200 + sim_random(sim, 3000)),
                                .type  = SIM_FAULT,
                                .node  = -1});
    if (calm) {
        sim_witness_calm(sim);
        if (sim->now_ms / 1000 % 10 == 0)
            undrain_all(sim);
        return;
    }
    uint32_t what = sim_random(sim, 12);
    if (what < 4)
        node_fault(sim, &sim->nodes[sim_random(sim, (uint32_t)sim->n_nodes)]);
    else if (what < 7)
        coordinator_fault(sim);
    else if (what < 8)
        ask_file(sim, KT_ASK_CANCEL);
    else if (what < 9)
        sim_coordinator_work(sim, any_side(sim));
    else if (what < 10)
        drain(sim, "host-b", sim_chance(sim, 500));
    else if (what < 11)
        ask_file(sim, KT_ASK_RETRY);
    else
        sim->unroutable = !sim->unroutable;
}

// The calm: nothing is lost any more, the operator undrains every node.
void
sim_heal(sim_t *sim)
{
    sim->loss = sim->repeat = sim->commit_unknown = sim->disk_error = sim->slow_answer = sim->bad_failure =
        sim->no_memory                                                                 = 0;
    sim->broker_loss = sim->confirm_loss = sim->broker_full = 0;
    for (int i = 0; i < sim->n_sides; i++)
        sim->sides[i].die_after = 0;
    sim->ledger_down = sim->unroutable = false;
    undrain_all(sim);
}
