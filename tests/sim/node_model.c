// A node as PROTOCOL.md has it: says HELLO until it is welcomed, LIVE and BEAT, works on so many files at once, keeps
// each outcome until it is acknowledged and offers it again only after a WELCOME.
#include "tests/sim/sim.h"

#include <string.h>

enum { STEP_MS = 50, LIVE_MS = 500, BEAT_MS = 1000 };

static sim_item_t *
find(sim_node_t *node, kt_run_id_t id)
{
    for (uint32_t i = 0; i < node->n_items; i++)
        if (node->items[i].id.job == id.job && node->items[i].id.run == id.run)
            return &node->items[i];
    return NULL;
}

static void
erase(sim_node_t *node, sim_item_t *item)
{
    uint32_t after = node->n_items - (uint32_t)(item - node->items) - 1;
    memmove(item, item + 1, after * sizeof *item);
    node->n_items--;
}

static bool
is_kept(const sim_item_t *item)
{
    return item->state >= SIM_KEPT_OK;
}

static uint32_t
count(const sim_node_t *node, bool kept)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < node->n_items; i++)
        n += is_kept(&node->items[i]) == kept;
    return n;
}

void
sim_node_start(sim_t *sim, sim_node_t *node)
{
    node->up          = true;
    node->welcomed    = false;
    node->leaving     = false;
    node->n_items     = 0;
    node->seen_batch  = 0;
    node->coordinator = 0;
    node->incarnation = ++sim->next_incarnation;
    node->handle      = ++sim->next_handle;
    node->hello_ms    = 0;
}

void
sim_node_crash(sim_t *sim, sim_node_t *node)
{
    int64_t back_ms = sim->now_ms + 500 + sim_random(sim, 5000);
    node->up        = false;
    node->handle    = 0;
    sim_push(sim, (sim_event_t){.at_ms = back_ms, .type = SIM_RESTART, .node = node->index});
}

static void
offer(sim_t *sim, sim_node_t *node, const sim_item_t *item)
{
    sim_msg_t msg = {.type    = item->state == SIM_KEPT_OK ? SIM_MSG_RESULT : SIM_MSG_FAILED,
                     .id      = item->id,
                     .attempt = item->attempt,
                     .err     = item->err};
    sim_send_up(sim, node, &msg);
}

static void
finish(sim_t *sim, sim_node_t *node, sim_item_t *item, kt_err_t err)
{
    item->state = err ? SIM_KEPT_FAILURE : SIM_KEPT_OK;
    item->err   = err;
    node->progress++;
    offer(sim, node, item);
}

static bool
is_fatal(const sim_t *sim, const sim_file_t *file, const sim_item_t *item)
{
    bool alone = item->solo && sim->mutation != SIM_NOT_ALONE;
    return file->kind == SIM_KILLER || (file->kind == SIM_POISON && !alone);
}

static void
kill_node(sim_t *sim, sim_node_t *node, const sim_item_t *item)
{
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
    else if (file->kind == SIM_REJECT)
        err = KT_EFORMAT;
    else if (file->kind == SIM_FLAKY && file->flakes > 0)
        file->flakes--, err = KT_EIO;
    finish(sim, node, item, err);
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
    item->until_ms    = file->kind == SIM_HANG ? INT64_MAX : sim->now_ms + file->work_ms;
    if (fatal && sim_chance(sim, 200)) {  // before a word of it left
        kill_node(sim, node, item);
        return false;
    }
    sim_msg_t msg = {.type = SIM_MSG_STARTED, .id = item->id, .attempt = item->attempt};
    sim_send_up(sim, node, &msg);
    if (fatal && sim_chance(sim, 300)) {
        kill_node(sim, node, item);
        return false;
    }
    return true;
}

static void
work(sim_t *sim, sim_node_t *node)
{
    uint32_t working = 0;
    for (uint32_t i = 0; i < node->n_items; i++) {
        sim_item_t *item = &node->items[i];
        if (item->state == SIM_WORKING && item->until_ms <= sim->now_ms && !end_work(sim, node, item))
            return;
        working += item->state == SIM_WORKING;
    }
    for (uint32_t i = 0; i < node->n_items && working < node->slots; i++) {
        if (node->items[i].state != SIM_WAITING)
            continue;
        if (!begin_work(sim, node, &node->items[i]))
            return;
        working++;
    }
}

