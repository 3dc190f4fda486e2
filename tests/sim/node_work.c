// The node's workers: so many files at a time, each ending as its kind does.
#include "tests/sim/sim.h"

static bool
is_fatal(const sim_t *sim, const sim_file_t *file, const sim_item_t *item)
{
    bool exclusive = item->isolated && sim->mutation != SIM_NOT_ALONE;
    return file->kind == SIM_KILLER || (file->kind == SIM_POISON && !exclusive);
}

static void
kill_node(sim_t *sim, sim_node_t *node, const sim_item_t *item)
{
    sim_counts.node_crashes++;
    sim_witness_kill(sim, item);
    sim_witness_scare(sim, node);
    sim_node_crash(sim, node);
}

// What the file does when its time is over. Returns false when the node is no more.
static bool
end_work(sim_t *sim, sim_node_t *node, sim_item_t *item)
{
    sim_file_t *file = sim_file(sim, item->id);
    kt_err_t    err  = KT_OK;
    if (is_fatal(sim, file, item)) {
        kill_node(sim, node, item);
        return false;
    }
    if (file->kind == SIM_POISON)
        err = KT_ECRASH;
    else if (file->kind == SIM_MISSING || node->unfit)
        err = KT_ENOFILE;
    else if (file->kind == SIM_REJECT)
        err = KT_EFORMAT;
    else if (file->kind == SIM_FLAKY && file->flakes > 0)
        file->flakes--, err = KT_EIO;
    if (err == KT_ENOFILE && file->run == item->id.run)
        file->not_found |= 1u << node->index;
    sim_node_finish(sim, node, item, err);
    return true;
}

// Returns false when the node is no more.
static bool
begin_work(sim_t *sim, sim_node_t *node, sim_item_t *item)
{
    sim_file_t *file  = sim_file(sim, item->id);
    bool        fatal = is_fatal(sim, file, item);
    file->begun       = file->begun || file->run == item->id.run;
    item->state       = SIM_WORKING;
    item->until_ms    = file->kind == SIM_HANG ? INT64_MAX : sim->now_ms + file->work_ms * (node->slow ? 3 : 2) / 2;
    if (node->hoards)
        item->until_ms = INT64_MAX;
    sim_witness_advance(sim, node);
    if (fatal && sim_chance(sim, 200)) {  // before any message of it left
        kill_node(sim, node, item);
        return false;
    }
    sim_msg_t msg = {
        .type = SIM_MSG_STARTED, .id = item->id, .attempt = item->attempt, .credentials = {item->credential}};
    for (int side = 0; side < sim->n_sides; side++)
        if (item->side == side || item->orphan)
            sim_send_up(sim, node, side, &msg);
    if (fatal && sim_chance(sim, 300)) {
        kill_node(sim, node, item);
        return false;
    }
    return true;
}

// Nothing else is in work or waits for it.
static bool
is_alone(const sim_node_t *node, const sim_item_t *item)
{
    for (uint32_t i = 0; i < node->n_items; i++) {
        const sim_item_t *other = &node->items[i];
        if (other != item && (other->state == SIM_WORKING || (other->state == SIM_WAITING && !other->exclusive)))
            return false;
    }
    return true;
}

// What it has kept ends as the files of others do.
static void
stop_hoarding(sim_t *sim, sim_node_t *node)
{
    node->hoards = false;
    for (uint32_t i = 0; i < node->n_items; i++)
        if (sim_file(sim, node->items[i].id)->kind != SIM_HANG)
            node->items[i].until_ms = sim->now_ms;
}

void
sim_node_work(sim_t *sim, sim_node_t *node)
{
    uint32_t working = 0;
    if (sim->now_ms < node->frozen_until_ms)
        return;
    if (node->hoards && sim->now_ms >= SIM_HOARD_MS)
        stop_hoarding(sim, node);
    for (uint32_t i = 0; i < node->n_items; i++) {
        sim_item_t *item = &node->items[i];
        if (item->state == SIM_WORKING && item->until_ms <= sim->now_ms && !end_work(sim, node, item))
            return;
        working += item->state == SIM_WORKING;
        if (item->state == SIM_WORKING && (item->until_ms != INT64_MAX || node->hoards)) {
            node->progress++;
            sim_witness_advance(sim, node);
        }
    }
    for (uint32_t i = 0; i < node->n_items && (working < node->slots || node->hoards); i++) {
        if (node->items[i].state != SIM_WAITING || (node->items[i].exclusive && !is_alone(node, &node->items[i])))
            continue;
        if (!begin_work(sim, node, &node->items[i]))
            return;
        working++;
    }
}
