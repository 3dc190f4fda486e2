// kt_sched -- assigns jobs to nodes and blames lost ones: a pure function of events. No I/O, no clock, no threads;
// memory is taken as jobs and nodes become known and reused. The loop thread turns frames, ledger answers and timers
// into events and actions into frames and ledger requests; the simulator does the same with a virtual clock and a lossy
// network. A job here is always a job and its run. now_ms is monotonic. One thread.
#pragma once

#include "common/err.h"
#include "common/settings.h"
#include "coordinator/sched/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_sched kt_sched_t;

typedef struct kt_sched_opts {
    uint32_t batch_size;        // most files in one batch
    uint32_t max_attempts;      // errors of the file's own; then the job fails with the last one
    uint32_t window;            // most jobs claimed at once, whatever the fleet's credit
    int64_t  node_silence_ms;   // then a node is lost
    int64_t  job_deadline_ms;   // of one attempt; one that has not begun by then goes elsewhere without blame
    int64_t  claim_idle_ms;     // pause between claims from an empty ledger (WORK ends it)
    uint32_t black_hole_count;  // so many crashes of different files in a row on one node name: the node is drained
    uint32_t slots_max;         // most slots that a node is believed to have
    int64_t  wait_ms;           // a file not begun by then is taken back when other nodes have idle slots
    int64_t  stall_ms;          // least time without any progress after which a node loses its files
    int64_t  proof_ms;          // least time without an ended file after which it loses what it is not believed to run
} kt_sched_opts_t;

// A node may be lost for any reason, and a suspect runs in a process of its own: so a loss is no attempt.
// Only a file that takes the whole machine with it must end, too: with KT_ENODELOST after so many losses.
enum { KT_SCHED_LOSSES = 10 };

void kt_sched_opts_from(kt_sched_opts_t *out, const kt_settings_t *settings);

// Reused from step to step; fields are the scheduler's to fill.
typedef struct kt_actions {
    kt_action_t *at;
    size_t       n, capacity;
    kt_sent_t   *jobs;
    size_t       n_jobs, jobs_capacity;
} kt_actions_t;
void kt_actions_fini(kt_actions_t *self);

KT_MUST_USE kt_err_t kt_sched_new(kt_sched_t **self_p, const kt_sched_opts_t *opts);
void                 kt_sched_destroy(kt_sched_t **self_p);  // tags are the caller's: kt_sched_drain_tags first
// Clears and fills *out. KT_ENOMEM: the state is unchanged; repeat the event.
KT_MUST_USE kt_err_t kt_sched_step(kt_sched_t *self, const kt_event_t *event, int64_t now_ms, kt_actions_t *out);
int64_t              kt_sched_deadline_ms(const kt_sched_t *self);  // when the next TICK is due
void                 kt_sched_check(const kt_sched_t *self);        // asserts every invariant
void                 kt_sched_drain_tags(kt_sched_t *self, void (*free_tag)(void *tag));

// Views for operators. Snapshots into the caller's array; returns how many there are in all.
typedef struct kt_node_view {
    char             name[64];
    kt_node_handle_t handle;
    const char      *state;  // "live", "draining", "busy", "stuck", "stalled", "lost"
    uint32_t         slots, credit, held, kept, crashes;
    uint64_t         done, failed;
    int64_t          silent_ms, stuck_ms;
} kt_node_view_t;
size_t kt_sched_view_nodes(const kt_sched_t *self, int64_t now_ms, kt_node_view_t *out, size_t capacity);

// Where one run is in the window.
typedef struct kt_job_view {
    const char *state;     // "ready", "sent", "running", "storing", "failing"
    char        node[64];  // who has it; ""
    int64_t     for_ms;    // sent or running: since when
    uint32_t    attempt;   // of the wire
    bool        claimed, isolated;
    size_t      before;          // ready: how many go first
    char        doubt_node[64];  // on which it failed in a way that may be of the node; ""
    kt_err_t    doubt_err;
    char        taken_from[64];  // the last node that it was taken back from for want of progress or results; ""
} kt_job_view_t;
bool kt_sched_view_job(const kt_sched_t *self, kt_run_id_t id, int64_t now_ms, kt_job_view_t *out);  // false: unknown

typedef struct kt_sched_view {
    size_t   ready, sent, running, storing;
    uint32_t nodes_live, nodes_drained, credit;
    bool     ledger_up, lease_held;
} kt_sched_view_t;
void kt_sched_view(const kt_sched_t *self, kt_sched_view_t *out);
