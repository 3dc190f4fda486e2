// A coordinator as a process: the product's loop and publisher between the world's network, ledger thread and broker.
// It may crash before any frame, request or message; the next one has only the contents of the ledger.
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 20, QUIET_TICK_MS = 100, WITHOUT_MEMORY = 200 };

static kt_buf_t frame = {.max_bytes = KT_MAX_FRAME_BYTES};  // kept from world to world

// The process from its main function's point of view: runs `work` on its heap; it may crash in it.
typedef void sim_work_fn(sim_side_t *side, const void *args);

static void
run_process(sim_t *sim, sim_side_t *side, sim_work_fn *work, const void *args)
{
    if (side->dead)
        return;
    sim->me = side;
    if (setjmp(side->death)) {
        sim_memory_fails(0);
        sim_heap_of(SIM_HEAP_WORLD);
        sim_counts.coordinator_kills++;
        sim_coordinator_die(sim, side);
        return;
    }
    sim_heap_of(SIM_HEAP_SIDE + side->index);
    work(side, args);
    sim_memory_fails(0);
    sim_heap_of(SIM_HEAP_WORLD);
    if (side->loop.dispatcher.failed && !side->dead)
        sim_coordinator_end(sim, side);
}

bool
sim_may_die(sim_side_t *side)
{
    if (side->die_after && --side->die_after == 0)
        longjmp(side->death, 1);
    return false;
}

static bool
is_connected(const sim_t *sim, const sim_side_t *side, kt_node_handle_t handle)
{
    for (int i = 0; i < sim->n_nodes; i++)
        if (sim->nodes[i].up && sim->nodes[i].conns[side->index].handle == handle)
            return true;
    return false;
}

static kt_err_t
send_frame(void *context, kt_node_handle_t to, const void *bytes, size_t length)
{
    sim_side_t *side = context;
    int         heap = sim_heap_of(SIM_HEAP_WORLD);
    sim_may_die(side);
    bool known = is_connected(side->sim, side, to);
    if (known)
        sim_frame_take(side->sim, to, bytes, length);
    sim_heap_of(heap);
    return known ? KT_OK : KT_EUNREACHABLE;
}

static void
on_outcome(void *context, const kt_ledger_request_t *request)
{
    sim_side_t *side = context;
    (void)request;
    kt_publisher_wake(side->publisher);
}

static void
on_fatal(void *context)
{
    (void)context;  // seen at the end of the turn
}

static void
fill_snapshot(void *context, kt_snapshot_t *out)
{
    (void)context, (void)out;
}

static void
process_end_turn(sim_side_t *side)
{
    kt_dispatcher_flush(&side->loop.dispatcher);
}

static void
process_start(sim_side_t *side, const void *args)
{
    (void)args;
    sim_t              *sim       = side->sim;
    kt_loop_opts_t      opts      = {.settings       = &sim->settings,
                                     .sched          = sim->opts,
                                     .name           = side->name,
                                     .keys           = &sim->keys,
                                     .credentials    = &sim->credentials,
                                     .sender         = {side, send_frame},
                                     .context        = side,
                                     .on_outcome     = on_outcome,
                                     .on_fatal       = on_fatal,
                                     .fill_snapshot  = fill_snapshot,
                                     .on_ledger_call = on_fatal};
    kt_publisher_opts_t publisher = {.port        = &side->loop.port,
                                     .lease       = &side->loop.lease,
                                     .exchange    = "",
                                     .routing_key = "",
                                     .context     = side,
                                     .send        = sim_broker_send};
    if (kt_loop_init(&side->loop, &opts) || kt_publisher_new(&side->publisher, &publisher))
        sim_fail(sim, "no loop");
    kt_ledger_port_attach(&side->loop.port, sim_ledger_post, side);
    if (kt_loop_start(&side->loop))
        sim_fail(sim, "the loop does not start");
}

static void
push_tick(sim_t *sim, const sim_side_t *side, int64_t at_ms)
{
    sim_push(sim,
             (sim_event_t){
                 .at_ms = at_ms, .type = SIM_TICK, .side = side->index, .node = -1, .generation = side->coordinator});
}

