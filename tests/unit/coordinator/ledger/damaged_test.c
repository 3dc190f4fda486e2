// One bad row, changed by hand, in both SQL ledgers: what reads many rows leaves it out, counts and names it, and gives
// all others.
#include "tests/unit/coordinator/ledger/sql_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOBS = 3 };

static const char DOCUMENT[] =
    "{\"message_id\":\"m%d\",\"file_path\":\"/music/%d.flac\",\"success\":true,\"error\":null,\"features\":{\"mir\":{"
    "\"tempo\":120},\"spectral\":{\"mfcc\":[1,2]},\"technical\":{\"warnings\":[{\"code\":\"sound_lost\",\"text\":\"1 "
    "s\"}]}},"
    "\"methods\":{\"combined_vector\":\"signal-1\"},\"similarity_vectors\":{\"combined_vector\":[0.6,0.8]}}";

// How the document of job 2 is broken, and what the audit says.
static const struct {
    const char *how, *sqlite, *postgres, *finding;
    bool        json;  // it is an object, and is read
} CASES[] = {
    {"cut", "UPDATE results SET document = substr(document, 1, 40) WHERE job = 2", NULL, "no JSON object", false},
    {"empty", "UPDATE results SET document = '' WHERE job = 2", NULL, "no JSON object", false},
    {"a word", "UPDATE results SET document = 'null' WHERE job = 2", NULL, "no JSON object", false},
    {"a list", "UPDATE results SET document = '[1]' WHERE job = 2", NULL, "no JSON object", false},
    {"two objects", "UPDATE results SET document = document || document WHERE job = 2", NULL, "no JSON object", false},
    {"a bad number", "UPDATE results SET document = replace(document, '120', '12.') WHERE job = 2", NULL,
     "no JSON object", false},
    {"null",
     "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'document TEXT NOT NULL', 'document "
     "TEXT')"
     " WHERE name = 'results'; PRAGMA writable_schema = RESET; UPDATE results SET document = NULL WHERE job = 2",
     "ALTER TABLE results ALTER COLUMN document DROP NOT NULL; UPDATE results SET document = NULL WHERE job = 2",
     "no JSON object", false},
    {"no UTF-8", "UPDATE results SET document = replace(document, 'sound_lost', CAST(x'fffe' AS TEXT)) WHERE job = 2",
     "UPDATE results SET document = replace(document, 'sound_lost', E'\\u0001') WHERE job = 2", "no JSON object",
     false},
    {"a NUL", "UPDATE results SET document = replace(document, 'sound_lost', '\\u0000') WHERE job = 2", NULL,
     "no JSON object", false},
    {"half a pair", "UPDATE results SET document = replace(document, 'sound_lost', '\\ud800') WHERE job = 2", NULL,
     "no JSON object", false},
    {"another's", "UPDATE results SET document = replace(document, '\"m2\"', '\"m3\"') WHERE job = 2", NULL,
     "another message_id", true},
    {"another file's", "UPDATE results SET document = replace(document, '2.flac', '3.flac') WHERE job = 2", NULL,
     "another file", true},
};

static void
store_all(void)
{
    static char documents[JOBS][sizeof DOCUMENT + 32];  // of two numbers
    kt_run_id_t ids[JOBS];
    sql_ledger->publishes = true;
    for (uint64_t job = 1; job <= JOBS; job++)
        fixture_insert(sql_ledger, job);
    kt_lease_t lease = fixture_lease(sql_ledger, "one");
    cr_assert_eq(fixture_claim_n(sql_ledger, &lease, JOBS, 0, ids), JOBS);
    for (int i = 0; i < JOBS; i++) {
        kt_result_t result = fixture_success(ids[i]);
        snprintf(documents[i], sizeof documents[i], DOCUMENT, i + 1, i + 1);
        result.document       = documents[i];
        result.document_bytes = strlen(documents[i]);
        cr_assert_eq(fixture_store(sql_ledger, &result), KT_STORED_NEW);
    }
}

