// The coordinator's loop around the scheduler: frames and answers into events, actions into frames and requests. It may
// die after any action; the next one knows only what the ledger knows.
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFUSED_MAX = 64 };

sim_tag_t *
sim_tag_new(sim_t *sim, bool payload)
{
    sim_tag_t *tag = calloc(1, sizeof *tag);
    tag->payload   = payload;
    tag->next      = sim->all_tags;
    if (tag->next)
        tag->next->prev = tag;
    sim->all_tags = tag;
    sim->tags++;
    return tag;
}

static sim_t *tag_owner;  // drain_tags has no context

static void
tag_free(void *pointer)
{
    sim_tag_t *tag = pointer;
    if (tag->prev)
        tag->prev->next = tag->next;
    else
        tag_owner->all_tags = tag->next;
    if (tag->next)
        tag->next->prev = tag->prev;
    tag_owner->tags--;
    free(tag);
}

void
sim_tags_fini(sim_t *sim)
{
    tag_owner = sim;
    while (sim->all_tags)
        tag_free(sim->all_tags);
}

// What the ledger says of drained nodes; said again every while, for other coordinators change it.
void
sim_tell_marks(sim_t *sim, sim_side_t *side)
{
    side->marks_ms = sim->now_ms;
    for (int i = 0; i < SIM_HOSTS && !side->dead; i++) {
        if (side->drained[i] == sim->drained[i])
            continue;
        side->drained[i] = sim->drained[i];
        sim_tell(sim, side, &(kt_event_t){.type = KT_EV_DRAIN, .drain = {SIM_HOST_NAMES[i], sim->drained[i]}});
    }
}

void
sim_coordinator_start(sim_t *sim, sim_side_t *side)
{
    sim->me           = side;
    side->coordinator = ++sim->next_coordinator;
    side->memory      = ++sim->next_memory;
    side->my_epoch    = 0;
    side->dead = side->held = false;
    side->claim_in_flight = side->renewing = false;
    memset(side->drained, 0, sizeof side->drained);
    if (kt_sched_new(&side->sched, &sim->opts))
        sim_fail(sim, "no scheduler");
    if (sim->ledger_down)
        sim_tell(sim, side, &(kt_event_t){.type = KT_EV_LEDGER_DOWN});
    sim_tell_marks(sim, side);
    side->opening = true;
    if (!sim->ledger_down)  // else when it is up
        sim_post(sim, (sim_request_t){.type = SIM_OPEN});
    sim_push(sim, (sim_event_t){.at_ms      = sim->now_ms + 1,
                                .type       = SIM_TICK,
                                .side       = side->index,
                                .node       = -1,
                                .generation = side->coordinator});
}

// Nobody waits for these requests any more, and what they worked on is free.
void
sim_void_requests(sim_t *sim, const sim_side_t *side)
{
    for (size_t i = 0; i < sim->n_queue; i++) {
        sim_request_t *request = sim->queue[i].request;
        if (!request || !request->tag || request->side != side->index)
            continue;
        request->tag->in_ledger--;
        request->tag = NULL;
    }
}

void
sim_coordinator_bury(sim_t *sim, sim_side_t *side)
{
    tag_owner = sim;
    sim_void_requests(sim, side);
    if (side->sched)
        kt_sched_drain_tags(side->sched, tag_free);
    kt_sched_destroy(&side->sched);
}

// Each connection is a new one, and the nodes notice sooner or later.
void
sim_coordinator_die(sim_t *sim, sim_side_t *side)
{
    if (side->dead)
        return;
    sim_coordinator_bury(sim, side);
    side->dead      = true;
    side->die_after = 0;
    for (int i = 0; i < sim->n_nodes; i++) {
        if (sim->nodes[i].up)
            sim->nodes[i].conns[side->index].handle = ++sim->next_handle;
        int64_t at_ms = sim->now_ms + (sim_chance(sim, 700) ? 1 : (int64_t)sim_random(sim, 4500));
        sim_push(
            sim,
            (sim_event_t){
                .at_ms = at_ms, .type = SIM_AWAY, .node = i, .side = side->index, .generation = side->coordinator});
    }
    side->gone = sim->n_sides > 1 && !sim->sides[!side->index].gone && sim_chance(sim, 150);
    if (side->gone)
        return;
    sim_push(sim, (sim_event_t){.at_ms = sim->now_ms + 100 + sim_random(sim, 12000),
                                .type  = SIM_RESTART,
                                .node  = -1,
                                .side  = side->index});
}

