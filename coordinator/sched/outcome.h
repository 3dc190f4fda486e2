// Job transitions (table.c) that send ledger requests or handle their answers.
#pragma once

#include "coordinator/sched/jobs.h"

// Records that the node waits for an ACK of the outcome. At most SCHED_OFFERS; further nodes send it again.
void kt_sjob_offer(kt_sjob_t *job, kt_node_handle_t node);
// The final failure goes to the ledger. document: the node's, with its tag; NULL: the loop writes one.
void kt_sjob_fail(kt_sched_t *self, kt_sjob_t *job, kt_err_t err, void *document);

void kt_sjob_succeed(kt_sched_t *self, kt_sjob_t *job, const kt_sjob_what_t *what);
void kt_sjob_succeed_again(kt_sched_t *self, kt_sjob_t *job, const kt_sjob_what_t *what);
void kt_sjob_old_failure(kt_sched_t *self, kt_sjob_t *job, const kt_sjob_what_t *what);
void kt_sjob_success_answered(kt_sched_t *self, kt_sjob_t *job, const kt_sjob_what_t *what);
void kt_sjob_failure_answered(kt_sched_t *self, kt_sjob_t *job, const kt_sjob_what_t *what);
void kt_sjob_failure_answered_late(kt_sched_t *self, kt_sjob_t *job, const kt_sjob_what_t *what);
void kt_sjob_ask_again(kt_sched_t *self, kt_sjob_t *job, const kt_sjob_what_t *what);
