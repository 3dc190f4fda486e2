// sim -- the coordinator's loop in a small world that is wholly made of one seed: a virtual clock, one coordinator or
// two on one ledger in memory, nodes that crash, a network that loses, repeats, delays and reorders, a ledger with
// failures, a broker that loses messages and confirms, and coordinators that crash between any two frames or requests.
// What runs is the product's loop (coordinator/loop), scheduler, publisher and ledger in memory; the models are the
// nodes, the network, the ledger's thread and the broker. After each step the scheduler's invariants are checked, at
// the end the world's. One thread.
#pragma once

#include "tests/sim/sim_events.h"

typedef struct sim sim_t;

// Requests between the loop and its ledger thread, first in, first out.
typedef struct sim_requests {
    kt_ledger_request_t *at[SIM_REQUESTS];
    size_t               first, n;
} sim_requests_t;

// A coordinator's place: its process crashes and restarts, its lease is in the ledger.
typedef struct sim_side {
    int      index;
    sim_t   *sim;
    char     name[16];
    uint64_t coordinator;                 // which one since the start of the world
    uint64_t memory;                      // a new one with each coordinator and each lost lease
    bool     dead, gone;                  // gone: never restarted
    bool     drained[SIM_HOSTS];          // as its scheduler has them
    bool     claiming;                    // its scheduler waits for a CLAIM
    int64_t  stopped_until_ms, ready_ms;  // ready: when last a job was
    uint32_t die_after;                   // frames and requests; 0: not
    jmp_buf  death;
    // the process
    kt_loop_t       loop;
    kt_publisher_t *publisher;
    // its ledger thread
    sim_requests_t waiting, answered;
    bool           late;  // the last answer
    kt_lease_t     lease;
    int64_t        leased_ms;                            // when it was last opened or renewed
    kt_err_t       reported;                             // the last STATE
    int64_t        ledger_busy_ms, pause_ms, answer_ms;  // answer: when the last one arrives
    // its connection to the broker
    kt_amqp_message_t *publishing[SIM_PUBLISHING];
} sim_side_t;

struct sim {
    uint64_t        seed, random, order, steps;
    sim_mutation_t  mutation;
    int64_t         now_ms;
    sim_event_t    *queue;
    sim_event_t     current;
    size_t          n_queue, queue_capacity;
    kt_clock_test_t clock;
    // profile
    uint32_t loss, repeat, jitter_ms, latency_ms, commit_unknown, disk_error, slow_answer, bad_failure, no_memory,
        lies;  // per mille
    uint32_t broker_loss, confirm_loss, broker_full;
    bool     in_order, reliable;  // reliable: nothing lost, repeated, reordered or slow
    size_t   ledger_room;         // requests that a ledger thread takes
    int      n_nodes, n_files, n_sides;
    // the world
    sim_node_t    nodes[SIM_NODES];
    sim_file_t    files[SIM_FILES + 1];
    uint64_t      next_handle, next_incarnation, next_coordinator, next_memory;
    sim_outcome_t outcomes[SIM_OUTCOMES];
    int           n_outcomes;
    bool          unroutable;  // no queue takes messages now
    kt_ledger_t  *ledger;
    bool          ledger_down;
    int64_t       clock_ms;  // its wall clock is ours plus this
    // the coordinators
    kt_settings_t    settings;
    kt_sched_opts_t  opts;
    kt_keys_t        keys;
    kt_key_t         allowed[SIM_NODES];
    kt_credentials_t credentials;
    sim_side_t       sides[SIM_SIDES], *me;  // me: whose turn it is
    char             why[256];
    jmp_buf          failed;
};

extern sim_counts_t sim_counts;