void
sim_open_again(sim_t *sim, sim_side_t *side)
{
    side->memory = ++sim->next_memory;
    side->held   = false;
    sim_tell(sim, side, &(kt_event_t){.type = KT_EV_LEASE_LOST});
    side->claim_in_flight = false;
    if (!side->opening && !side->dead) {
        side->opening = true;
        sim->me       = side;
        if (!sim->ledger_down)  // else when it is up
            sim_post(sim, (sim_request_t){.type = SIM_OPEN});
    }
}

static void
drop(sim_t *sim, sim_tag_t *tag)
{
    if (sim->mutation == SIM_LEAK_TAG && sim_chance(sim, 20))
        return;
    if (tag->in_ledger)
        sim_fail(sim, "a tag was dropped while the ledger works on it");
    tag_owner = sim;
    tag_free(tag);
}

static bool
connected(const sim_t *sim, kt_node_handle_t handle)
{
    for (int i = 0; i < sim->n_nodes; i++)
        if (sim->nodes[i].up && sim->nodes[i].conns[sim->me->index].handle == handle)
            return true;
    return false;
}

static void
send_batch(sim_t *sim, const kt_action_t *action)
{
    sim_msg_t msg = {.type      = SIM_MSG_BATCH,
                     .number    = action->batch,
                     .isolated  = action->isolated,
                     .exclusive = action->exclusive,
                     .memory    = sim->me->memory};
    sim_witness_batch(sim, action);
    for (uint32_t i = 0; i < action->count; i++) {
        const kt_sent_t *sent = &sim->me->actions.jobs[action->first_job + i];
        if (msg.n_held == SIM_ITEMS)
            sim_fail(sim, "a batch of %u", action->count);
        if (!sent->tag)
            sim_fail(sim, "a job was sent without its tag");
        msg.held[msg.n_held++] = (kt_held_t){.id = sent->id, .attempt = sent->attempt};
    }
    sim_send_down(sim, action->node, &msg);
}

static void
post_outcome(sim_t *sim, const kt_action_t *action, sim_request_type_t type)
{
    if (type == SIM_STORE && sim->mutation == SIM_ACK_BEFORE_COMMIT)
        for (int i = 0; i < sim->n_nodes; i++)
            sim_send_down(sim, sim->nodes[i].conns[sim->me->index].handle,
                          &(sim_msg_t){.type = SIM_MSG_ACK, .id = action->id});
    sim_post(sim, (sim_request_t){.type = type, .id = action->id, .err = action->err, .tag = action->tag});
}

static void
to_node(sim_t *sim, const kt_action_t *action, sim_msg_type_t type, bool of_failure)
{
    sim_send_down(sim, action->node,
                  &(sim_msg_t){.type = type, .id = action->id, .err = action->err, .of_failure = of_failure});
}

