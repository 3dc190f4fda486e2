// A node as PROTOCOL.md has it: sends HELLO to each coordinator until WELCOME, LIVE and BEAT, keeps each outcome
// until it is acknowledged and offers it again only after a WELCOME. Its credit is shared by those that have welcomed
// it; what it has from a coordinator that is away is sent to all.
#include "tests/sim/sim.h"

#include <string.h>

enum { STEP_MS = 50, LIVE_MS = 500, BEAT_MS = 1000 };

static sim_item_t *
node_find(sim_node_t *node, kt_run_id_t id)
{
    for (uint32_t i = 0; i < node->n_items; i++)
        if (node->items[i].id.job == id.job && node->items[i].id.run == id.run)
            return &node->items[i];
    return NULL;
}

static void
node_erase(sim_node_t *node, sim_item_t *item)
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
node_count(const sim_node_t *node, bool kept)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < node->n_items; i++)
        n += is_kept(&node->items[i]) == kept;
    return n;
}

// A file has the node to itself.
static bool
is_reserved(const sim_node_t *node)
{
    for (uint32_t i = 0; i < node->n_items; i++)
        if (node->items[i].exclusive && !is_kept(&node->items[i]))
            return true;
    return false;
}

void
sim_node_start(sim_t *sim, sim_node_t *node)
{
    node->up              = true;
    node->leaving         = false;
    node->n_items         = 0;
    node->frozen_until_ms = 0;
    node->advanced_ms     = sim->now_ms;
    node->limit = node->limit_before = 0;
    node->incarnation                = ++sim->next_incarnation;
    for (int side = 0; side < sim->n_sides; side++) {
        sim_conn_t *conn  = &node->conns[side];
        conn->welcomed    = false;
        conn->seen_batch  = 0;
        conn->coordinator = 0;
        conn->handle      = ++sim->next_handle;
        conn->hello_ms    = 0;
    }
}

void
sim_node_crash(sim_t *sim, sim_node_t *node)
{
    int64_t back_ms = sim->now_ms + 500 + sim_random(sim, 5000);
    node->up        = false;
    for (int side = 0; side < sim->n_sides; side++)
        node->conns[side].handle = 0;
    sim_push(sim, (sim_event_t){.at_ms = back_ms, .type = SIM_RESTART, .node = node->index});
}

// To the coordinator that sent it; to all, if that one is or was away.
static bool
is_for(const sim_node_t *node, const sim_item_t *item, int side)
{
    return node->conns[side].welcomed && (item->side == side || item->orphan || !node->conns[item->side].welcomed);
}

void
sim_node_offer(sim_t *sim, sim_node_t *node, const sim_item_t *item)
{
    sim_msg_t msg = {.type        = item->state == SIM_KEPT_OK ? SIM_MSG_RESULT : SIM_MSG_FAILED,
                     .id          = item->id,
                     .attempt     = item->attempt,
                     .err         = item->err,
                     .credentials = {item->credential}};
    for (int side = 0; side < sim->n_sides; side++)
        if (is_for(node, item, side))
            sim_send_up(sim, node, side, &msg);
}

void
sim_node_finish(sim_t *sim, sim_node_t *node, sim_item_t *item, kt_err_t err)
{
    item->state = err ? SIM_KEPT_FAILURE : SIM_KEPT_OK;
    item->err   = err;
    node->progress++;
    sim_witness_advance(sim, node);
    sim_file(sim, item->id)->analysed |= !err && sim_file(sim, item->id)->run == item->id.run;
    sim_node_offer(sim, node, item);
}

// The node detects a lost connection to a coordinator.
void
sim_node_away(sim_t *sim, sim_node_t *node, int side)
{
    if (!node->up || sim->mutation == SIM_ORPHANS_HIDDEN)
        return;
    node->conns[side].welcomed = false;
    for (uint32_t i = 0; i < node->n_items; i++) {
        sim_item_t *item = &node->items[i];
        if (item->side != side || item->orphan)
            continue;
        item->orphan = true;
        if (is_kept(item))
            sim_node_offer(sim, node, item);
    }
    node->beat_ms = 0;
}

static uint32_t
share_of(const sim_t *sim, const sim_node_t *node, int side)
{
    bool     takes   = node->n_items < node->room && !node->leaving && !is_reserved(node);
    uint32_t room    = takes ? node->room - node->n_items : 0;
    uint32_t sharers = 0;
    for (int i = 0; i < sim->n_sides; i++)
        sharers += node->conns[i].welcomed;
    bool extra = sharers == 2 && room % 2 && (node->beats + (uint64_t)side) % 2;
    return sharers ? room / sharers + extra : 0;
}

