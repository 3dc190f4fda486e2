#include "tests/unit/coordinator/ledger/conformance.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
fixture_folder(char out[FIXTURE_PATH])
{
    const char *base = getenv("TMPDIR");
    snprintf(out, FIXTURE_PATH, "%s/kt-ledger-XXXXXX", base && *base ? base : "/tmp");
    cr_assert_not_null(mkdtemp(out));
}

void
fixture_remove(const char *folder)
{
    char           path[FIXTURE_PATH + 300];
    struct dirent *entry;
    DIR           *dir = opendir(folder);
    cr_assert_not_null(dir);
    while ((entry = readdir(dir))) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            cr_assert_eq(unlink(path), 0);
    }
    closedir(dir);
    cr_assert_eq(rmdir(folder), 0);
}

kt_ledger_t *
fixture_sqlite(const char *folder)
{
    char         path[FIXTURE_PATH + 32], why[KT_LEDGER_WHY] = "";
    kt_ledger_t *ledger = NULL;
    snprintf(path, sizeof path, "%s/ledger.sqlite", folder);
    cr_assert_eq(kt_ledger_sqlite_open(&ledger, path, true, why), KT_OK, "%s", why);
    return ledger;
}

kt_ledger_t *
fixture_memory(void)
{
    kt_ledger_t *ledger = NULL;
    cr_assert_eq(kt_ledger_memory_open(&ledger), KT_OK);
    return ledger;
}

void
fixture_job(uint64_t number, kt_priority_t priority, int64_t created_ms, kt_job_t *job, kt_new_job_t *row)
{
    static const char body[] = "{\"a\":1}";
    memset(job, 0, sizeof *job);
    snprintf(job->message_id, sizeof job->message_id, "m%" PRIu64, number);
    snprintf(job->file_path, sizeof job->file_path, "/music/%" PRIu64 ".flac", number);
    job->priority            = priority;
    job->declared_bytes      = 1000 + number;
    job->declared_duration_s = 1.5;
    job->options             = KT_OPTION_ALL;
    memset(job->body_digest.bytes, 7, sizeof job->body_digest.bytes);
    *row = (kt_new_job_t){.job = job, .body = body, .body_bytes = sizeof body - 1, .wall_ms = created_ms};
}

uint64_t
fixture_insert(kt_ledger_t *ledger, uint64_t number)
{
    kt_job_t      job;
    kt_new_job_t  row;
    kt_inserted_t how = KT_INSERTED_CLASH;
    uint64_t      id  = 0;
    fixture_job(number, KT_PRIORITY_NORMAL, 0, &job, &row);
    cr_assert_eq(ledger->ops->insert_jobs(ledger, &row, 1, &how, &id), KT_OK);
    cr_assert_eq(how, KT_INSERTED_NEW);
    return id;
}

void
fixture_insert_of(kt_ledger_t *ledger, uint64_t number, kt_priority_t priority, int64_t created_ms)
{
    kt_job_t      job;
    kt_new_job_t  row;
    kt_inserted_t how;
    uint64_t      id;
    fixture_job(number, priority, created_ms, &job, &row);
    cr_assert_eq(ledger->ops->insert_jobs(ledger, &row, 1, &how, &id), KT_OK);
    cr_assert(how == KT_INSERTED_NEW && id == number);
}

kt_lease_t
fixture_lease(kt_ledger_t *ledger, const char *name)
{
    kt_lease_t lease = {0};
    cr_assert_eq(ledger->ops->lease_open(ledger, name, 60000, &lease), KT_OK);
    cr_assert_str_eq(lease.coordinator, name);
    cr_assert_eq(lease.length_ms, 60000);
    return lease;
}

size_t
fixture_claim_n(kt_ledger_t *ledger, const kt_lease_t *lease, size_t want, int64_t wall_ms, kt_run_id_t *ids)
{
    kt_claimed_t *rows = calloc(want, sizeof *rows);
    size_t        n    = 0;
    cr_assert_eq(ledger->ops->claim(ledger, lease, want, wall_ms, rows, &n), KT_OK);
    for (size_t i = 0; i < n; i++) {
        ids[i] = rows[i].id;
        free(rows[i].body);
    }
    free(rows);
    return n;
}

kt_claimed_t
fixture_claim(kt_ledger_t *ledger, const kt_lease_t *lease)
{
    kt_claimed_t row = {0};
    size_t       n   = 0;
    cr_assert_eq(ledger->ops->claim(ledger, lease, 1, 0, &row, &n), KT_OK);
    cr_assert_eq(n, 1);
    cr_assert_str_eq(row.body, "{\"a\":1}");
    cr_assert_eq(row.body_bytes, 7);
    free(row.body);
    row.body = NULL;
    return row;
}

kt_result_t
fixture_success(kt_run_id_t id)
{
    static const char document[] = "{\"success\":true,\"title\":\"\xc3\xa9tude\"}";
    kt_result_t       result     = {
                  .id             = id,
                  .attempt        = 1,
                  .node_name      = "node-a",
                  .document       = document,
                  .document_bytes = sizeof document - 1,
                  .processing_us  = 250,
                  .wall_ms        = 86400000 + 5,
                  .n_stages       = 2,
    };
    strcpy(result.stages[0].name, "decode");
    strcpy(result.stages[1].name, "spec\"tral");
    result.stages[0].us = 200;
    result.stages[1].us = 50;
    return result;
}

kt_result_t
fixture_failure(kt_run_id_t id, kt_err_t err)
{
    kt_result_t result    = fixture_success(id);
    result.err            = err;
    result.detail         = "the file \xff is bad";
    result.document       = "{\"success\":false}";
    result.document_bytes = strlen(result.document);
    return result;
}