static void
perform(sim_t *sim, const kt_action_t *action, bool of_failure)
{
    switch (action->type) {
    case KT_ACT_CLAIM:
        if (sim->me->claim_in_flight)
            sim_fail(sim, "two claims at once");
        sim->me->claim_in_flight = true;
        sim_post(sim, (sim_request_t){.type = SIM_CLAIM, .want = action->count});
        break;
    case KT_ACT_SEND: send_batch(sim, action); break;
    case KT_ACT_CANCEL: to_node(sim, action, SIM_MSG_CANCEL, false); break;
    case KT_ACT_STORE: post_outcome(sim, action, SIM_STORE); break;
    case KT_ACT_FAIL: post_outcome(sim, action, SIM_FAIL); break;
    case KT_ACT_ACK: to_node(sim, action, SIM_MSG_ACK, of_failure); break;
    case KT_ACT_NACK: to_node(sim, action, SIM_MSG_NACK, false); break;
    case KT_ACT_BLAME:
        sim_witness_blame(sim, action);
        sim_post(sim,
                 (sim_request_t){.type = SIM_BLAME, .id = action->id, .err = action->err, .want = action->attempt});
        break;
    case KT_ACT_RELEASE: sim_post(sim, (sim_request_t){.type = SIM_RELEASE, .id = action->id}); break;
    case KT_ACT_WHO: to_node(sim, action, SIM_MSG_WHO, false); break;
    case KT_ACT_DROP: drop(sim, action->tag); break;
    case KT_ACT_DRAIN:
        sim->drained[sim_host_index(action->node_name)]     = action->on;
        sim->me->drained[sim_host_index(action->node_name)] = action->on;
        break;
    case KT_ACT_CHECK_LEASE: sim->me->asked_ms = INT64_MIN / 2; break;
    default: break;
    }
}

// The tags of actions that were not carried out: the process's memory goes with it.
static void
forget_rest(sim_t *sim, size_t from)
{
    tag_owner                   = sim;
    const kt_actions_t *actions = &sim->me->actions;
    for (size_t i = from; i < actions->n; i++)
        if (actions->at[i].type == KT_ACT_DROP)
            tag_free(actions->at[i].tag);
}

// Without memory nothing may have happened: it is told again, and then there is some.
static void
step(sim_t *sim, sim_side_t *side, const kt_event_t *event)
{
    kt_sched_view_t before, after;
    if (sim_chance(sim, sim->no_memory)) {
        kt_sched_view(side->sched, &before);
        kt_actions_fini(&side->actions);  // so that there is something to take
        sim_memory_fails(1 + sim_random(sim, 3));
        kt_err_t err = kt_sched_step(side->sched, event, sim->now_ms, &side->actions);
        sim_memory_fails(0);
        if (!err)
            return;
        kt_sched_view(side->sched, &after);
        kt_sched_check(side->sched);
        sim_counts.no_memory++;
        if (err != KT_ENOMEM || memcmp(&before, &after, sizeof before) != 0)
            sim_fail(sim, "without memory something happened");
    }
    if (kt_sched_step(side->sched, event, sim->now_ms, &side->actions))
        sim_fail(sim, "out of memory");
}

// What came with an event to a coordinator that is no more.
static void
forget_event(sim_t *sim, const kt_event_t *event)
{
    tag_owner = sim;
    if (event->tag)
        tag_free(event->tag);
    for (size_t i = 0; event->type == KT_EV_CLAIMED && i < event->jobs.n; i++)
        tag_free(event->jobs.at[i].tag);
}

void
sim_tell(sim_t *sim, sim_side_t *side, const kt_event_t *event)
{
    kt_node_handle_t refused[REFUSED_MAX];
    size_t           n_refused  = 0;
    bool             of_failure = event->type == KT_EV_FAILED || (event->type == KT_EV_STORED && event->stored.failure);
    sim->me                     = side;
    if (side->dead)
        return;
    sim_lease_guard(sim, side);
    if (side->dead) {
        forget_event(sim, event);
        return;
    }
    step(sim, side, event);
    sim->steps++;
    kt_sched_check(side->sched);
    kt_sched_view_t view;
    kt_sched_view(side->sched, &view);
    side->ready_ms = view.ready ? sim->now_ms : side->ready_ms;
    for (size_t i = 0; i < side->actions.n; i++) {
        const kt_action_t *action = &side->actions.at[i];
        if (action->node && !connected(sim, action->node) && n_refused < REFUSED_MAX)
            refused[n_refused++] = action->node;
        perform(sim, action, of_failure);
        if (side->die_after && --side->die_after == 0) {
            sim_counts.coordinator_kills++;
            forget_rest(sim, i + 1);
            sim_coordinator_die(sim, side);
            return;
        }
    }
    for (size_t i = 0; i < n_refused && event->type != KT_EV_SEND_REFUSED; i++)
        sim_tell(sim, side, &(kt_event_t){.type = KT_EV_SEND_REFUSED, .node = refused[i]});
}
