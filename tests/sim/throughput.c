// How many jobs a second pass through step(): claimed, sent, started, finished, stored, acknowledged, on four nodes.
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { NODES = 4, ROOM = 64, BEAT_EVERY = 50000, BACKLOG = 4096 };

typedef struct farm {
    kt_sched_t  *sched;
    kt_actions_t out;
    int64_t      now_ms;
    uint64_t     next_job, stored, acked, steps;
    uint32_t     wanted;
    // the frames to nodes and the requests to the ledger, in order
    struct {
        kt_node_handle_t node;
        kt_run_id_t      id;
        uint32_t         attempt;
    } sent[BACKLOG];
    size_t sent_first, sent_n;
} farm_t;

static void tell(farm_t *farm, const kt_event_t *event);

static void
claim(farm_t *farm)
{
    static kt_sched_claim_t jobs[BACKLOG];
    uint32_t                n = farm->wanted < BACKLOG ? farm->wanted : BACKLOG;
    for (uint32_t i = 0; i < n; i++)
        jobs[i] = (kt_sched_claim_t){.id = {++farm->next_job, 1}, .cost_ms = 1};
    farm->wanted = 0;
    tell(farm, &(kt_event_t){.type = KT_EV_CLAIMED, .jobs = {jobs, n}});
}

static void
tell(farm_t *farm, const kt_event_t *event)
{
    if (kt_sched_step(farm->sched, event, farm->now_ms, &farm->out))
        abort();
    farm->steps++;
    for (size_t i = 0; i < farm->out.n; i++) {
        const kt_action_t *action = &farm->out.at[i];
        farm->acked += action->type == KT_ACT_ACK;
        if (action->type == KT_ACT_CLAIM)
            farm->wanted = action->count;
        for (uint32_t j = 0; action->type == KT_ACT_SEND && j < action->count; j++) {
            const kt_sent_t *sent  = &farm->out.jobs[action->first_job + j];
            size_t           place = (farm->sent_first + farm->sent_n++) % BACKLOG;
            farm->sent[place].node = action->node;
            farm->sent[place].id = sent->id, farm->sent[place].attempt = sent->attempt;
        }
    }
}

static void
one_job(farm_t *farm)
{
    kt_event_t event = {.type    = KT_EV_STARTED,
                        .node    = farm->sent[farm->sent_first].node,
                        .id      = farm->sent[farm->sent_first].id,
                        .attempt = farm->sent[farm->sent_first].attempt};
    farm->sent_first = (farm->sent_first + 1) % BACKLOG;
    farm->sent_n--;
    tell(farm, &event);
    event.type = KT_EV_RESULT;
    tell(farm, &event);
    event.type   = KT_EV_STORED;
    event.stored = (__typeof__(event.stored)){KT_STORED_NEW, false};
    tell(farm, &event);
    farm->stored++;
    if (farm->wanted)
        claim(farm);
}

static void
beat(farm_t *farm, uint64_t node)
{
    kt_held_t  held[BACKLOG];
    kt_event_t event = {.type = KT_EV_BEAT, .node = node, .beat = {.seen_batch = UINT32_MAX, .held = held}};
    for (size_t i = 0; i < farm->sent_n; i++) {
        size_t place = (farm->sent_first + i) % BACKLOG;
        if (farm->sent[place].node == node)
            held[event.beat.n_held++] = (kt_held_t){farm->sent[place].id, farm->sent[place].attempt, false};
    }
    event.beat.free = ROOM - (uint32_t)event.beat.n_held;
    tell(farm, &event);
}

int
sim_throughput(void)
{
    enum { JOBS = 1000000 };
    static farm_t   farm;
    struct timespec start, end;
    kt_sched_opts_t opts = {10, 3, 20000, 2500, 7200000, 1000, 5, 256, 60000, 300000, 600000};
    farm.now_ms          = 1;
    if (kt_sched_new(&farm.sched, &opts))
        return 1;
    tell(&farm, &(kt_event_t){.type = KT_EV_LEASE_OPEN});
    for (uint64_t node = 1; node <= NODES; node++) {
        tell(&farm, &(kt_event_t){.type = KT_EV_HELLO, .node = node, .hello = {"host", node, 8, false}});
        beat(&farm, node);
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    claim(&farm);
    while (farm.stored < JOBS && farm.sent_n) {
        one_job(&farm);
        if (farm.stored % BEAT_EVERY == 0) {
            farm.now_ms += 1000;
            for (uint64_t node = 1; node <= NODES; node++)
                beat(&farm, node);
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    double took_s = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    printf("%llu jobs through step() in %.3f s: %.0f jobs/s, %.0f steps/s\n", (unsigned long long)farm.stored, took_s,
           (double)farm.stored / took_s, (double)farm.steps / took_s);
    bool passed = farm.stored == JOBS && farm.acked == JOBS;
    kt_sched_check(farm.sched);
    kt_sched_destroy(&farm.sched);
    kt_actions_fini(&farm.out);
    printf("%d passed, %d failed\n", passed, !passed);
    return passed ? 0 : 1;
}