kt_stored_t
fixture_store(kt_ledger_t *ledger, const kt_result_t *result)
{
    kt_stored_t how = KT_STORED_FENCED;
    cr_assert_eq(ledger->ops->store(ledger, result, 1, &how), KT_OK);
    return how;
}

kt_stored_t
fixture_fail(kt_ledger_t *ledger, const kt_lease_t *lease, const kt_result_t *result)
{
    kt_stored_t how = KT_STORED_FENCED;
    cr_assert_eq(ledger->ops->fail(ledger, lease, result, 1, &how), KT_OK);
    return how;
}

void
fixture_store_with_warnings(kt_ledger_t *ledger)
{
    static const struct {
        kt_err_t    err;
        const char *document;
    } FILES[] = {
        {KT_OK, "{\"success\":true,\"error\":null,\"features\":{\"mir\":{\"tempo\":120},\"technical\":{\"warnings\":["
                "{\"code\":\"sound_lost\",\"text\":\"0.5 s\"}]}}}"},
        {KT_ETRUNCATED,
         "{\"success\":false,\"error\":{\"code\":\"ETRUNCATED\"},\"features\":{\"mir\":{\"tempo\":90},\"technical\":"
         "{\"warnings\":[{\"code\":\"truncated\",\"text\":\"ends\"},{\"code\":\"sound_lost\",\"text\":\"1 s\"}]}}}"},
        {KT_ENOFILE, "{\"success\":false,\"error\":{\"code\":\"ENOFILE\"},\"features\":null}"},
    };
    kt_run_id_t ids[sizeof FILES / sizeof *FILES];
    for (uint64_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        fixture_insert(ledger, i + 1);
    kt_lease_t lease = fixture_lease(ledger, "one");
    cr_assert_eq(fixture_claim_n(ledger, &lease, sizeof FILES / sizeof *FILES, 0, ids), sizeof FILES / sizeof *FILES);
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        kt_result_t result    = FILES[i].err ? fixture_failure(ids[i], FILES[i].err) : fixture_success(ids[i]);
        result.document       = FILES[i].document;
        result.document_bytes = strlen(FILES[i].document);
        cr_assert_eq(FILES[i].err ? fixture_fail(ledger, &lease, &result) : fixture_store(ledger, &result),
                     KT_STORED_NEW);
    }
}

kt_ask_t
fixture_ask(kt_ledger_t *ledger, kt_ask_type_t type, kt_run_id_t id)
{
    kt_ask_t ask = {.type = type, .id = id, .how = KT_EIO};
    cr_assert_eq(ledger->ops->ask(ledger, &ask, 1), KT_OK);
    return ask;
}

kt_ask_t
fixture_redo(kt_ledger_t *ledger, kt_run_id_t id)
{
    kt_ask_t ask = {.type = KT_ASK_RETRY, .id = id, .force = true, .how = KT_EIO};
    cr_assert_eq(ledger->ops->ask(ledger, &ask, 1), KT_OK);
    return ask;
}

kt_totals_t
fixture_totals(kt_ledger_t *ledger)
{
    kt_totals_t totals;
    memset(&totals, 0xff, sizeof totals);
    cr_assert_eq(ledger->ops->totals(ledger, 86400000 + 7, &totals), KT_OK);
    return totals;
}

kt_job_row_t
fixture_row(kt_ledger_t *ledger, uint64_t job)
{
    kt_job_row_t   row;
    size_t         n     = 0;
    kt_job_query_t query = {.after_job = job - 1, .state = -1};
    cr_assert_eq(ledger->ops->jobs(ledger, &query, &row, 1, &n), KT_OK);
    cr_assert_eq(n, 1);
    cr_assert_eq(row.id.job, job);
    cr_assert_null(row.document);
    return row;
}

typedef struct findings {
    const char *word;
    size_t      n, of_word;
    char        last[512];
} findings_t;

static void
note(void *context, kt_run_id_t id, const char *finding)
{
    findings_t *self = context;
    (void)id;
    self->n++;
    self->of_word += self->word && strstr(finding, self->word) != NULL;
    snprintf(self->last, sizeof self->last, "%s", finding);
}

uint64_t
fixture_audit_clean(kt_ledger_t *ledger)
{
    findings_t found = {0};
    uint64_t   rows  = 0;
    cr_assert_eq(ledger->ops->audit(ledger, note, &found, &rows), KT_OK);
    cr_assert_eq(found.n, 0, "%zu findings, the last: %s", found.n, found.last);
    return rows;
}

size_t
fixture_findings(kt_ledger_t *ledger, const char *word)
{
    findings_t found = {.word = word};
    uint64_t   rows  = 0;
    cr_assert_eq(ledger->ops->audit(ledger, note, &found, &rows), KT_OK);
    cr_assert(found.of_word || !found.n, "no finding with '%s', but: %s", word, found.last);
    return found.of_word;
}

void
conform_memory(ledger_rule_t *rule)
{
    kt_ledger_t *ledger = fixture_memory();
    rule(ledger);
    fixture_audit_clean(ledger);
    kt_ledger_close(&ledger);
    kt_ledger_close(&ledger);
}

void
conform_sqlite(ledger_rule_t *rule)
{
    char folder[FIXTURE_PATH];
    fixture_folder(folder);
    kt_ledger_t *ledger = fixture_sqlite(folder);
    rule(ledger);
    fixture_audit_clean(ledger);
    kt_ledger_close(&ledger);
    kt_ledger_close(&ledger);
    fixture_remove(folder);
}
