// sim -- the scheduler in a small world that is wholly made of one seed: a virtual clock, nodes that crash, a network
// that loses, repeats, delays and reorders, a ledger with leases and trouble, and a coordinator that dies between any
// two actions. After each step the scheduler's invariants are checked, at the end the world's. One thread.
#pragma once

#include "tests/sim/sim_types.h"

typedef enum sim_item_state { SIM_WAITING, SIM_WORKING, SIM_KEPT_OK, SIM_KEPT_FAILURE } sim_item_state_t;

typedef struct sim_item {
    kt_run_id_t      id;
    uint32_t         attempt;
    bool             solo;
    uint64_t         memory;  // of the coordinator, when it sent this
    sim_item_state_t state;
    kt_err_t         err;
    int64_t          until_ms;
} sim_item_t;

typedef struct sim_node {
    int              index;
    bool             up, welcomed, leaving;
    kt_node_handle_t handle;
    uint64_t         incarnation, coordinator, seen_batch, progress;
    uint32_t         slots, room;
    int64_t          hello_ms, live_ms, beat_ms, cut_until_ms, last_to_ms, last_from_ms;
    sim_item_t       items[SIM_ITEMS];
    uint32_t         n_items;
} sim_node_t;

typedef struct sim {
    uint64_t       seed, random, order, steps;
    sim_mutation_t mutation;
    int64_t        now_ms;
    sim_event_t   *queue;
    sim_event_t    current;
    size_t         n_queue, queue_capacity;
    // profile
    uint32_t loss, repeat, jitter_ms, latency_ms, commit_unknown, bad_failure, no_memory;  // per mille
    bool     in_order, reliable;  // reliable: nothing lost, repeated, reordered or slow
    int      n_nodes, n_files;
    // the world
    sim_node_t nodes[SIM_NODES];
    sim_file_t files[SIM_FILES + 1];
    uint64_t   next_handle, next_incarnation;
    // the ledger
    bool     ledger_down;
    uint64_t epoch, down_count;
    int64_t  ledger_busy_ms;
    bool     drained[SIM_HOSTS];
    // the coordinator
    kt_sched_t     *sched;
    kt_sched_opts_t opts;
    kt_actions_t    actions;
    uint64_t        coordinator;  // which one since the start
    uint64_t        memory;       // a new one with each coordinator and each lost lease
    uint64_t        my_epoch;
    bool            opening, claim_in_flight, dead;
    int64_t         stopped_until_ms, renewed_ms, ready_ms;  // ready: when last a job was
    uint32_t        die_after;                               // actions; 0: not
    size_t          tags;
    sim_tag_t      *all_tags;
    uint64_t        n_deaths, n_blames, n_out_of_memory, n_retries, n_lost_blames, n_releases;
    char            why[256];
    jmp_buf         failed;
} sim_t;

// world.c
uint32_t       sim_random(sim_t *sim, uint32_t below);
bool           sim_chance(sim_t *sim, uint32_t per_mille);
_Noreturn void sim_fail(sim_t *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
void           sim_push(sim_t *sim, sim_event_t event);
bool           sim_run(sim_t *sim, uint64_t seed, sim_mutation_t mutation);  // false: why and steps say more
sim_file_t    *sim_file(sim_t *sim, kt_run_id_t id);
bool           sim_innocent(const sim_file_t *file);
// network.c
void sim_send_up(sim_t *sim, sim_node_t *node, const sim_msg_t *msg);
void sim_send_down(sim_t *sim, kt_node_handle_t handle, const sim_msg_t *msg);
// node_model.c
void sim_node_start(sim_t *sim, sim_node_t *node);
void sim_node_crash(sim_t *sim, sim_node_t *node);
void sim_node_step(sim_t *sim, sim_node_t *node);
void sim_node_take(sim_t *sim, sim_node_t *node, const sim_msg_t *msg);
// ledger_model.c
void sim_post(sim_t *sim, sim_request_t request);
void sim_request_run(sim_t *sim, sim_event_t *event);
// loop_model.c
void sim_coordinator_start(sim_t *sim);
void sim_coordinator_die(sim_t *sim);
void sim_tags_fini(sim_t *sim);
void sim_coordinator_bury(sim_t *sim);  // only its memory
void sim_coordinator_take(sim_t *sim, const sim_msg_t *msg);
void sim_coordinator_answer(sim_t *sim, sim_request_t *request);
void sim_coordinator_tick(sim_t *sim);
void sim_ledger_down(sim_t *sim);
void sim_ledger_up(sim_t *sim);
void sim_tell(sim_t *sim, const kt_event_t *event);
// throughput.c
int sim_throughput(void);
// witness.c: what the scheduler decided, judged by what the world knows
void sim_witness_batch(sim_t *sim, const kt_action_t *action);
void sim_witness_blame(sim_t *sim, const kt_action_t *action);
void sim_witness_kill(sim_t *sim, const sim_item_t *item);   // this item crashed its node
void sim_witness_scare(sim_t *sim, const sim_node_t *node);  // something happens to it
void sim_witness_outcome(sim_t *sim, const sim_request_t *request, bool success);
void sim_witness_calm(sim_t *sim);  // each second, once the faults are over
// memory.c: the n-th allocation from now fails; 0: none
void sim_memory_fails(uint32_t nth);
// hosts: the names of the nodes
extern const char *const SIM_HOST_NAMES[SIM_HOSTS];
const char              *sim_host(int node);
bool                    *sim_drained(sim_t *sim, const char *host);
// faults.c
void sim_fault(sim_t *sim);
void sim_heal(sim_t *sim);