// Something about a run that it does not have, with the credential of another run. False: it has that run.
static bool
node_invent(sim_t *sim, const sim_node_t *node, sim_msg_t *msg, uint32_t place)
{
    uint64_t          job  = 1 + sim_random(sim, (uint32_t)sim->n_files);
    kt_run_id_t       id   = {job, sim->files[job].run};
    const sim_item_t *item = node->n_items ? &node->items[sim_random(sim, node->n_items)] : NULL;
    if (node_find((sim_node_t *)node, id))
        return false;
    sim_counts.lies++;
    msg->id      = id;
    msg->attempt = 1 + sim_random(sim, 3);
    msg->err     = msg->type == SIM_MSG_FAILED ? KT_EFORMAT : KT_OK;
    if (item)
        msg->credentials[place] = item->credential;
    if (msg->type == SIM_MSG_BEAT)
        msg->held[msg->n_held++] = (kt_held_t){.id = id, .attempt = msg->attempt, .started = true};
    return true;
}

static void
node_lie(sim_t *sim, sim_node_t *node)
{
    static const sim_msg_type_t LIES[] = {SIM_MSG_STARTED, SIM_MSG_RESULT, SIM_MSG_FAILED};
    sim_msg_t                   msg    = {.type = LIES[sim_random(sim, 3)]};
    if (!node_invent(sim, node, &msg, 0))
        return;
    for (int side = 0; side < sim->n_sides; side++)
        sim_send_up(sim, node, side, &msg);
}

static void
node_send_beat(sim_t *sim, sim_node_t *node, int side)
{
    sim_msg_t msg = {.type = SIM_MSG_BEAT, .number = node->conns[side].seen_batch, .leaving = node->leaving};
    for (uint32_t i = 0; i < node->n_items; i++) {
        const sim_item_t *item = &node->items[i];
        if (item->side != side && !item->orphan)
            continue;
        if (is_kept(item))
            msg.kept[msg.n_kept++] = item->id;
        else
            msg.credentials[msg.n_held] = item->credential,
            msg.held[msg.n_held++] =
                (kt_held_t){.id = item->id, .attempt = item->attempt, .started = item->state == SIM_WORKING};
    }
    if (msg.n_held < SIM_ITEMS && sim_chance(sim, sim->lies))
        node_invent(sim, node, &msg, msg.n_held);
    msg.free = node->greedy && !node->leaving ? 1000 : share_of(sim, node, side);
    sim_send_up(sim, node, side, &msg);
}

static void
node_beat(sim_t *sim, sim_node_t *node)
{
    node->beat_ms = sim->now_ms + BEAT_MS;
    node->beats++;
    node->limit_before = node->limit;
    node->limit        = node->n_items > node->room ? node->n_items : node->room;
    for (int side = 0; side < sim->n_sides; side++)
        if (node->conns[side].welcomed)
            node_send_beat(sim, node, side);
}

static void
node_talk(sim_t *sim, sim_node_t *node)
{
    sim_msg_t hello = {.type = SIM_MSG_HELLO, .number = node->incarnation};
    sim_msg_t live  = {.type = SIM_MSG_LIVE, .number = node->progress};
    bool      due   = sim->now_ms >= node->live_ms;
    node->live_ms   = due ? sim->now_ms + LIVE_MS : node->live_ms;
    for (int side = 0; side < sim->n_sides; side++) {
        sim_conn_t *conn = &node->conns[side];
        if (!conn->welcomed && sim->now_ms >= conn->hello_ms) {
            conn->hello_ms = sim->now_ms + LIVE_MS;
            sim_send_up(sim, node, side, &hello);
        }
        if (due)
            sim_send_up(sim, node, side, &live);
    }
    if (sim->now_ms >= node->beat_ms)
        node_beat(sim, node);
    if (sim_chance(sim, sim->lies))
        node_lie(sim, node);
}

// A leaving node sends BYE when it has no files.
static void
node_leave(sim_t *sim, sim_node_t *node)
{
    if (node->n_items)
        return;
    sim_msg_t msg = {.type = SIM_MSG_BYE};
    for (int side = 0; side < sim->n_sides; side++)
        sim_send_up(sim, node, side, &msg);
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
        sim_node_work(sim, node);
    if (node->up)
        node_talk(sim, node);
    if (node->up)
        show_items(sim, node);
    if (node->up && node->leaving)
        node_leave(sim, node);
}

