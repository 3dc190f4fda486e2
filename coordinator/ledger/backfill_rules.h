// ledger_backfill_rules -- what every ledger decides alike about backfills: names, states, counts, the rate. Pure
// functions; any thread.
#pragma once

#include "coordinator/ledger/backfill.h"
#include "coordinator/ledger/rules.h"

const char           *kt_backfill_state_name(kt_backfill_state_t state);        // "spooling", ...
const char           *kt_backfill_outcome_name(kt_backfill_outcome_t outcome);  // "waiting", ...
kt_backfill_outcome_t kt_backfill_outcome_of(kt_err_t refused, bool skipped, bool has_job, int job_state);
// The same on a whole row, with what belongs to it. KT_EEMPTY: a list without a chunk; KT_EINVAL.
kt_err_t kt_backfill_control(kt_backfill_t *self, kt_backfill_verb_t verb, uint64_t chunks, int64_t wall_ms);
// The same, without changing the row: KT_EINVAL if the verb cannot be applied to it now.
kt_err_t kt_backfill_allows(const kt_backfill_t *self, kt_backfill_verb_t verb);
bool     kt_backfill_ok(const kt_backfill_t *wanted);  // its texts can be stored
void     kt_backfill_fresh(const kt_backfill_t *wanted, uint64_t id, int64_t wall_ms, kt_backfill_t *out);
// Preconditions of the calls that may be repeated after a lost answer, judged on the loaded row; the lease comes before
// (KT_EFENCED). *repeated: this call has been applied already, so it returns KT_OK and changes nothing; a chunk's bytes
// must then be compared. KT_EINVAL: the state, a gap, or too many rows; KT_EBADDATA: a job that cannot be stored.
kt_err_t kt_rule_backfill_spool(const kt_backfill_t *self, uint64_t chunk, bool *repeated);
kt_err_t kt_rule_backfill_list(const kt_backfill_t *self, const kt_backfill_page_t *page, bool *repeated);
kt_err_t kt_rule_backfill_feed(const kt_backfill_t *self, const kt_new_job_t *jobs, size_t n, uint64_t up_to,
                               bool *repeated);
// An item is a job of a backfill that has not succeeded. The values are stored, except GONE: the item is deleted.
typedef enum kt_backfill_item_state {
    KT_ITEM_OPEN,
    KT_ITEM_FAILED,
    KT_ITEM_CANCELLED,
    KT_ITEM_GONE
} kt_backfill_item_state_t;
// The state of an open item whose job has ended, or is queued while its backfill is cancelled: that job is cancelled.
kt_backfill_item_state_t kt_rule_item_settle(kt_job_facts_t *job);
// The state of a failed item that is to run again; its job runs again if it still counts as failed. A job that was
// retried by its number meanwhile is taken in its present state; one that cannot run again leaves the item FAILED.
kt_backfill_item_state_t kt_rule_item_retry(kt_job_facts_t *job);
void kt_backfill_count_item(kt_backfill_t *self, kt_backfill_item_state_t from, kt_backfill_item_state_t to);
// Counts a page that is stored now, of whose n rows `repeated` were left out as repeated.
void kt_backfill_count_page(kt_backfill_t *self, const kt_backfill_page_t *page, uint64_t repeated);
// A row as a ledger keeps it: its texts (name, token, source, version, cursor, detail, kinds) and its numbers, in a
// fixed order. kinds: kt_left_out_json, written into the caller's buffer.
enum { KT_BACKFILL_TEXTS = 7, KT_BACKFILL_NUMBERS = 26, KT_BACKFILL_KINDS = 1024 };
void kt_backfill_texts(const kt_backfill_t *self, const char *out[KT_BACKFILL_TEXTS], char kinds[KT_BACKFILL_KINDS]);
void kt_backfill_numbers(const kt_backfill_t *self, int64_t out[KT_BACKFILL_NUMBERS]);
void kt_backfill_read(kt_backfill_t *out, uint64_t id, const char *const texts[KT_BACKFILL_TEXTS],
                      const int64_t numbers[KT_BACKFILL_NUMBERS]);
// After `left` items have been counted: what else changes; false: nothing.
bool     kt_backfill_after_settle(kt_backfill_t *self, size_t left, int64_t wall_ms);
uint64_t kt_backfill_open(const kt_backfill_t *self);     // jobs without outcome
uint64_t kt_backfill_waiting(const kt_backfill_t *self);  // rows listed and not yet fed
// Keeps the two moments; per second over the last ten to twenty seconds, 0 before there are two.
void   kt_backfill_note_rate(kt_backfill_t *self, int64_t wall_ms);
double kt_backfill_rate(const kt_backfill_t *self, int64_t wall_ms);
