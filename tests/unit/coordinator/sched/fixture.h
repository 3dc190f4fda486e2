// A scheduler that is stepped event by event, and its last actions. Nodes A and B; payload tags belong to the node.
#pragma once

#include "coordinator/sched/scheduler.h"

enum { A = 7, B = 8, SILENCE_MS = 2500, DEADLINE_MS = 60000, WAIT_MS = 12000, STALL_MS = 20000, PROOF_MS = 22000 };

extern kt_sched_t  *sched_under_test;
extern kt_actions_t sched_out;
extern int64_t      sched_now_ms;
extern char         sched_tags[64], sched_payloads[8];

void               open_sched(void);
void               close_sched(void);
void               sched_tell(kt_event_t event);
size_t             sched_count(kt_action_type_t type);
const kt_action_t *sched_one(kt_action_type_t type);
kt_run_id_t        sched_job(uint64_t number);
void               sched_hello_as(kt_node_handle_t node, const char *name, uint64_t incarnation);
void sched_beat(kt_node_handle_t node, uint64_t seen, uint32_t free_slots, const kt_held_t *held, size_t n);
void sched_claimed_with(uint64_t first, size_t n, uint32_t attempts, uint32_t crashes);
void sched_word(kt_event_type_t type, kt_node_handle_t node, uint64_t number, uint32_t attempt, kt_err_t err);
void sched_stored(uint64_t number, kt_stored_t how, bool failure);
void sched_tick_after(int64_t ms);
void sched_one_sent(void);
kt_sched_view_t sched_view(void);