static void
say_beat(sim_t *sim, sim_node_t *node)
{
    sim_msg_t msg = {.type = SIM_MSG_BEAT, .number = node->seen_batch, .leaving = node->leaving};
    for (uint32_t i = 0; i < node->n_items; i++) {
        const sim_item_t *item = &node->items[i];
        if (is_kept(item))
            msg.kept[msg.n_kept++] = item->id;
        else
            msg.held[msg.n_held++] =
                (kt_held_t){.id = item->id, .attempt = item->attempt, .started = item->state == SIM_WORKING};
    }
    msg.free = node->n_items < node->room && !node->leaving ? node->room - node->n_items : 0;
    sim_send_up(sim, node, &msg);
}

static void
talk(sim_t *sim, sim_node_t *node)
{
    if (!node->welcomed && sim->now_ms >= node->hello_ms) {
        sim_msg_t msg  = {.type = SIM_MSG_HELLO, .number = node->incarnation};
        node->hello_ms = sim->now_ms + LIVE_MS;
        sim_send_up(sim, node, &msg);
    }
    if (sim->now_ms >= node->live_ms) {
        sim_msg_t msg = {.type = SIM_MSG_LIVE, .number = node->progress};
        node->live_ms = sim->now_ms + LIVE_MS;
        sim_send_up(sim, node, &msg);
    }
    if (node->welcomed && sim->now_ms >= node->beat_ms) {
        node->beat_ms = sim->now_ms + BEAT_MS;
        say_beat(sim, node);
    }
}

// By its own wish: goodbye when nothing is in hand.
static void
leave(sim_t *sim, sim_node_t *node)
{
    if (node->n_items)
        return;
    sim_msg_t msg = {.type = SIM_MSG_BYE};
    sim_send_up(sim, node, &msg);
    sim_node_crash(sim, node);
}

static void
show_items(sim_t *sim, const sim_node_t *node)
{
    for (uint32_t i = 0; i < node->n_items; i++)
        sim_file(sim, node->items[i].id)->seen_ms = sim->now_ms;
}

void
sim_node_step(sim_t *sim, sim_node_t *node)
{
    sim_push(sim, (sim_event_t){.at_ms = sim->now_ms + STEP_MS, .type = SIM_NODE_STEP, .node = node->index});
    if (node->up)
        work(sim, node);
    if (node->up)
        talk(sim, node);
    if (node->up)
        show_items(sim, node);
    if (node->up && node->leaving)
        leave(sim, node);
}

static void
take_batch(sim_t *sim, sim_node_t *node, const sim_msg_t *msg)
{
    if (node->seen_batch < msg->number)
        node->seen_batch = msg->number;
    for (uint32_t i = 0; i < msg->n_held; i++) {
        sim_item_t *item = find(node, msg->held[i].id);
        if (item && !is_kept(item) && item->attempt < msg->held[i].attempt)
            item->attempt = msg->held[i].attempt;  // the number that its outcome will carry
        if (item || node->n_items == SIM_ITEMS)
            continue;
        item  = &node->items[node->n_items++];
        *item = (sim_item_t){
            .id = msg->held[i].id, .attempt = msg->held[i].attempt, .solo = msg->solo, .memory = msg->memory};
        if (count(node, false) > node->room && sim->reliable)
            sim_fail(sim, "node %d was sent more than its credit", node->index);
    }
}

static void
take_ack(sim_t *sim, sim_node_t *node, const sim_msg_t *msg)
{
    sim_item_t *item = find(node, msg->id);
    if (!item || !is_kept(item))
        return;
    const sim_file_t *file = sim_file(sim, msg->id);
    if (item->state == SIM_KEPT_OK && !msg->of_failure && file->state <= SIM_CLAIMED && file->run == msg->id.run)
        sim_fail(sim, "file %llu was acknowledged before its commit", (unsigned long long)msg->id.job);
    erase(node, item);
}

void
sim_node_take(sim_t *sim, sim_node_t *node, const sim_msg_t *msg)
{
    sim_item_t *item = find(node, msg->id);
    if (msg->type == SIM_MSG_WHO) {
        node->welcomed = false;
        node->hello_ms = 0;
    } else if (msg->type == SIM_MSG_WELCOME) {
        node->welcomed = true;
        if (node->coordinator != msg->number)
            node->seen_batch = 0;
        node->coordinator = msg->number;
        for (uint32_t i = 0; i < node->n_items; i++)
            if (is_kept(&node->items[i]))
                offer(sim, node, &node->items[i]);
    } else if (msg->type == SIM_MSG_BATCH) {
        take_batch(sim, node, msg);
    } else if (msg->type == SIM_MSG_ACK) {
        take_ack(sim, node, msg);
    } else if (msg->type == SIM_MSG_NACK && item && item->state == SIM_KEPT_OK) {
        finish(sim, node, item, msg->err);
    } else if (msg->type == SIM_MSG_CANCEL && item && !is_kept(item)) {
        erase(node, item);
    }
}