// How many rows have a document, and whether job 2 is the damaged one.
static void
expect_pages(const char *how, bool json)
{
    const kt_job_query_t QUERIES[] = {{.state = -1, .documents = true},
                                      {.state = -1, .documents = true, .latest = true},
                                      {.state = -1, .documents = true, .history = true}};
    for (size_t q = 0; q < sizeof QUERIES / sizeof *QUERIES; q++) {
        kt_job_row_t rows[JOBS + 1];
        size_t       n = 0;
        cr_assert_eq(sql_ledger->ops->jobs(sql_ledger, &QUERIES[q], rows, JOBS + 1, &n), KT_OK, "%s", how);
        cr_assert_eq(n, JOBS);
        for (size_t i = 0; i < n; i++) {
            const bool bad = i == 1 && !json;
            cr_expect(rows[i].damaged == bad && (rows[i].document == NULL) == bad, "%s: query %zu, row %zu", how, q, i);
            free(rows[i].document);
        }
    }
}

static void
expect_outbox(const char *how, bool json)
{
    kt_outbox_row_t rows[JOBS + 1];
    size_t          n     = 0;
    kt_lease_t      lease = fixture_lease(sql_ledger, "one");
    cr_assert_eq(sql_ledger->ops->outbox_take(sql_ledger, &lease, 0, JOBS + 1, rows, &n), KT_OK, "%s", how);
    cr_assert_eq(n, JOBS);
    for (size_t i = 0; i < n; i++) {
        const bool bad = i == 1 && !json;
        cr_expect(rows[i].damaged == bad && (rows[i].bytes == NULL) == bad, "%s: row %zu of the outbox", how, i);
        kt_outbox_row_fini(&rows[i]);
    }
}

static void
one_bad_document_stops_nothing(size_t which)
{
    kt_vector_t    query;
    kt_neighbour_t near[JOBS];
    const char    *how = CASES[which].how;
    store_all();
    sql_query(sql_on_postgres && CASES[which].postgres ? CASES[which].postgres : CASES[which].sqlite);
    expect_pages(how, CASES[which].json);
    expect_outbox(how, CASES[which].json);
    sql_expect("SELECT count(*) FROM features WHERE tempo = 120", "3");
    sql_expect("SELECT count(*) FROM warnings WHERE code = 'sound_lost'", CASES[which].json ? "3" : "2");
    cr_assert_eq(sql_ledger->ops->vector_of(sql_ledger, "/music/1.flac", &query), KT_OK);
    kt_nearest_t search = {.query = &query, .path = "/music/1.flac", .want = JOBS, .out = near};
    cr_assert_eq(sql_ledger->ops->nearest(sql_ledger, &search), KT_OK);
    cr_expect_eq(search.n, 2, "%s", how);
    kt_nearest_clear(&search);
    cr_expect_eq(fixture_findings(sql_ledger, CASES[which].finding), 1, "%s", how);
    sql_remove();
}

Test(ledger_damaged, one_bad_document_stops_nothing_in_sqlite)
{
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        sql_begin(false);
        one_bad_document_stops_nothing(i);
    }
}

Test(ledger_damaged, one_bad_document_stops_nothing_in_postgresql)
{
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        sql_begin(true);
        one_bad_document_stops_nothing(i);
    }
}

// The columns are typed: what SQLite keeps as text can be any, and is read as it is.
static void
a_list_that_is_no_json_breaks_no_query(void)
{
    store_all();
    sql_query(sql_on_postgres ? "UPDATE feature_rows SET mfcc = NULL, tempo = NULL WHERE job = 2"
                              : "UPDATE feature_rows SET mfcc = '[1,', tempo = NULL WHERE job = 2");
    sql_expect("SELECT count(*) FROM features WHERE tempo = 120", "2");
    sql_expect("SELECT count(*) FROM (SELECT * FROM features) AS f", "3");
}

BOTH(ledger_damaged, a_list_that_is_no_json_breaks_no_query, sql_remove())

