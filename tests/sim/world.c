// The world of one seed: its profile, its files, the queue of what happens next, and what must be true at the end.
#include "coordinator/ledger/ledger.h"
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLOCK_BASE_MS = 1 << 20 };  // the monotonic clock is never 0
static const int64_t WALL_BASE_MS = INT64_C(1700000000000);

sim_counts_t sim_counts;

uint32_t
sim_random(sim_t *sim, uint32_t below)
{
    sim->random += UINT64_C(0x9e3779b97f4a7c15);  // splitmix64 (Steele, Lea, Flood: Fast splittable generators, 2014)
    uint64_t mixed = sim->random;
    mixed          = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed          = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return below ? (uint32_t)((mixed ^ (mixed >> 31)) >> 32) % below : 0;
}

bool
sim_chance(sim_t *sim, uint32_t per_mille)
{
    return sim_random(sim, 1000) < per_mille;
}

void
sim_fail(sim_t *sim, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sim->why, sizeof sim->why, format, arguments);
    va_end(arguments);
    longjmp(sim->failed, 1);
}

sim_file_t *
sim_file(sim_t *sim, kt_run_id_t id)
{
    return &sim->files[id.job <= SIM_FILES ? id.job : 0];
}

bool
sim_innocent(const sim_file_t *file)
{
    return file->kind <= SIM_FLAKY;
}

// The queue: a binary heap by time, then by order of coming.

