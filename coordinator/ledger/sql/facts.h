// kt_sql_facts -- what a call has read of the jobs that it judges. Read first, changed in memory as the rules judge,
// and written by one statement.
#pragma once

#include "coordinator/ledger/sql/messages.h"

typedef struct kt_sql_fact {
    kt_job_facts_t was, now;
    int64_t        changed_ms;
    bool           has_rows;  // of features, by any job of its path
    kt_sql_slice_t message_id, file_path;
} kt_sql_fact_t;
typedef struct kt_sql_facts {
    kt_sql_fact_t *at;  // by job
    size_t         n;
    kt_buf_t       texts;  // of the slices
} kt_sql_facts_t;
// The jobs of ids (0 and repeated ones do no harm); those that are not there are left out. A pipeline of its own.
kt_err_t       kt_sql_facts_read(kt_sql_t *self, const uint64_t *ids, size_t n, kt_sql_facts_t *out);
kt_sql_fact_t *kt_sql_facts_find(const kt_sql_facts_t *self, uint64_t job);  // NULL: no such job
// The changes and their counts, into the pipeline; processing_us: of the results that come with them.
void kt_sql_facts_put(kt_sql_t *self, const kt_sql_facts_t *facts, int64_t processing_us);
void kt_sql_facts_fini(kt_sql_facts_t *self);
