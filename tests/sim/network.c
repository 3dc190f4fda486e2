// The network: loses, repeats and delays, and reorders where the seed says so. A connection is a handle; what is sent
// on a closed one is lost.
#include "tests/sim/sim.h"

#include <stdlib.h>

static void
carry(sim_t *sim, sim_node_t *node, int side, const sim_msg_t *msg, sim_event_type_t type)
{
    sim_conn_t *conn = &node->conns[side];
    if (sim->now_ms < conn->cut_until_ms)
        return;
    if (sim_chance(sim, sim->loss)) {
        sim_counts.lost++;
        return;
    }
    int copies = 1 + sim_chance(sim, sim->repeat);
    sim_counts.repeated += copies > 1;
    for (int i = 0; i < copies; i++) {
        int64_t  at_ms = sim->now_ms + 1 + sim_random(sim, sim->jitter_ms + 1);
        int64_t *last  = type == SIM_TO_NODE ? &conn->last_to_ms : &conn->last_from_ms;
        if (sim->in_order && at_ms < *last)
            at_ms = *last;
        *last           = at_ms;
        sim_msg_t *copy = malloc(sizeof *copy);
        *copy           = *msg;
        sim_push(sim, (sim_event_t){.at_ms = at_ms, .type = type, .node = node->index, .side = side, .msg = copy});
    }
}

void
sim_send_up(sim_t *sim, sim_node_t *node, int side, const sim_msg_t *msg)
{
    sim_msg_t stamped = *msg;
    stamped.handle    = node->conns[side].handle;
    stamped.node      = node->index;
    stamped.side      = side;
    carry(sim, node, side, &stamped, SIM_TO_COORDINATOR);
}

void
sim_send_down(sim_t *sim, kt_node_handle_t handle, const sim_msg_t *msg)
{
    sim_msg_t stamped = *msg;
    stamped.handle    = handle;
    for (int i = 0; i < sim->n_nodes; i++)
        for (int side = 0; side < sim->n_sides; side++) {
            stamped.side = side;
            if (sim->nodes[i].conns[side].handle == handle)
                carry(sim, &sim->nodes[i], side, &stamped, SIM_TO_NODE);
        }
}