static bool
earlier(const sim_event_t *a, const sim_event_t *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void
sim_push(sim_t *sim, sim_event_t event)
{
    if (sim->n_queue == sim->queue_capacity) {
        sim->queue_capacity = sim->queue_capacity ? 2 * sim->queue_capacity : 256;
        sim->queue          = realloc(sim->queue, sim->queue_capacity * sizeof *sim->queue);
    }
    event.order  = ++sim->order;
    size_t place = sim->n_queue++;
    for (; place && earlier(&event, &sim->queue[(place - 1) / 2]); place = (place - 1) / 2)
        sim->queue[place] = sim->queue[(place - 1) / 2];
    sim->queue[place] = event;
}

static sim_event_t
queue_pop(sim_t *sim)
{
    sim_event_t first = sim->queue[0], last = sim->queue[--sim->n_queue];
    size_t      place = 0;
    for (size_t child; (child = 2 * place + 1) < sim->n_queue; place = child) {
        if (child + 1 < sim->n_queue && earlier(&sim->queue[child + 1], &sim->queue[child]))
            child++;
        if (!earlier(&sim->queue[child], &last))
            break;
        sim->queue[place] = sim->queue[child];
    }
    sim->queue[place] = last;
    return first;
}

// The profile: some seeds are harsh, some have a perfect network, so that each rule is seen alone and with all others.

static void
make_files(sim_t *sim)
{
    sim->n_files = 20 + (int)sim_random(sim, SIM_FILES - 20);
    for (int i = 1; i <= sim->n_files; i++) {
        sim_file_t *file = &sim->files[i];
        uint32_t    draw = sim_random(sim, 100);
        file->kind       = draw < 70   ? SIM_GOOD
                           : draw < 78 ? SIM_SLOW
                           : draw < 86 ? SIM_FLAKY
                           : draw < 91 ? SIM_REJECT
                           : draw < 94 ? SIM_POISON
                           : draw < 95 ? SIM_KILLER
                           : draw < 97 ? SIM_HANG
                           : draw < 98 ? SIM_MISSING
                                       : SIM_BADDATA;
        file->work_ms    = file->kind == SIM_SLOW ? 3000 + sim_random(sim, 5000) : 20 + sim_random(sim, 800);
        file->flakes     = file->kind == SIM_FLAKY ? 1 + sim_random(sim, SIM_MAX_ATTEMPTS - 1) : 0;
        file->run        = 1;
        int64_t at_ms    = sim_random(sim, 40000);
        int     place    = i;  // the ledger numbers them as they come
        for (; place > 1 && sim->files[place - 1].arrive_ms > at_ms; place--)
            sim->files[place].arrive_ms = sim->files[place - 1].arrive_ms;
        sim->files[place].arrive_ms = at_ms;
    }
    for (int i = 1; i <= sim->n_files; i++)
        sim_push(sim, (sim_event_t){.at_ms = sim->files[i].arrive_ms, .type = SIM_ARRIVAL, .node = -1, .place = i});
}

// One node hoards. Not drawn, so that the other worlds are what they were.
static bool
has_hoarder(const sim_t *sim)
{
    return sim->n_nodes > 2 && sim->seed % 10 == 3;
}

// What the coordinators are configured with, and what they share.
static void
make_coordinators(sim_t *sim)
{
    sim->opts     = (kt_sched_opts_t){.batch_size       = 1 + sim_random(sim, 8),
                                      .max_attempts     = SIM_MAX_ATTEMPTS,
                                      .window           = 10 + sim_random(sim, 80),
                                      .node_silence_ms  = 2500,
                                      .job_deadline_ms  = has_hoarder(sim) ? SIM_PATIENCE_MS : SIM_DEADLINE_MS,
                                      .claim_idle_ms    = 1000,
                                      .black_hole_count = 3,
                                      .slots_max        = 64,
                                      .wait_ms          = 4000,
                                      .stall_ms         = SIM_STALL_MS,
                                      .proof_ms         = SIM_PROOF_MS};
    sim->settings = (kt_settings_t){.lease_ms          = SIM_LEASE_MS,
                                    .node_silence_ms   = 2500,
                                    .job_deadline_s    = sim->opts.job_deadline_ms / 1000,
                                    .video_mode        = "full",
                                    .video_scene_model = "auto"};
    sim->keys     = (kt_keys_t){.at = sim->allowed, .n = SIM_NODES};
    for (int i = 0; i < SIM_NODES; i++) {
        memcpy(sim->allowed[i].key, SIM_KEYS[i], KT_CURVE_TEXT);
        snprintf(sim->allowed[i].name, sizeof sim->allowed[i].name, "%s", SIM_HOST_NAMES[i]);
    }
    kt_curve_t pair = {.secret_key = "0123456789012345678901234567890123456789"};
    if (kt_credentials_init(&sim->credentials, &pair))
        sim_fail(sim, "no credentials");
    int heap = sim_heap_of(SIM_HEAP_LEDGER);
    if (kt_ledger_memory_open(&sim->ledger))
        sim_fail(sim, "no ledger");
    sim->ledger->publishes = true;
    sim_heap_of(heap);
}

static void
world_make(sim_t *sim)
{
    sim->in_order       = sim_chance(sim, 400);
    sim->loss           = sim_chance(sim, 600) ? sim_random(sim, 150) : 0;
    sim->repeat         = sim_chance(sim, 500) ? sim_random(sim, 150) : 0;
    sim->jitter_ms      = sim_chance(sim, 200) ? 1200 : 5 + sim_random(sim, 60);
    sim->latency_ms     = sim_chance(sim, 300) ? 200 : 2;
    sim->commit_unknown = sim_chance(sim, 500) ? sim_random(sim, 60) : 0;
    sim->disk_error     = sim_chance(sim, 300) ? sim_random(sim, 40) : 0;
    sim->slow_answer    = sim_chance(sim, 200) ? sim_random(sim, 20) : 0;
    sim->bad_failure    = sim_chance(sim, 300) ? 300 : 0;
    sim->no_memory      = sim_chance(sim, 300) ? sim_random(sim, 300) : 0;
    sim->lies           = sim_chance(sim, 300) ? 1 + sim_random(sim, 100) : 0;
    sim->broker_loss    = sim_random(sim, 200);
    sim->confirm_loss   = sim_random(sim, 200);
    sim->broker_full    = sim_chance(sim, 300) ? 200 : 0;
    sim->ledger_room    = sim_chance(sim, 300) ? 2 + sim_random(sim, 8) : SIM_REQUESTS;
    sim->n_nodes        = 1 + (int)sim_random(sim, SIM_NODES);
    sim->n_sides        = 1 + sim_chance(sim, 600);
    sim->reliable       = sim->in_order && !sim->loss && !sim->repeat && sim->jitter_ms < 100;
    make_files(sim);
    make_coordinators(sim);
    bool unfit = sim->n_nodes > 1 && sim_chance(sim, 300);
    for (int i = 0; i < sim->n_nodes; i++) {
        sim_node_t *node = &sim->nodes[i];
        node->index      = i;
        node->slots      = 1 + sim_random(sim, 4);
        node->room       = node->slots + sim_random(sim, 6);
        node->unfit      = i == 0 && unfit;
        node->slow       = sim_chance(sim, 100);
        node->greedy     = sim_chance(sim, 50);
        node->hoards     = i == 1 && has_hoarder(sim);
        node->room       = node->greedy ? SIM_ITEMS : node->room;
        sim_node_start(sim, node);
        sim_push(sim, (sim_event_t){.at_ms = sim_random(sim, 2000), .type = SIM_NODE_STEP, .node = i});
    }
    sim_push(sim, (sim_event_t){.at_ms = 1000, .type = SIM_FAULT, .node = -1});
    for (int i = 0; i < sim->n_sides; i++) {
        sim_side_t *side = &sim->sides[i];
        side->index      = i;
        side->sim        = sim;
        memcpy(side->name, i ? "side-1" : "side-0", sizeof "side-0");
        sim_coordinator_start(sim, side);
    }
    sim_counts.worlds++;
    sim_counts.two_sided += sim->n_sides == 2;
}

// Events

static void
world_restart(sim_t *sim, int node)
{
    if (node >= 0)
        sim_node_start(sim, &sim->nodes[node]);
    else
        sim_coordinator_start(sim, sim->me);
}

static void
world_deliver(sim_t *sim, const sim_event_t *event)
{
    sim_node_t *node = event->node >= 0 ? &sim->nodes[event->node] : NULL;
    switch (event->type) {
    case SIM_TO_COORDINATOR: sim_coordinator_take(sim, event->msg); break;
    case SIM_TO_NODE:
        if (node->up && node->conns[event->side].handle == event->msg->handle)
            sim_node_take(sim, node, event->msg);
        break;
    case SIM_NODE_STEP: sim_node_step(sim, node); break;
    case SIM_ARRIVAL: sim_ledger_arrival(sim, (uint64_t)event->place); break;
    case SIM_TICK: sim_coordinator_tick(sim, sim->me); break;
    case SIM_LEDGER: sim_ledger_step(sim, sim->me); break;
    case SIM_ANSWER: sim_coordinator_answer(sim, sim->me); break;
    case SIM_PUBLISHED: sim_coordinator_published(sim, sim->me, event->place); break;
    case SIM_AWAY: sim_node_away(sim, node, event->side); break;
    case SIM_FAULT: sim_fault(sim); break;
    case SIM_RESTART: world_restart(sim, event->node); break;
    default: break;
    }
}

static void
set_time(sim_t *sim, int64_t now_ms)
{
    sim->now_ms        = now_ms;
    sim->clock.ms      = CLOCK_BASE_MS + now_ms;
    sim->clock.wall_ms = WALL_BASE_MS + now_ms + sim->clock_ms;
}

static bool
is_of_process(sim_event_type_t type)
{
    return type == SIM_TICK || type == SIM_LEDGER || type == SIM_ANSWER || type == SIM_PUBLISHED;
}

static void
one_event(sim_t *sim)
{
    sim_event_t event = queue_pop(sim);
    set_time(sim, event.at_ms > sim->now_ms ? event.at_ms : sim->now_ms);
    sim->me   = &sim->sides[event.side];
    bool mine = is_of_process(event.type);
    if (mine && (sim->me->dead || event.generation != sim->me->coordinator))
        return;
    if ((mine || event.type == SIM_TO_COORDINATOR) && sim->now_ms < sim->me->stopped_until_ms) {
        event.at_ms = sim->me->stopped_until_ms;
        sim_push(sim, event);
        return;
    }
    sim->current = event;
    world_deliver(sim, &event);
    free(event.msg);
    sim->current = (sim_event_t){.node = -1};
}

// The end

static bool
is_quiet(const sim_side_t *side)
{
    kt_sched_view_t view;
    if (side->dead)
        return side->gone;
    kt_sched_view(side->loop.dispatcher.sched, &view);
    return view.ready + view.sent + view.running + view.storing == 0;
}

static bool
all_done(sim_t *sim)
{
    kt_totals_t totals = sim_totals(sim);
    if (totals.queued + totals.claimed || totals.outbox_waiting)
        return false;
    for (int i = 0; i < sim->n_nodes; i++)
        if (sim->nodes[i].n_items)
            return false;
    for (int i = 0; i < sim->n_sides; i++)
        if (!is_quiet(&sim->sides[i]))
            return false;
    return sim_outcomes_published(sim);
}

static void
fail_unfinished(sim_t *sim)
{
    for (int i = 1; i <= sim->n_files; i++) {
        const kt_job_row_t *row = sim_row(sim, (uint64_t)i);
        if (row && row->state <= KT_JOB_CLAIMED)
            sim_fail(sim, "file %d of kind %d is not done: state %d, %u blames, %u crashes", i, sim->files[i].kind,
                     row->state, row->attempts, row->crashes);
    }
    for (int i = 0; i < sim->n_nodes; i++)
        if (sim->nodes[i].n_items)
            sim_fail(sim, "node %d still has file %llu, state %d", i, (unsigned long long)sim->nodes[i].items[0].id.job,
                     sim->nodes[i].items[0].state);
    sim_outcomes_check(sim);
    sim_fail(sim, "a scheduler still has jobs");
}

static void
on_finding(void *context, kt_run_id_t id, const char *finding)
{
    sim_fail(context, "the ledger's audit: job %llu: %s", (unsigned long long)id.job, finding);
}

static void
check_outcomes(sim_t *sim)
{
    uint64_t rows;
    for (int i = 1; i <= sim->n_files; i++) {
        const sim_file_t   *file = &sim->files[i];
        const kt_job_row_t *row  = sim_row(sim, (uint64_t)i);
        bool                fits = row && (row->state == KT_JOB_CANCELLED || file->given_up ||
                            (row->state == KT_JOB_DONE) == sim_innocent(file));
        if (!fits)
            sim_fail(sim, "file %d of kind %d ended in state %d", i, file->kind, row ? (int)row->state : -1);
        if (file->results != 1 && row->state != KT_JOB_CANCELLED)
            sim_fail(sim, "file %d has %u outcomes", i, file->results);
    }
    if (sim->ledger->ops->audit(sim->ledger, on_finding, sim, &rows))
        sim_fail(sim, "no audit");
}

static void
world_run(sim_t *sim)
{
    bool healed = false;
    set_time(sim, 0);
    world_make(sim);
    while (sim->now_ms < SIM_END_MS) {
        one_event(sim);
        if (!healed && sim->now_ms >= SIM_CALM_AT_MS) {
            healed = true;
            sim_heal(sim);
        }
        if (healed && all_done(sim))
            break;
    }
    if (!all_done(sim))
        fail_unfinished(sim);
    check_outcomes(sim);
    sim_outcomes_check(sim);
    for (int i = 0; i < sim->n_sides; i++)
        sim_coordinator_end(sim, &sim->sides[i]);
}

static void
world_fini(sim_t *sim)
{
    sim_heap_of(SIM_HEAP_WORLD);
    sim_memory_fails(0);
    for (int i = 0; i < SIM_SIDES; i++) {
        kt_queue_destroy(&sim->sides[i].loop.queries.calls);
        sim_heap_free(SIM_HEAP_SIDE + i);
    }
    sim_heap_free(SIM_HEAP_LEDGER);
    free(sim->current.msg);
    for (size_t i = 0; i < sim->n_queue; i++)
        free(sim->queue[i].msg);
    free(sim->queue);
}

bool
sim_run(sim_t *sim, uint64_t seed, sim_mutation_t mutation)
{
    memset(sim, 0, sizeof *sim);
    sim->seed     = seed;
    sim->random   = seed * UINT64_C(0xd1342543de82ef95) + 1;
    sim->mutation = mutation;
    sim->me       = &sim->sides[0];
    kt_clock_test(&sim->clock);
    sim_stepping(sim);
    if (setjmp(sim->failed) == 0)
        world_run(sim);
    world_fini(sim);
    sim_stepping(NULL);
    kt_clock_test(NULL);
    return sim->why[0] == '\0';
}
