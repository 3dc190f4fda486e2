// sim -- the scheduler in a small world that is wholly made of one seed: a virtual clock, one coordinator or two on one
// ledger, nodes that crash, a network that loses, repeats, delays and reorders, a ledger with leases and trouble, a
// broker that loses messages and confirms, and coordinators that die between any two actions. After each step the
// scheduler's invariants are checked, at the end the world's. One thread.
#pragma once

#include "tests/sim/sim_events.h"

// A coordinator's place: the process in it dies and comes back, its lease stands in the ledger.
typedef struct sim_side {
    int          index;
    uint64_t     lease_epoch;  // the ledger's row; 0: none
    int64_t      lease_until_ms;
    kt_sched_t  *sched;
    kt_actions_t actions;
    uint64_t     coordinator;  // which one since the start of the world
    uint64_t     memory;       // a new one with each coordinator and each lost lease
    uint64_t     my_epoch;
    bool         held, opening, renewing, claim_in_flight, dead, gone;     // gone: dead for ever
    bool         drained[SIM_HOSTS];                                       // as it knows it
    int64_t      stopped_until_ms, asked_ms, good_ms, marks_ms, ready_ms;  // ready: when last a job was
    uint32_t     die_after;                                                // actions; 0: not
} sim_side_t;

typedef struct sim {
    uint64_t       seed, random, order, steps;
    sim_mutation_t mutation;
    int64_t        now_ms;
    sim_event_t   *queue;
    sim_event_t    current;
    size_t         n_queue, queue_capacity;
    // profile
    uint32_t loss, repeat, jitter_ms, latency_ms, commit_unknown, bad_failure, no_memory;  // per mille
    uint32_t broker_loss, confirm_loss;
    bool     in_order, reliable;  // reliable: nothing lost, repeated, reordered or slow
    int      n_nodes, n_files, n_sides;
    // the world
    sim_node_t   nodes[SIM_NODES];
    sim_file_t   files[SIM_FILES + 1];
    uint64_t     next_handle, next_incarnation, next_coordinator, next_memory;
    sim_letter_t rejects[SIM_LETTERS];
    int          n_rejects;
    // the ledger
    bool     ledger_down;
    uint64_t epoch, down_count;
    int64_t  ledger_busy_ms, clock_ms;  // its wall clock is ours plus this
    bool     drained[SIM_HOSTS];
    // the coordinators
    kt_sched_opts_t opts;
    sim_side_t      sides[SIM_SIDES], *me;  // me: whose turn it is
    size_t          tags;
    sim_tag_t      *all_tags;
    char            why[256];
    jmp_buf         failed;
} sim_t;

extern sim_counts_t sim_counts;

// world.c
uint32_t       sim_random(sim_t *sim, uint32_t below);
bool           sim_chance(sim_t *sim, uint32_t per_mille);
_Noreturn void sim_fail(sim_t *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
void           sim_push(sim_t *sim, sim_event_t event);
bool           sim_run(sim_t *sim, uint64_t seed, sim_mutation_t mutation);  // false: why and steps say more
sim_file_t    *sim_file(sim_t *sim, kt_run_id_t id);
bool           sim_innocent(const sim_file_t *file);
// network.c
void sim_send_up(sim_t *sim, sim_node_t *node, int side, const sim_msg_t *msg);
void sim_send_down(sim_t *sim, kt_node_handle_t handle, const sim_msg_t *msg);
// node_model.c, node_work.c
void sim_node_start(sim_t *sim, sim_node_t *node);
void sim_node_crash(sim_t *sim, sim_node_t *node);
void sim_node_step(sim_t *sim, sim_node_t *node);
void sim_node_work(sim_t *sim, sim_node_t *node);
void sim_node_offer(sim_t *sim, sim_node_t *node, const sim_item_t *item);
void sim_node_finish(sim_t *sim, sim_node_t *node, sim_item_t *item, kt_err_t err);
void sim_node_take(sim_t *sim, sim_node_t *node, const sim_msg_t *msg);
void sim_node_away(sim_t *sim, sim_node_t *node, int side);
// ledger_model.c
void sim_post(sim_t *sim, sim_request_t request);
void sim_request_run(sim_t *sim, sim_event_t *event);
bool sim_lease_is(const sim_t *sim, uint64_t epoch);  // somebody holds it
void sim_lease_drop(sim_t *sim, sim_side_t *side);    // and what it had is free
// outbox_model.c
void sim_letter_add(sim_t *sim, kt_run_id_t id, const sim_side_t *writer);
void sim_letters_take_over(sim_t *sim, uint64_t epoch);
void sim_publish(sim_t *sim, sim_side_t *side);
void sim_confirm(sim_t *sim, int reject);
bool sim_letters_done(const sim_t *sim);
void sim_letters_check(sim_t *sim);
// loop_model.c, answers_model.c
void       sim_coordinator_start(sim_t *sim, sim_side_t *side);
void       sim_coordinator_die(sim_t *sim, sim_side_t *side);
void       sim_tags_fini(sim_t *sim);
void       sim_coordinator_bury(sim_t *sim, sim_side_t *side);  // only its memory
void       sim_coordinator_take(sim_t *sim, const sim_msg_t *msg);
void       sim_coordinator_answer(sim_t *sim, sim_request_t *request);
void       sim_coordinator_tick(sim_t *sim, sim_side_t *side);
void       sim_ledger_down(sim_t *sim);
void       sim_ledger_up(sim_t *sim);
void       sim_lease_guard(sim_t *sim, sim_side_t *side);  // a lease that ran out is none
void       sim_open_again(sim_t *sim, sim_side_t *side);
void       sim_void_requests(sim_t *sim, const sim_side_t *side);
void       sim_tell_marks(sim_t *sim, sim_side_t *side);  // of drained nodes, from the ledger
sim_tag_t *sim_tag_new(sim_t *sim, bool payload);
void       sim_tell(sim_t *sim, sim_side_t *side, const kt_event_t *event);
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
int                      sim_host_index(const char *host);
// faults.c
void sim_fault(sim_t *sim);
void sim_heal(sim_t *sim);
