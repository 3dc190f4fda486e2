// The coordinator's loop around the scheduler: frames and answers into events, actions into frames and requests. It may
// die after any action; the next one knows only what the ledger knows.
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RENEW_MS = 3000, REFUSED_MAX = 64 };

static sim_tag_t *
tag_new(sim_t *sim, bool payload)
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

void
sim_coordinator_start(sim_t *sim)
{
    sim->coordinator++;
    sim->memory++;
    sim->my_epoch        = 0;
    sim->dead            = false;
    sim->claim_in_flight = false;
    if (kt_sched_new(&sim->sched, &sim->opts))
        sim_fail(sim, "no scheduler");
    if (sim->ledger_down)
        sim_tell(sim, &(kt_event_t){.type = KT_EV_LEDGER_DOWN});
    for (int i = 0; i < SIM_HOSTS; i++)
        if (sim->drained[i])
            sim_tell(sim, &(kt_event_t){.type = KT_EV_DRAIN, .drain = {SIM_HOST_NAMES[i], true}});
    sim->opening = true;
    if (!sim->ledger_down)  // else when it is up
        sim_post(sim, (sim_request_t){.type = SIM_OPEN});
    sim_push(sim, (sim_event_t){.at_ms = sim->now_ms + 1, .type = SIM_TICK, .generation = sim->coordinator});
}

// Nobody waits for these requests any more, and what they worked on is free.
static void
void_requests(sim_t *sim)
{
    for (size_t i = 0; i < sim->n_queue; i++) {
        sim_request_t *request = sim->queue[i].request;
        if (!request || !request->tag)
            continue;
        request->tag->in_ledger--;
        request->tag = NULL;
    }
}

void
sim_coordinator_bury(sim_t *sim)
{
    tag_owner = sim;
    void_requests(sim);
    if (sim->sched)
        kt_sched_drain_tags(sim->sched, tag_free);
    kt_sched_destroy(&sim->sched);
}

void
sim_coordinator_die(sim_t *sim)
{
    if (sim->dead)
        return;
    sim_coordinator_bury(sim);
    sim->dead      = true;
    sim->die_after = 0;
    sim->n_deaths++;
    for (int i = 0; i < sim->n_nodes; i++)  // each connection is a new one
        if (sim->nodes[i].up)
            sim->nodes[i].handle = ++sim->next_handle;
    sim_push(sim, (sim_event_t){.at_ms = sim->now_ms + 100 + sim_random(sim, 4000), .type = SIM_RESTART, .node = -1});
}

