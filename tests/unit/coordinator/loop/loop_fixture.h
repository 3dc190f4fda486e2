// loop_fixture -- a whole kt_loop_t without a ledger, a socket or a thread: the test sends its frames, reads those that
// it sends, and answers its requests (posted.h).
#pragma once

#include "coordinator/loop/loop.h"
#include "posted.h"

enum { NODE_A = 11, NODE_B = 12 };
extern const char KEY_A[KT_CURVE_TEXT], KEY_B[KT_CURVE_TEXT], KEY_OTHER[KT_CURVE_TEXT];  // of node-a, node-b, no node

extern kt_loop_t        loop;
extern kt_settings_t    loop_settings;
extern kt_keys_t        loop_keys;
extern kt_err_t         loop_send_err;  // of each frame from now on
extern kt_node_handle_t loop_closed;    // a connection that is closed; 0: none
extern size_t           loop_outcomes, loop_fatals, loop_ledger_calls, loop_allows;

void loop_set_up(void);
void loop_tear_down(void);

void loop_open_lease(void);
void loop_frame(kt_node_handle_t from, const char *key, const kt_msg_t *msg);
void loop_hello(kt_node_handle_t from, const char *key, const char *name);  // incarnation 1, no host
void loop_hello_of(kt_node_handle_t from, const char *key, const char *name, uint64_t incarnation, const char *host);
void loop_beat(kt_node_handle_t from, const char *key, uint32_t room);  // holds nothing
// Lease, node-a with room for 4, and a CLAIM answered by n jobs with the numbers from 1, which are sent.
void            loop_send_jobs(size_t n);
void            loop_answer_claim(uint64_t first, size_t n, kt_err_t err);
extern uint32_t loop_claim_crashes;     // of the jobs that a claim returns
void            loop_pass(int64_t ms);  // time with its ticks
void            loop_started(uint64_t job);
void            loop_result(uint64_t job, kt_err_t err, const char *document);  // of node-a

// That of this attempt on the node with that key; until the next call.
kt_bytes_t loop_credential(kt_run_id_t id, uint32_t attempt, const char *key);

// What was sent of that type since the last call of loop_clear_sent; NULL: none.
size_t                loop_n_sent(kt_msg_type_t type);
const kt_msg_t       *loop_last(kt_msg_type_t type);  // decoded; until the next call
kt_node_handle_t      loop_last_to(kt_msg_type_t type);
void                  loop_clear_sent(void);
size_t                loop_n_works(void);       // jobs in all BATCHes
const kt_wire_work_t *loop_work(uint64_t job);  // the last one of that job; until the next call
