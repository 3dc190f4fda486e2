// ledger_rules -- what every ledger decides alike: which outcome of a job counts, what an operator may request, what
// may be stored, and how claims are shared among the priorities. Pure functions; any thread.
//
// Priorities: claims take the highest priority first and the oldest job within it. So that low never starves, of every
// KT_CLAIM_SHARE jobs claimed one is the oldest of each lower priority, once that job has waited for KT_CLAIM_AGED_MS.
// A share instead of one key of age and priority, because with such a key a backlog of a million low jobs that has
// reached its age would precede every new job, however urgent. Each priority is an index (or heap) of its own in
// order of age, so that a claim never reads more rows than it takes.
#pragma once

#include "coordinator/ledger/rows.h"

enum { KT_CLAIM_AGED_MS = 10 * 60 * 1000, KT_CLAIM_SHARE = 16, KT_RANKS = 3 };

// The rank of a priority, 0 first. An unknown priority counts as normal.
unsigned      kt_rule_rank(kt_priority_t priority);
kt_priority_t kt_rule_priority(uint64_t rank);  // of a rank; an unknown rank is normal
// How many of the next `want` claims belong to the aged jobs of one lower rank; *turn counts on. Ranks start apart, so
// that claims of one job each do not come to the shares of two ranks at once.
void   kt_rule_turns_init(uint32_t turns[KT_RANKS]);
size_t kt_rule_aged_share(uint32_t *turn, size_t want);

// The facts of the job that an outcome or an operator's request is for.
typedef struct kt_job_facts {
    kt_run_id_t    id;
    kt_job_state_t state;
    uint64_t       epoch;     // of the claim; 0 when not claimed
    bool           retained;  // its body and documents are gone, so that it cannot be retried
} kt_job_facts_t;

// job: NULL when there is none. lease: NULL for a success. KT_STORED_NEW: it may be stored.
kt_stored_t kt_rule_outcome(const kt_job_facts_t *job, const kt_result_t *result, const kt_lease_t *lease);
// Changes *job as an operator's CANCEL or RETRY does ; KT_EINVAL: nothing changed. A request whose effect is
// already there is KT_OK and changes nothing.
kt_err_t kt_rule_ask(kt_job_facts_t *job, const kt_ask_t *ask);
bool     kt_rule_node_name_ok(const char *name);
// A job whose texts can be stored: message_id not empty, all of it UTF-8.
bool kt_rule_job_ok(const kt_new_job_t *job);

enum { KT_STAGES_TEXT = 1024 };
// {"decode":123,"spectral":456}: microseconds by stage; characters that need escaping become '_'. Returns out.
const char *kt_rule_stages_json(const kt_result_t *result, char out[KT_STAGES_TEXT]);

int64_t kt_rule_day(int64_t wall_ms);  // UTC day since 1970