static void
open_again(sim_t *sim)
{
    sim->memory++;
    sim_tell(sim, &(kt_event_t){.type = KT_EV_LEASE_LOST});
    sim->claim_in_flight = false;
    if (!sim->opening && !sim->dead) {
        sim->opening = true;
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
        if (sim->nodes[i].up && sim->nodes[i].handle == handle)
            return true;
    return false;
}

static void
send_batch(sim_t *sim, const kt_action_t *action)
{
    sim_msg_t msg = {.type = SIM_MSG_BATCH, .number = action->batch, .solo = action->solo, .memory = sim->memory};
    sim_witness_batch(sim, action);
    for (uint32_t i = 0; i < action->count; i++) {
        const kt_sent_t *sent = &sim->actions.jobs[action->first_job + i];
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
            sim_send_down(sim, sim->nodes[i].handle, &(sim_msg_t){.type = SIM_MSG_ACK, .id = action->id});
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
        if (sim->claim_in_flight)
            sim_fail(sim, "two claims at once");
        sim->claim_in_flight = true;
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
    case KT_ACT_DRAIN: *sim_drained(sim, action->node_name) = action->on; break;
    case KT_ACT_CHECK_LEASE: sim->renewed_ms = INT64_MIN / 2; break;
    default: break;
    }
}

// The tags of actions that were not carried out: the process's memory goes with it.
static void
forget_rest(sim_t *sim, size_t from)
{
    tag_owner = sim;
    for (size_t i = from; i < sim->actions.n; i++)
        if (sim->actions.at[i].type == KT_ACT_DROP)
            tag_free(sim->actions.at[i].tag);
}

// Without memory nothing may have happened: it is told again, and then there is some.
static void
step(sim_t *sim, const kt_event_t *event)
{
    kt_sched_view_t before, after;
    if (sim_chance(sim, sim->no_memory)) {
        kt_sched_view(sim->sched, &before);
        kt_actions_fini(&sim->actions);  // so that there is something to take
        sim_memory_fails(1 + sim_random(sim, 3));
        kt_err_t err = kt_sched_step(sim->sched, event, sim->now_ms, &sim->actions);
        sim_memory_fails(0);
        if (!err)
            return;
        kt_sched_view(sim->sched, &after);
        kt_sched_check(sim->sched);
        sim->n_out_of_memory++;
        if (err != KT_ENOMEM || memcmp(&before, &after, sizeof before) != 0)
            sim_fail(sim, "without memory something happened");
    }
    if (kt_sched_step(sim->sched, event, sim->now_ms, &sim->actions))
        sim_fail(sim, "out of memory");
}

void
sim_tell(sim_t *sim, const kt_event_t *event)
{
    kt_node_handle_t refused[REFUSED_MAX];
    size_t           n_refused  = 0;
    bool             of_failure = event->type == KT_EV_FAILED;
    if (sim->dead)
        return;
    step(sim, event);
    sim->steps++;
    kt_sched_check(sim->sched);
    kt_sched_view_t view;
    kt_sched_view(sim->sched, &view);
    sim->ready_ms = view.ready ? sim->now_ms : sim->ready_ms;
    for (size_t i = 0; i < sim->actions.n; i++) {
        const kt_action_t *action = &sim->actions.at[i];
        if (action->node && !connected(sim, action->node) && n_refused < REFUSED_MAX)
            refused[n_refused++] = action->node;
        perform(sim, action, of_failure);
        if (sim->die_after && --sim->die_after == 0) {
            forget_rest(sim, i + 1);
            sim_coordinator_die(sim);
            return;
        }
    }
    for (size_t i = 0; i < n_refused && event->type != KT_EV_SEND_REFUSED; i++)
        sim_tell(sim, &(kt_event_t){.type = KT_EV_SEND_REFUSED, .node = refused[i]});
}

void
sim_coordinator_take(sim_t *sim, const sim_msg_t *msg)
{
    kt_event_t event = {.node = msg->handle, .id = msg->id, .attempt = msg->attempt, .err = msg->err};
    if (sim->dead)
        return;
    switch (msg->type) {
    case SIM_MSG_HELLO:
        event.type              = KT_EV_HELLO;
        event.hello.name        = sim_host(msg->node);
        event.hello.drained     = *sim_drained(sim, event.hello.name);
        event.hello.incarnation = msg->number;
        event.hello.slots       = sim->nodes[msg->node].slots;
        sim_send_down(sim, msg->handle, &(sim_msg_t){.type = SIM_MSG_WELCOME, .number = sim->coordinator});
        break;
    case SIM_MSG_LIVE: event.type = KT_EV_LIVE, event.live.progress = msg->number; break;
    case SIM_MSG_BEAT:
        if (sim->mutation == SIM_DEAF_TO_BEATS && sim->now_ms > 20000 && msg->node != 0) {
            event.type = KT_EV_LIVE, event.live.progress = 0;
            break;
        }
        event.type            = KT_EV_BEAT;
        event.beat.seen_batch = msg->number;
        event.beat.free       = msg->free;
        event.beat.leaving    = msg->leaving;
        event.beat.held       = msg->held;
        event.beat.n_held     = msg->n_held;
        event.beat.kept       = msg->kept;
        event.beat.n_kept     = msg->n_kept;
        break;
    case SIM_MSG_STARTED: event.type = KT_EV_STARTED; break;
    case SIM_MSG_RESULT: event.type = KT_EV_RESULT, event.tag = tag_new(sim, true); break;
    case SIM_MSG_FAILED: event.type = KT_EV_FAILED, event.tag = tag_new(sim, true); break;
    default: event.type = KT_EV_GONE; break;
    }
    sim_tell(sim, &event);
}

static void
tell_claimed(sim_t *sim, const sim_request_t *request)
{
    kt_sched_job_t jobs[SIM_FILES];
    for (uint32_t i = 0; i < request->n; i++) {
        const sim_file_t *file = sim_file(sim, request->claimed[i]);
        bool              told = sim->mutation != SIM_FORGET_CRASHES;
        jobs[i]                = (kt_sched_job_t){.id       = request->claimed[i],
                                                  .attempts = file->blames,
                                                  .crashes  = told ? file->crashes : 0,
                                                  .cost_ms  = (uint32_t)file->work_ms,
                                                  .tag      = tag_new(sim, false)};
    }
    sim->claim_in_flight = false;
    sim_tell(sim, &(kt_event_t){.type = KT_EV_CLAIMED, .jobs = {jobs, request->n}});
}

static void
answer_claim(sim_t *sim, const sim_request_t *request)
{
    if (request->epoch != sim->my_epoch || sim->opening)
        return;  // of a lease that is gone
    if (request->unknown || request->how == KT_STORED_FENCED)
        open_again(sim);
    else
        tell_claimed(sim, request);
}

static void
answer_open(sim_t *sim, const sim_request_t *request)
{
    if (request->unknown) {
        sim_post(sim, (sim_request_t){.type = SIM_OPEN});
        return;
    }
    sim->opening    = false;
    sim->my_epoch   = request->epoch;
    sim->renewed_ms = sim->now_ms;
    sim_tell(sim, &(kt_event_t){.type = KT_EV_LEASE_OPEN});
}

static void
answer_outcome(sim_t *sim, const sim_request_t *request)
{
    bool failure = request->type == SIM_FAIL;
    if (request->tag)
        request->tag->in_ledger--;
    if (sim->mutation == SIM_FORGET_STORED && sim_chance(sim, 100))
        return;
    if (request->unknown)
        sim_tell(sim, &(kt_event_t){.type = KT_EV_COMMIT_UNKNOWN, .id = request->id, .stored = {0, failure}});
    else
        sim_tell(sim, &(kt_event_t){.type = KT_EV_STORED, .id = request->id, .stored = {request->how, failure}});
}

void
sim_coordinator_answer(sim_t *sim, sim_request_t *request)
{
    bool ours = !sim->dead && request->coordinator == sim->coordinator && request->down_count == sim->down_count;
    if (!ours || sim->ledger_down)
        return;
    if (request->type == SIM_OPEN)
        answer_open(sim, request);
    else if (request->type == SIM_CLAIM)
        answer_claim(sim, request);
    else if (request->type == SIM_STORE || request->type == SIM_FAIL)
        answer_outcome(sim, request);
}

void
sim_coordinator_tick(sim_t *sim)
{
    if (sim->dead)
        return;
    sim_tell(sim, &(kt_event_t){.type = KT_EV_TICK});
    if (!sim->dead && !sim->opening && !sim->ledger_down && sim->now_ms - sim->renewed_ms >= RENEW_MS) {
        sim->renewed_ms = sim->now_ms;
        if (sim->my_epoch != sim->epoch)
            open_again(sim);
    }
    if (sim->dead)
        return;
    int64_t due_ms = kt_sched_deadline_ms(sim->sched);
    sim_push(sim, (sim_event_t){.at_ms      = due_ms > sim->now_ms ? due_ms : sim->now_ms + 1,
                                .type       = SIM_TICK,
                                .generation = sim->coordinator});
}

void
sim_ledger_down(sim_t *sim)
{
    if (sim->ledger_down)
        return;
    sim->ledger_down = true;
    sim->down_count++;
    void_requests(sim);
    sim_tell(sim, &(kt_event_t){.type = KT_EV_LEDGER_DOWN});
}

// A claim whose answer was lost may have been carried out: only a new lease makes its jobs claimable.
void
sim_ledger_up(sim_t *sim)
{
    if (!sim->ledger_down)
        return;
    bool again           = sim->claim_in_flight || sim->opening;
    sim->ledger_down     = false;
    sim->claim_in_flight = false;
    sim->opening         = again;
    sim->memory += again;
    if (again)
        sim_tell(sim, &(kt_event_t){.type = KT_EV_LEASE_LOST});
    sim_tell(sim, &(kt_event_t){.type = KT_EV_LEDGER_UP});
    if (again && !sim->dead)
        sim_post(sim, (sim_request_t){.type = SIM_OPEN});
}