// world.c
uint32_t       sim_random(sim_t *sim, uint32_t below);
bool           sim_chance(sim_t *sim, uint32_t per_mille);
_Noreturn void sim_fail(sim_t *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
void           sim_push(sim_t *sim, sim_event_t event);
bool           sim_run(sim_t *sim, uint64_t seed, sim_mutation_t mutation);  // false: see why and steps
sim_file_t    *sim_file(sim_t *sim, kt_run_id_t id);
bool           sim_innocent(const sim_file_t *file);
// network.c: messages of the nodes' model; frames.c: the same on the wire, in which the loop has them
void sim_send_up(sim_t *sim, sim_node_t *node, int side, const sim_msg_t *msg);
void sim_send_down(sim_t *sim, kt_node_handle_t handle, const sim_msg_t *msg);
void sim_frame_make(sim_t *sim, const sim_msg_t *msg, kt_buf_t *out);
void sim_frame_take(sim_t *sim, kt_node_handle_t to, const void *bytes, size_t length);  // of the coordinator `me`
extern const char SIM_KEYS[SIM_NODES][KT_CURVE_TEXT];
// node_model.c, node_work.c
void sim_node_start(sim_t *sim, sim_node_t *node);
void sim_node_crash(sim_t *sim, sim_node_t *node);
void sim_node_step(sim_t *sim, sim_node_t *node);
void sim_node_work(sim_t *sim, sim_node_t *node);
void sim_node_offer(sim_t *sim, sim_node_t *node, const sim_item_t *item);
void sim_node_finish(sim_t *sim, sim_node_t *node, sim_item_t *item, kt_err_t err);
void sim_node_take(sim_t *sim, sim_node_t *node, const sim_msg_t *msg);
void sim_node_away(sim_t *sim, sim_node_t *node, int side);
// ledger_thread.c: the ledger actor in virtual time, with failures
kt_err_t            sim_ledger_post(void *side, kt_ledger_request_t **request_p);  // kt_ledger_post_fn
void                sim_ledger_step(sim_t *sim, sim_side_t *side);                 // SIM_LEDGER
void                sim_ledger_finish(sim_t *sim, sim_side_t *side, size_t n);     // the first n; the rest is lost
void                sim_ledger_arrival(sim_t *sim, uint64_t file);
void                sim_lease_steal(sim_t *sim, const sim_side_t *side);
const kt_job_row_t *sim_row(sim_t *sim, uint64_t file);  // until the next call; NULL: not in the ledger yet
kt_totals_t         sim_totals(sim_t *sim);
// broker.c
kt_err_t sim_broker_send(void *side, kt_amqp_message_t **message_p);  // kt_publisher_opts_t
bool     sim_outcomes_published(const sim_t *sim);
void     sim_outcomes_check(sim_t *sim);
// process.c: a coordinator
void sim_coordinator_start(sim_t *sim, sim_side_t *side);
void sim_coordinator_die(sim_t *sim, sim_side_t *side);  // at once
void sim_coordinator_end(sim_t *sim, sim_side_t *side);  // in order: nothing may be left of it
void sim_coordinator_take(sim_t *sim, const sim_msg_t *msg);
void sim_coordinator_answer(sim_t *sim, sim_side_t *side);
void sim_coordinator_published(sim_t *sim, sim_side_t *side, int place);
void sim_coordinator_tick(sim_t *sim, sim_side_t *side);
void sim_coordinator_ask(sim_t *sim, sim_side_t *side, kt_ask_type_t type, kt_run_id_t id, const char *host);
void sim_coordinator_work(sim_t *sim, sim_side_t *side);  // new jobs are in its ledger
void sim_stepping(sim_t *sim);                            // whose scheduler steps are watched; NULL: none
bool sim_may_die(sim_side_t *side);                       // before a frame or a request: does not return if it crashes
// throughput.c
int sim_throughput(void);
// witness.c: what the coordinators decided, checked against the facts of the world
void sim_witness_step(sim_t *sim, const kt_event_t *event, const kt_actions_t *actions);
void sim_witness_kill(sim_t *sim, const sim_item_t *item);   // this item crashed its node
void sim_witness_scare(sim_t *sim, const sim_node_t *node);  // something happens to it
void sim_witness_advance(sim_t *sim, sim_node_t *node);      // a file began, advanced or ended there
// A request that the ledger has carried out; before: the state of its job before it.
void sim_witness_request(sim_t *sim, sim_side_t *side, const kt_ledger_request_t *request, kt_job_state_t before);
void sim_witness_calm(sim_t *sim);  // each second, once the faults are over
// memory.c: heaps by owner. Blocks are taken for the owner of the moment.
enum { SIM_HEAP_WORLD, SIM_HEAP_LEDGER, SIM_HEAP_SIDE };  // of side n: SIM_HEAP_SIDE + n
int    sim_heap_of(int owner);                            // from now on; returns the one before
void   sim_heap_free(int owner);                          // all its blocks
size_t sim_heap_blocks(int owner);
void   sim_memory_fails(uint32_t nth);  // the n-th allocation of a side from now fails; 0: none
// hosts: the names of the nodes
extern const char *const SIM_HOST_NAMES[SIM_HOSTS];
int                      sim_host_index(const char *host);
// faults.c
void sim_fault(sim_t *sim);
void sim_heal(sim_t *sim);
