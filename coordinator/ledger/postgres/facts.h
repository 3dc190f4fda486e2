// What a call knows of the jobs that it judges: read without a lock, changed in memory as the judgement goes on,
// written in one statement which fails (KT_EAGAIN) if a row is no longer as it was read.
#pragma once

#include "coordinator/ledger/postgres/postgres.h"

typedef struct kt_pg_fact {
    kt_job_facts_t was, now;
    int64_t        changed_ms;
} kt_pg_fact_t;

typedef struct kt_pg_facts {
    kt_pg_fact_t *at;  // by job
    size_t        n;
} kt_pg_facts_t;

// The jobs of ids (0 and repeated ones do no harm); those that are not there are left out. A pipeline of its own.
KT_MUST_USE kt_err_t kt_pg_facts_read(kt_pg_t *self, const uint64_t *ids, size_t n, kt_pg_facts_t *out);
kt_pg_fact_t        *kt_pg_facts_find(const kt_pg_facts_t *self, uint64_t job);  // NULL: no such job
// Puts the changes and their counts into the pipeline. Returns how many jobs changed.
size_t kt_pg_facts_put(kt_pg_t *self, const kt_pg_facts_t *facts, kt_pg_delta_t *delta);
void   kt_pg_facts_fini(kt_pg_facts_t *self);
