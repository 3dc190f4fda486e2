// What comes to a coordinator: frames, answers of the ledger, ticks, a ledger that goes and comes.
#include "tests/sim/sim.h"

enum { RENEW_MS = SIM_LEASE_MS / 4, MARKS_MS = 2000 };

void
sim_coordinator_take(sim_t *sim, const sim_msg_t *msg)
{
    kt_event_t  event = {.node = msg->handle, .id = msg->id, .attempt = msg->attempt, .err = msg->err};
    sim_side_t *side  = &sim->sides[msg->side];
    if (side->dead)
        return;
    switch (msg->type) {
    case SIM_MSG_HELLO:
        event.type              = KT_EV_HELLO;
        event.hello.name        = sim_host(msg->node);
        event.hello.drained     = side->drained[sim_host_index(event.hello.name)];
        event.hello.incarnation = msg->number;
        event.hello.slots       = sim->nodes[msg->node].slots;
        sim_send_down(sim, msg->handle, &(sim_msg_t){.type = SIM_MSG_WELCOME, .number = side->coordinator});
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
    case SIM_MSG_RESULT:
        event.type = KT_EV_RESULT, event.tag = sim_tag_new(sim, true), event.took_ms = 1 + sim_random(sim, 900);
        break;
    case SIM_MSG_FAILED: event.type = KT_EV_FAILED, event.tag = sim_tag_new(sim, true); break;
    default: event.type = KT_EV_GONE; break;
    }
    sim_tell(sim, side, &event);
}

static void
tell_claimed(sim_t *sim, sim_side_t *side, const sim_request_t *request)
{
    kt_sched_claim_t jobs[SIM_FILES];
    for (uint32_t i = 0; i < request->n; i++) {
        const sim_file_t *file = sim_file(sim, request->claimed[i]);
        bool              told = sim->mutation != SIM_FORGET_CRASHES;
        jobs[i]                = (kt_sched_claim_t){.id       = request->claimed[i],
                                                    .attempts = file->blames,
                                                    .crashes  = told ? file->crashes : 0,
                                                    .cost_ms  = (uint32_t)file->work_ms,
                                                    .tag      = sim_tag_new(sim, false)};
    }
    side->claim_in_flight = false;
    sim_tell(sim, side, &(kt_event_t){.type = KT_EV_CLAIMED, .jobs = {jobs, request->n}});
}

static void
answer_claim(sim_t *sim, sim_side_t *side, const sim_request_t *request)
{
    if (request->epoch != side->my_epoch || side->opening)
        return;  // of a lease that is gone
    if (request->unknown || request->how == KT_STORED_FENCED)
        sim_open_again(sim, side);
    else
        tell_claimed(sim, side, request);
}

static void
answer_open(sim_t *sim, sim_side_t *side, const sim_request_t *request)
{
    if (request->unknown) {
        sim_post(sim, (sim_request_t){.type = SIM_OPEN});
        return;
    }
    side->opening  = false;
    side->held     = true;
    side->my_epoch = request->epoch;
    side->good_ms = side->asked_ms = sim->now_ms;
    sim_tell(sim, side, &(kt_event_t){.type = KT_EV_LEASE_OPEN});
}

// A renewal may have taken over what another one had: a claim follows.
static void
answer_renew(sim_t *sim, sim_side_t *side, const sim_request_t *request)
{
    side->renewing = false;
    if (request->epoch != side->my_epoch || side->opening || request->unknown)
        return;
    if (request->how == KT_STORED_FENCED) {
        sim_open_again(sim, side);
        return;
    }
    side->good_ms = side->asked_ms;
    sim_tell(sim, side, &(kt_event_t){.type = KT_EV_WORK});
}