// A run that is here already may come from another coordinator now: that one takes it over.
static void
take_again(sim_node_t *node, sim_item_t *item, const sim_msg_t *msg, uint32_t place)
{
    (void)node;
    if (item->side != msg->side)
        item->memory = msg->memory;
    item->side   = msg->side;
    item->orphan = false;
    if (is_kept(item) || item->attempt > msg->held[place].attempt)
        return;
    item->attempt    = msg->held[place].attempt;  // what its outcome will carry
    item->credential = msg->credentials[place];
}

static void
take_batch(sim_t *sim, sim_node_t *node, const sim_msg_t *msg)
{
    sim_conn_t *conn  = &node->conns[msg->side];
    uint32_t    limit = node->limit > node->limit_before ? node->limit : node->limit_before;
    if (conn->seen_batch < msg->number)
        conn->seen_batch = msg->number;
    for (uint32_t i = 0; i < msg->n_held; i++) {
        sim_item_t *item = node_find(node, msg->held[i].id);
        if (item)
            take_again(node, item, msg, i);
        if (item || node->n_items == SIM_ITEMS || is_reserved(node) ||
            (sim->n_sides > 1 && node_count(node, false) >= limit))
            continue;
        item  = &node->items[node->n_items++];
        *item = (sim_item_t){.id         = msg->held[i].id,
                             .attempt    = msg->held[i].attempt,
                             .credential = msg->credentials[i],
                             .isolated   = msg->isolated,
                             .exclusive  = msg->exclusive,
                             .side       = msg->side,
                             .memory     = msg->memory};
        if (node_count(node, false) > (sim->n_sides > 1 ? limit : node->room) && sim->reliable)
            sim_fail(sim, "node %d was sent more than its credit", node->index);
    }
}

static void
take_ack(sim_t *sim, sim_node_t *node, const sim_msg_t *msg)
{
    sim_item_t *item = node_find(node, msg->id);
    if (!item || !is_kept(item))
        return;
    const kt_job_row_t *row = sim_row(sim, msg->id.job);
    if (item->state == SIM_KEPT_OK && !msg->of_failure && row->state <= KT_JOB_CLAIMED && row->id.run == msg->id.run)
        sim_fail(sim, "file %llu was acknowledged before its commit", (unsigned long long)msg->id.job);
    node_erase(node, item);
}

// An operator cancelled through one coordinator what another one has sent: that one is notified.
static void
take_cancel(sim_t *sim, sim_node_t *node, sim_item_t *item, int side)
{
    if (item->side != side && !item->orphan && node->conns[item->side].welcomed)
        sim_node_finish(sim, node, item, KT_ECANCELLED);
    else
        node_erase(node, item);
}

static void
take_welcome(sim_t *sim, sim_node_t *node, const sim_msg_t *msg)
{
    sim_conn_t *conn = &node->conns[msg->side];
    conn->welcomed   = true;
    if (conn->coordinator != msg->number)
        conn->seen_batch = 0;
    conn->coordinator = msg->number;
    for (uint32_t i = 0; i < node->n_items; i++)
        if (is_kept(&node->items[i]))
            sim_node_offer(sim, node, &node->items[i]);
    node->beat_ms = 0;
}

void
sim_node_take(sim_t *sim, sim_node_t *node, const sim_msg_t *msg)
{
    sim_item_t *item = node_find(node, msg->id);
    if (msg->type == SIM_MSG_WHO) {
        node->conns[msg->side].welcomed = false;
        node->conns[msg->side].hello_ms = 0;
    } else if (msg->type == SIM_MSG_WELCOME) {
        take_welcome(sim, node, msg);
    } else if (msg->type == SIM_MSG_BATCH) {
        take_batch(sim, node, msg);
    } else if (msg->type == SIM_MSG_ACK) {
        take_ack(sim, node, msg);
    } else if (msg->type == SIM_MSG_NACK && item && item->state == SIM_KEPT_OK) {
        sim_node_finish(sim, node, item, msg->err);
    } else if (msg->type == SIM_MSG_CANCEL && item && !is_kept(item)) {
        take_cancel(sim, node, item, msg->side);
    }
}
