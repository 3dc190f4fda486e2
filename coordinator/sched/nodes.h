// Nodes of the scheduler: map by handle, names with their history, and credit.
#pragma once

#include "coordinator/sched/state.h"

kt_sched_node_t *kt_sched_node_find(const kt_sched_t *self, kt_node_handle_t handle);
// HELLO: a new node, the same one again, or the same one under a new handle. NULL when there is no memory or no place:
// the HELLO is then ignored.
kt_sched_node_t *kt_sched_node_hello(kt_sched_t *self, const kt_event_t *event);
// It has ended a file, other than by refusing it: one more is believed, and it makes progress.
void kt_sched_node_ended(kt_sched_t *self, kt_sched_node_t *node);
void kt_sched_node_progress(kt_sched_t *self, kt_sched_node_t *node);  // a file began, advanced or ended
void kt_sched_node_heard(kt_sched_t *self, kt_sched_node_t *node);
// BYE: its jobs are requeued without blame.
void kt_sched_node_leave(kt_sched_t *self, kt_sched_node_t *node);
void kt_sched_node_refuse(kt_sched_t *self, kt_sched_node_t *node);  // a frame to it could not be sent
void kt_sched_node_due(kt_sched_t *self);                            // timers
void kt_sched_node_expire(kt_sched_t *self, kt_sched_node_t *node);  // attempts past their deadline

// Slots that it is believed to have; whether it may have begun one more file than the coordinator knows of.
uint32_t kt_sched_node_slots(const kt_sched_node_t *node);
bool     kt_sched_node_may_begin(const kt_sched_node_t *node);
bool     kt_sched_node_usable(const kt_sched_node_t *node);               // may get work
uint32_t kt_sched_node_room(const kt_sched_node_t *node);                 // files that it would take now
void     kt_sched_node_refresh(kt_sched_t *self, kt_sched_node_t *node);  // after any change of credit, items or state
void     kt_sched_node_rotate(kt_sched_t *self, kt_sched_node_t *node);   // to the end of those with room for work
void     kt_sched_node_credit(kt_sched_t *self, kt_sched_node_t *node);   // one file is finished there
// A success: what it was expected to take, took by the node's clock, and took at most by the coordinator's.
void     kt_sched_node_measure(kt_sched_t *self, kt_sched_node_t *node, uint32_t cost_ms, uint32_t took_ms,
                               int64_t seen_ms);
uint64_t kt_sched_node_weight(const kt_sched_node_t *node);                         // relative throughput; at least 1
void     kt_sched_node_crash(kt_sched_t *self, kt_node_name_t *name, kt_run_id_t);  // counts towards a black hole

// A node of another name has shown that a failure of `name` was not of the file; the last one was err. Many of them,
// more than the name's successes, drain it; where there are three nodes, if two have shown it.
void kt_sched_name_refute(kt_sched_t *self, kt_node_name_t *name, const kt_sched_node_t *by, kt_err_t err);
void kt_sched_name_succeed(kt_node_name_t *name);
bool kt_sched_node_others(const kt_sched_t *self, const kt_sched_node_t *node);  // another name may get work
// Whether a name may get work that is neither the job's present one nor one on which it failed in a way of the node.
bool kt_sched_node_unasked(const kt_sched_t *self, const kt_sched_job_t *job);

void kt_sched_node_drain(kt_sched_t *self, const char *name, bool on);
void kt_sched_nodes_tidy(kt_sched_t *self);  // drops unused names; call before any name is borrowed
void kt_sched_nodes_fini(kt_sched_t *self);
