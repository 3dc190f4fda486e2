// Job transitions (table.c) that send ledger requests or handle their answers.
#pragma once

#include "coordinator/sched/jobs.h"

// Records that the node waits for an ACK of the outcome. At most SCHED_OFFERS; further nodes send it again.
void kt_sched_job_await_ack(kt_sched_job_t *job, kt_node_handle_t node);
// The final failure goes to the ledger. document: the node's, with its tag; NULL: the loop writes one.
void kt_sched_job_fail(kt_sched_t *self, kt_sched_job_t *job, kt_err_t err, void *document);

// The file is there and can be read on this node: a doubt about another name was right.
void kt_sched_job_refute(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_node_t *by);

void kt_sched_job_succeed(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args);
void kt_sched_job_succeed_again(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args);
void kt_sched_job_old_failure(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args);
void kt_sched_job_success_answered(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args);
void kt_sched_job_failure_answered(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args);
void kt_sched_job_failure_answered_late(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args);
void kt_sched_job_ask_again(kt_sched_t *self, kt_sched_job_t *job, const kt_sched_job_args_t *args);