static void
answer_outcome(sim_t *sim, sim_side_t *side, const sim_request_t *request)
{
    bool failure = request->type == SIM_FAIL;
    if (request->tag)
        request->tag->in_ledger--;
    if (sim->mutation == SIM_FORGET_STORED && sim_chance(sim, 100))
        return;
    if (request->unknown)
        sim_tell(sim, side, &(kt_event_t){.type = KT_EV_COMMIT_UNKNOWN, .id = request->id, .stored = {0, failure}});
    else
        sim_tell(sim, side, &(kt_event_t){.type = KT_EV_STORED, .id = request->id, .stored = {request->how, failure}});
}

void
sim_coordinator_answer(sim_t *sim, sim_request_t *request)
{
    sim_side_t *side = &sim->sides[request->side];
    bool        ours = !side->dead && request->coordinator == side->coordinator;
    if (!ours || request->down_count != sim->down_count || sim->ledger_down)
        return;
    switch (request->type) {
    case SIM_OPEN: answer_open(sim, side, request); break;
    case SIM_RENEW: answer_renew(sim, side, request); break;
    case SIM_CLAIM: answer_claim(sim, side, request); break;
    case SIM_STORE:
    case SIM_FAIL: answer_outcome(sim, side, request); break;
    default: break;
    }
}

void
sim_lease_guard(sim_t *sim, sim_side_t *side)
{
    if (side->held && sim->now_ms - side->good_ms > SIM_LEASE_MS && sim->mutation != SIM_ZOMBIE)
        sim_open_again(sim, side);
}

static void
keep_lease(sim_t *sim, sim_side_t *side)
{
    if (side->dead || side->opening || sim->ledger_down)
        return;
    if (!side->renewing && sim->now_ms - side->asked_ms >= RENEW_MS) {
        side->renewing = true;
        side->asked_ms = sim->now_ms;
        sim->me        = side;
        sim_post(sim, (sim_request_t){.type = SIM_RENEW});
    }
}

void
sim_coordinator_tick(sim_t *sim, sim_side_t *side)
{
    if (side->dead)
        return;
    sim_tell(sim, side, &(kt_event_t){.type = KT_EV_TICK});
    keep_lease(sim, side);
    if (!side->dead && !sim->ledger_down && sim->now_ms - side->marks_ms >= MARKS_MS)
        sim_tell_marks(sim, side);
    if (side->dead)
        return;
    int64_t due_ms = kt_sched_deadline_ms(side->sched);
    sim_push(sim, (sim_event_t){.at_ms      = due_ms > sim->now_ms ? due_ms : sim->now_ms + 1,
                                .type       = SIM_TICK,
                                .side       = side->index,
                                .node       = -1,
                                .generation = side->coordinator});
}

void
sim_ledger_down(sim_t *sim)
{
    if (sim->ledger_down)
        return;
    sim_counts.ledger_downs++;
    sim->ledger_down = true;
    sim->down_count++;
    for (int i = 0; i < sim->n_sides; i++) {
        sim_void_requests(sim, &sim->sides[i]);
        sim_tell(sim, &sim->sides[i], &(kt_event_t){.type = KT_EV_LEDGER_DOWN});
    }
}

// A claim whose answer was lost may have been carried out: only a new lease makes its jobs claimable.
static void
side_up(sim_t *sim, sim_side_t *side)
{
    bool again            = side->claim_in_flight || side->opening;
    side->claim_in_flight = side->renewing = false;
    side->opening                          = again;
    if (again) {
        side->memory = ++sim->next_memory;
        side->held   = false;
        sim_tell(sim, side, &(kt_event_t){.type = KT_EV_LEASE_LOST});
    }
    sim_tell(sim, side, &(kt_event_t){.type = KT_EV_LEDGER_UP});
    sim->me = side;
    if (again && !side->dead)
        sim_post(sim, (sim_request_t){.type = SIM_OPEN});
}

void
sim_ledger_up(sim_t *sim)
{
    if (!sim->ledger_down)
        return;
    sim->ledger_down = false;
    for (int i = 0; i < sim->n_sides; i++)
        side_up(sim, &sim->sides[i]);
}