void
sim_coordinator_start(sim_t *sim, sim_side_t *side)
{
    side->coordinator = ++sim->next_coordinator;
    side->memory      = ++sim->next_memory;
    side->dead        = false;
    side->claiming    = false;
    side->reported    = KT_OK;
    side->pause_ms    = TICK_MS;
    side->lease       = (kt_lease_t){0};
    memset(side->drained, 0, sizeof side->drained);
    run_process(sim, side, process_start, NULL);
    push_tick(sim, side, sim->now_ms + 1);
}

// The nodes notice sooner or later. The place stays empty for a while, or for good.
static void
process_leave(sim_t *sim, sim_side_t *side)
{
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

// Of the requests that were posted some still reach the ledger; the rest goes with the process's memory.
void
sim_coordinator_die(sim_t *sim, sim_side_t *side)
{
    if (side->dead)
        return;
    sim_ledger_finish(sim, side, sim_random(sim, (uint32_t)side->waiting.n + 1));
    kt_queue_destroy(&side->loop.queries.calls);
    sim_heap_free(SIM_HEAP_SIDE + side->index);
    memset(side->publishing, 0, sizeof side->publishing);
    memset(&side->loop, 0, sizeof side->loop);
    process_leave(sim, side);
}

void
sim_coordinator_end(sim_t *sim, sim_side_t *side)
{
    if (side->dead)
        return;
    sim_counts.coordinator_ends++;
    side->die_after = 0;
    sim_heap_of(SIM_HEAP_SIDE + side->index);
    kt_queries_close(&side->loop.queries);
    kt_dispatcher_release_all(&side->loop.dispatcher);
    sim_heap_of(SIM_HEAP_WORLD);
    sim_ledger_finish(sim, side, SIZE_MAX);
    sim_heap_of(SIM_HEAP_SIDE + side->index);
    for (int i = 0; i < SIM_PUBLISHING; i++)
        kt_amqp_message_destroy(&side->publishing[i]);
    kt_loop_fini(&side->loop);
    kt_publisher_destroy(&side->publisher);
    sim_heap_of(SIM_HEAP_WORLD);
    if (sim_heap_blocks(SIM_HEAP_SIDE + side->index))
        sim_fail(sim, "coordinator %d ended and left %zu blocks of memory", side->index,
                 sim_heap_blocks(SIM_HEAP_SIDE + side->index));
    process_leave(sim, side);
}

// What comes to it

static void
process_receive(sim_side_t *side, const void *args)
{
    const sim_msg_t *msg = args;
    if (sim_chance(side->sim, side->sim->no_memory / 4))
        sim_memory_fails(1 + sim_random(side->sim, 3));
    kt_receiver_frame(&side->loop.receiver, msg->handle, SIM_KEYS[msg->node], frame.bytes, frame.length);
    process_end_turn(side);
}

void
sim_coordinator_take(sim_t *sim, const sim_msg_t *msg)
{
    if (sim->mutation == SIM_DROP_BEATS && msg->type == SIM_MSG_BEAT && sim->now_ms > 20000 && msg->node != 0)
        return;
    sim_frame_make(sim, msg, &frame);
    run_process(sim, &sim->sides[msg->side], process_receive, msg);
}

static void
process_take_answer(sim_side_t *side, const void *args)
{
    (void)args;
    kt_ledger_request_t *request = side->answered.at[side->answered.first];
    side->answered.first         = (side->answered.first + 1) % SIM_REQUESTS;
    side->answered.n--;
    if (sim_chance(side->sim, side->sim->no_memory / 4))
        sim_memory_fails(1 + sim_random(side->sim, 3));
    kt_ledger_port_answer(&side->loop.port, &request);
    kt_publisher_turn(side->publisher);
    kt_loop_answered(&side->loop);
    process_end_turn(side);
}

void
sim_coordinator_answer(sim_t *sim, sim_side_t *side)
{
    run_process(sim, side, process_take_answer, NULL);
}

static void
process_take_published(sim_side_t *side, const void *args)
{
    const int         *place   = args;
    kt_amqp_message_t *message = side->publishing[*place];
    side->publishing[*place]   = NULL;
    kt_publisher_take(side->publisher, &message);
    kt_publisher_turn(side->publisher);
    process_end_turn(side);
}

void
sim_coordinator_published(sim_t *sim, sim_side_t *side, int place)
{
    run_process(sim, side, process_take_published, &place);
}

static void
process_tick(sim_side_t *side, const void *args)
{
    (void)args;
    kt_loop_tick(&side->loop, side->sim->clock.ms);
    kt_publisher_turn(side->publisher);
    process_end_turn(side);
}

void
sim_coordinator_tick(sim_t *sim, sim_side_t *side)
{
    run_process(sim, side, process_tick, NULL);
    if (side->dead)
        return;
    kt_sched_view_t view;
    kt_sched_view(side->loop.dispatcher.sched, &view);
    side->ready_ms = view.ready ? sim->now_ms : side->ready_ms;
    int64_t due_ms = kt_sched_deadline_ms(side->loop.dispatcher.sched) - sim->clock.ms;
    due_ms         = due_ms < TICK_MS ? TICK_MS : due_ms > QUIET_TICK_MS ? QUIET_TICK_MS : due_ms;
    push_tick(sim, side, sim->now_ms + due_ms);
}

typedef struct ask {
    kt_ask_type_t type;
    kt_run_id_t   id;
    const char   *host;
} ask_t;

// By HTTP; the caller does not wait for the answer.
static void
process_ask(sim_side_t *side, const void *args)
{
    const ask_t *wanted        = args;
    kt_call_t   *call          = kt_call_new(1);
    call->abandoned            = true;
    call->n_requests           = 1;
    call->requests[0]          = kt_ledger_request_new(KT_LREQ_ASK, call);
    call->requests[0]->ask.ask = (kt_ask_t){.type = wanted->type, .force = true, .id = wanted->id};
    if (wanted->host)
        memcpy(call->requests[0]->ask.node_name, wanted->host, strlen(wanted->host));
    kt_queries_begin(&side->loop.queries, call);
    process_end_turn(side);
}

void
sim_coordinator_ask(sim_t *sim, sim_side_t *side, kt_ask_type_t type, kt_run_id_t id, const char *host)
{
    ask_t wanted = {type, id, host};
    run_process(sim, side, process_ask, &wanted);
}

static void
process_work(sim_side_t *side, const void *args)
{
    (void)args;
    side->loop.dispatcher.work_pending = true;
    kt_loop_answered(&side->loop);
    process_end_turn(side);
}

void
sim_coordinator_work(sim_t *sim, sim_side_t *side)
{
    run_process(sim, side, process_work, NULL);
}

// Each step of the scheduler, linked with --wrap.

kt_err_t __real_kt_sched_step(kt_sched_t *self, const kt_event_t *event, int64_t now_ms, kt_actions_t *out);
kt_err_t __wrap_kt_sched_step(kt_sched_t *self, const kt_event_t *event, int64_t now_ms, kt_actions_t *out);

static sim_t *stepping;  // whose coordinator runs; NULL: the measurement of the throughput

// Without memory nothing may have happened.
static kt_err_t
step_without_memory(sim_t *sim, kt_sched_t *sched, const kt_event_t *event, int64_t now_ms, kt_actions_t *out)
{
    kt_sched_view_t before, after;
    kt_sched_view(sched, &before);
    kt_actions_fini(out);  // so that there is something to take
    sim_memory_fails(1 + sim_random(sim, 3));
    kt_err_t err = __real_kt_sched_step(sched, event, now_ms, out);
    sim_memory_fails(0);
    if (!err)
        return KT_OK;
    kt_sched_view(sched, &after);
    kt_sched_check(sched);
    sim_counts.no_memory++;
    if (err != KT_ENOMEM || memcmp(&before, &after, sizeof before) != 0)
        sim_fail(sim, "without memory something happened");
    return err;
}

kt_err_t
__wrap_kt_sched_step(kt_sched_t *self, const kt_event_t *event, int64_t now_ms, kt_actions_t *out)
{
    sim_t   *sim = stepping;
    kt_err_t err = KT_ENOMEM;
    if (!sim)
        return __real_kt_sched_step(self, event, now_ms, out);
    bool without = sim_chance(sim, sim->no_memory);
    if (without)
        err = step_without_memory(sim, self, event, now_ms, out);
    if (err && !(without && sim_chance(sim, WITHOUT_MEMORY)))
        err = __real_kt_sched_step(self, event, now_ms, out);
    if (err)
        return err;
    sim->steps++;
    kt_sched_check(self);
    int heap = sim_heap_of(SIM_HEAP_WORLD);
    sim_witness_step(sim, event, out);
    sim_heap_of(heap);
    return KT_OK;
}

void
sim_stepping(sim_t *sim)
{
    stepping = sim;
}