static void
a_waiting_job_with_a_run_that_is_none_holds_up_no_other(void)
{
    static const char *const RUNS[] = {"0", "-1", "2147483648", "4294967297", "9223372036854775807"};
    char                     sql[96];
    kt_run_id_t              ids[JOBS];
    for (uint64_t job = 1; job <= JOBS; job++)
        fixture_insert(sql_ledger, job);
    for (size_t i = 0; i < sizeof RUNS / sizeof *RUNS; i++) {
        kt_lease_t lease = fixture_lease(sql_ledger, "one");
        snprintf(sql, sizeof sql, "UPDATE jobs SET run = %s WHERE id = 2", RUNS[i]);
        sql_query(sql);
        cr_expect_eq(fixture_claim_n(sql_ledger, &lease, JOBS, 0, ids), JOBS - 1, "run %s", RUNS[i]);
        cr_expect(ids[0].job == 1 && ids[1].job == 3, "run %s", RUNS[i]);
        cr_expect_eq(fixture_findings(sql_ledger, "which do not exist"), 1, "run %s", RUNS[i]);
        cr_assert_eq(sql_ledger->ops->release(sql_ledger, &lease, ids, JOBS - 1), KT_OK);
    }
}

BOTH(ledger_damaged, a_waiting_job_with_a_run_that_is_none_holds_up_no_other, sql_remove())

static void
a_claimed_job_with_numbers_that_are_none_spoils_no_group(void)
{
    static const char *const CHANGES[] = {"state = 99",    "state = -1",       "state = 5", "retained = 1",
                                          "retained = 99", "run = 4294967297", "run = -1"};
    for (size_t i = 0; i < sizeof CHANGES / sizeof *CHANGES; i++) {
        char        sql[96];
        kt_run_id_t id    = {fixture_insert(sql_ledger, 10 + 2 * i), 1};
        kt_run_id_t other = {fixture_insert(sql_ledger, 11 + 2 * i), 1};
        kt_run_id_t ids[2];
        kt_lease_t  lease = fixture_lease(sql_ledger, "one");
        cr_assert_eq(fixture_claim_n(sql_ledger, &lease, 2, 0, ids), 2);
        snprintf(sql, sizeof sql, "UPDATE jobs SET %s WHERE id = %d", CHANGES[i], (int)id.job);
        sql_query(sql);
        kt_result_t results[] = {fixture_success(id), fixture_success(other)};
        kt_stored_t how[2];
        cr_assert_eq(sql_ledger->ops->store(sql_ledger, results, 2, how), KT_OK, "%s", CHANGES[i]);
        cr_expect(how[0] == KT_STORED_BAD_DATA && how[1] == KT_STORED_NEW, "%s: %d %d", CHANGES[i], how[0], how[1]);
        cr_expect_eq(fixture_ask(sql_ledger, KT_ASK_CANCEL, id).how, KT_ENOTFOUND, "%s", CHANGES[i]);
    }
}

BOTH(ledger_damaged, a_claimed_job_with_numbers_that_are_none_spoils_no_group, sql_remove())

static void
a_document_that_is_not_of_its_job_is_refused(void)
{
    static const char *const DOCUMENTS[] = {
        "",
        "dddddd",
        "[1]",
        "{\"success\":true",
        "{\"success\":true}{}",
        "{\"message_id\":\"m2\",\"file_path\":\"/music/1.flac\"}",
        "{\"message_id\":\"m1\",\"file_path\":\"/music/2.flac\"}",
        "{\"message_id\":\"m1\",\"file_path\":\"/music/1.flac \"}",
    };
    kt_run_id_t id    = {fixture_insert(sql_ledger, 1), 1};
    kt_lease_t  lease = fixture_lease(sql_ledger, "one");
    fixture_claim(sql_ledger, &lease);
    for (size_t i = 0; i < sizeof DOCUMENTS / sizeof *DOCUMENTS; i++)
        for (int failure = 0; failure < 2; failure++) {
            kt_result_t result    = failure ? fixture_failure(id, KT_EFORMAT) : fixture_success(id);
            result.document       = DOCUMENTS[i];
            result.document_bytes = strlen(DOCUMENTS[i]);
            cr_expect_eq(failure ? fixture_fail(sql_ledger, &lease, &result) : fixture_store(sql_ledger, &result),
                         KT_STORED_BAD_DATA, "%s", DOCUMENTS[i]);
        }
    sql_expect("SELECT count(*) FROM results", "0");
    kt_result_t result    = fixture_success(id);
    result.document       = "{\"message_id\":\"m1\",\"file_path\":\"/music/1.flac\"}";
    result.document_bytes = strlen(result.document);
    cr_expect_eq(fixture_store(sql_ledger, &result), KT_STORED_NEW);
}

BOTH(ledger_damaged, a_document_that_is_not_of_its_job_is_refused, sql_end())
