// The network: loses, repeats and delays, and reorders where the seed says so. A connection is a handle; what is sent
// on one that is gone arrives nowhere.
#include "tests/sim/sim.h"

#include <stdlib.h>

static void
carry(sim_t *sim, sim_node_t *node, const sim_msg_t *msg, sim_event_type_t type)
{
    if (sim->now_ms < node->cut_until_ms || sim_chance(sim, sim->loss))
        return;
    int copies = 1 + sim_chance(sim, sim->repeat);
    for (int i = 0; i < copies; i++) {
        int64_t  at_ms = sim->now_ms + 1 + sim_random(sim, sim->jitter_ms + 1);
        int64_t *last  = type == SIM_TO_NODE ? &node->last_to_ms : &node->last_from_ms;
        if (sim->in_order && at_ms < *last)
            at_ms = *last;
        *last           = at_ms;
        sim_msg_t *copy = malloc(sizeof *copy);
        *copy           = *msg;
        sim_push(sim, (sim_event_t){.at_ms = at_ms, .type = type, .node = node->index, .msg = copy});
    }
}

void
sim_send_up(sim_t *sim, sim_node_t *node, const sim_msg_t *msg)
{
    sim_msg_t stamped = *msg;
    stamped.handle    = node->handle;
    stamped.node      = node->index;
    carry(sim, node, &stamped, SIM_TO_COORDINATOR);
}

void
sim_send_down(sim_t *sim, kt_node_handle_t handle, const sim_msg_t *msg)
{
    sim_msg_t stamped = *msg;
    stamped.handle    = handle;
    for (int i = 0; i < sim->n_nodes; i++)
        if (sim->nodes[i].handle == handle)
            carry(sim, &sim->nodes[i], &stamped, SIM_TO_NODE);
}
