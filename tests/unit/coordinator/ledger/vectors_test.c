// The search for the nearest vectors in both SQL ledgers, against one that reads and parses every document.
#include "common/json.h"
#include "tests/unit/coordinator/ledger/sql_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES = 7, DOCUMENT = 1024, WANT = 25, PATH = 64 };

// Deterministic numbers between -0.5 and 0.5; those of `number` modulo 11 repeat, so that distances are equal.
static double
value_of(uint64_t number, int i)
{
    uint64_t x = (number % 11 == 0 ? 11 : number) * 0x9e3779b97f4a7c15u + (uint64_t)i * 0xbf58476d1ce4e5b9u;
    x ^= x >> 29;
    x *= 0x94d049bb133111ebu;
    return (double)(x >> 11) / 9007199254740992.0 - 0.5;
}

// The message of job `number`, with the vector of `values`.
static const char *
document_of(uint64_t number, uint64_t values, const char *method)
{
    static char out[DOCUMENT];
    int         n = snprintf(out, sizeof out,
                             "{\"message_id\":\"m%d\",\"file_path\":\"/music/%d.flac\",\"success\":true,\"features\":{"
                                     "\"mir\":{\"tempo\":%d,\"key\":\"C\"},\"technical\":{\"duration\":12.5}},\"methods\":{"
                                     "\"combined_vector\":\"%s\"},\"similarity_vectors\":{\"combined_vector\":[",
                             (int)number, (int)number, 90 + (int)(number % 40), method);
    for (int i = 0; i < VALUES; i++)
        n += snprintf(out + n, sizeof out - (size_t)n, "%s%.9g", i ? "," : "", value_of(values, i));
    snprintf(out + n, sizeof out - (size_t)n, "]}}");
    return out;
}

static void
store_as(kt_run_id_t id, const char *document, int64_t wall_ms, kt_err_t failure)
{
    kt_lease_t  lease  = fixture_lease(sql_ledger, "one");
    kt_result_t result = failure ? fixture_failure(id, failure) : fixture_success(id);
    result.wall_ms     = wall_ms;
    if (document) {
        result.document       = document;
        result.document_bytes = strlen(document);
    }
    fixture_claim(sql_ledger, &lease);
    cr_assert_eq(failure ? fixture_fail(sql_ledger, &lease, &result) : fixture_store(sql_ledger, &result),
                 KT_STORED_NEW);
}

static void
store(uint64_t number, const char *method)
{
    kt_run_id_t id = {fixture_insert(sql_ledger, number), 1};
    store_as(id, document_of(number, number, method), 1000 + (int64_t)number, KT_OK);
}

static void
path_of(uint64_t job, uint64_t number)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "UPDATE inputs SET file_path = '/music/%d.flac' WHERE job = %d; UPDATE feature_rows SET file_path ="
             " '/music/%d.flac' WHERE job = %d",
             (int)number, (int)job, (int)number, (int)job);
    sql_query(sql);
}

// The numbers of a document's vector; 0: it has none.
static size_t
parse_vector(const kt_job_row_t *row, kt_vector_t *out)
{
    char          why[KT_JSON_WHY];
    json_t       *document = NULL;
    const json_t *list;
    cr_assert_eq(kt_json_parse(row->document, row->document_bytes, 1 << 20, &document, why), KT_OK);
    list   = kt_json_get(kt_json_get(document, "similarity_vectors"), "combined_vector");
    out->n = kt_json_count(list);
    for (size_t i = 0; i < out->n; i++)
        cr_assert(kt_json_number(kt_json_at(list, i), &out->value[i]));
    snprintf(out->method, sizeof out->method, "%s",
             kt_json_str(kt_json_get(document, "methods"), "combined_vector", ""));
    kt_json_free(&document);
    return out->n;
}

typedef struct ranked {
    uint64_t job;
    double   distance;
} ranked_t;

typedef struct ranking {
    ranked_t at[WANT];
    size_t   n;
    uint64_t others;
} ranking_t;

static void
rank(ranking_t *self, uint64_t job, double distance)
{
    size_t place = self->n;
    while (place > 0 && self->at[place - 1].distance > distance)
        place--;
    if (place == WANT)
        return;
    self->n = self->n < WANT ? self->n + 1 : WANT;
    memmove(self->at + place + 1, self->at + place, (self->n - place - 1) * sizeof *self->at);
    self->at[place] = (ranked_t){job, distance};
}

// As it was done before vectors were stored: by the document of every latest result.
static ranking_t
ranking_of(const kt_vector_t *query, const char *path)
{
    kt_job_query_t pages = {.state = -1, .documents = true, .latest = true};
    ranking_t      out   = {0};
    for (size_t n = 8; n == 8;) {
        kt_job_row_t rows[8];
        cr_assert_eq(sql_ledger->ops->jobs(sql_ledger, &pages, rows, 8, &n), KT_OK);
        for (size_t i = 0; i < n; i++) {
            kt_vector_t other;
            double      dot = 0;
            pages.after_job = rows[i].id.job;
            if (!rows[i].err && rows[i].document && strcmp(rows[i].file_path, path) && parse_vector(&rows[i], &other)) {
                for (size_t k = 0; k < other.n; k++)
                    dot += query->value[k] * other.value[k];
                if (other.n == query->n && strcmp(other.method, query->method) == 0)
                    rank(&out, rows[i].id.job, fmax(0, 1 - dot));
                else
                    out.others++;
            }
            free(rows[i].document);
        }
    }
    return out;
}

static void
expect_same_ranking(uint64_t number)
{
    char           path[PATH];
    kt_vector_t    query;
    kt_neighbour_t out[WANT];
    snprintf(path, sizeof path, "/music/%d.flac", (int)number);
    cr_assert_eq(sql_ledger->ops->vector_of(sql_ledger, path, &query), KT_OK, "%s", path);
    kt_nearest_t search   = {.query = &query, .path = path, .want = WANT, .out = out};
    ranking_t    expected = ranking_of(&query, path);
    cr_assert_eq(sql_ledger->ops->nearest(sql_ledger, &search), KT_OK);
    cr_assert_eq(search.n, expected.n, "%zu rows instead of %zu", search.n, expected.n);
    cr_assert_eq(search.other_methods, expected.others);
    cr_assert_eq(search.damaged, 0);
    for (size_t i = 0; i < search.n; i++) {
        cr_assert_eq(out[i].id.job, expected.at[i].job, "place %zu: job %d instead of %d", i, (int)out[i].id.job,
                     (int)expected.at[i].job);
        cr_assert_eq(out[i].distance, expected.at[i].distance, "the distance itself is the same number");
    }
    kt_nearest_clear(&search);
}

static void
the_ranking_is_that_of_the_documents(void)
{
    enum { JOBS = 90 };
    for (uint64_t number = 1; number <= JOBS; number++)
        store(number, number % 13 ? "signal-1" : "models-1 m 2");
    path_of(7, 8);    // job 7 is an earlier result of job 8's file
    path_of(30, 29);  // job 29 of job 30's, which has another vector
    cr_assert_eq(fixture_redo(sql_ledger, (kt_run_id_t){40, 1}).how, KT_OK);  // waits: its result is still the latest
    cr_assert_eq(fixture_redo(sql_ledger, (kt_run_id_t){41, 1}).how, KT_OK);
    cr_assert_eq(fixture_ask(sql_ledger, KT_ASK_CANCEL, (kt_run_id_t){41, 2}).how, KT_OK);
    static const char *const REMOVED[] = {"/music/50.flac", "/music/51.flac"};
    cr_assert_eq(sql_ledger->ops->mark_paths(sql_ledger, REMOVED, 2, true, 5000), KT_OK);
    for (uint64_t number = 2; number <= JOBS; number += 9)
        if (number != 29)
            expect_same_ranking(number);
}

static void
only_the_latest_result_of_a_file_is_a_neighbour(void)
{
    char           path[] = "/music/1.flac";
    kt_vector_t    query;
    kt_neighbour_t out[WANT];
    for (uint64_t number = 1; number <= 3; number++)
        store(number, "signal-1");
    cr_assert_eq(fixture_redo(sql_ledger, (kt_run_id_t){2, 1}).how, KT_OK);
    store_as((kt_run_id_t){2, 2}, NULL, 9000, KT_EFORMAT);
    cr_assert_eq(sql_ledger->ops->vector_of(sql_ledger, "/music/2.flac", &query), KT_ENOTFOUND);
    cr_assert_eq(sql_ledger->ops->vector_of(sql_ledger, "/music/77.flac", &query), KT_ENOTFOUND);
    cr_assert_eq(sql_ledger->ops->vector_of(sql_ledger, path, &query), KT_OK);
    kt_nearest_t search = {.query = &query, .path = path, .want = WANT, .out = out};
    cr_assert_eq(sql_ledger->ops->nearest(sql_ledger, &search), KT_OK);
    cr_assert_eq(search.n, 1);
    cr_expect_str_eq(out[0].file_path, "/music/3.flac");
    cr_expect_str_eq(out[0].key, "C");
    cr_expect_str_eq(out[0].mode, "");
    cr_expect(out[0].tempo == 93 && out[0].duration_s == 12.5);
    kt_nearest_clear(&search);
    // The new run's vector takes the place of the one before.
    cr_assert_eq(fixture_redo(sql_ledger, (kt_run_id_t){3, 1}).how, KT_OK);
    store_as((kt_run_id_t){3, 2}, document_of(3, 5, "signal-1"), 9500, KT_OK);
    expect_same_ranking(1);
    sql_expect("SELECT count(*) FROM vectors", "3");
}

static void
rows_that_hold_no_vector_are_left_out_and_counted(void)
{
    static const struct {
        const char *sqlite, *postgres;
    } BROKEN[] = {
        {"UPDATE vectors SET value = x'00112233' WHERE job = 2",
         "UPDATE vectors SET value = '\\x00112233' WHERE job = 2"},
        {"UPDATE vectors SET value = x'' WHERE job = 2", "UPDATE vectors SET value = '' WHERE job = 2"},
        {"UPDATE vectors SET value = zeroblob(6152) WHERE job = 2",
         "UPDATE vectors SET value = decode(repeat('00', 6152), 'hex') WHERE job = 2"},
        {"UPDATE vectors SET value = x'000000000000f87f' WHERE job = 2",
         "UPDATE vectors SET value = '\\x000000000000f87f' WHERE job = 2"},
    };
    kt_vector_t    query;
    kt_neighbour_t out[WANT];
    for (uint64_t number = 1; number <= 3; number++)
        store(number, "signal-1");
    cr_assert_eq(sql_ledger->ops->vector_of(sql_ledger, "/music/1.flac", &query), KT_OK);
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++) {
        kt_nearest_t search = {.query = &query, .path = "/music/1.flac", .want = WANT, .out = out};
        sql_query(sql_on_postgres ? BROKEN[i].postgres : BROKEN[i].sqlite);
        cr_assert_eq(sql_ledger->ops->nearest(sql_ledger, &search), KT_OK);
        cr_expect(search.n == 1 && search.damaged == 1 && search.first_damaged.job == 2, "case %zu", i);
        kt_nearest_clear(&search);
        kt_vector_t none;
        cr_expect_eq(sql_ledger->ops->vector_of(sql_ledger, "/music/2.flac", &none), KT_ENOTFOUND);
    }
    cr_expect_eq(fixture_findings(sql_ledger, "which are no vector"), 0,
                 "a number that is none is not seen by the audit");
    sql_query(sql_on_postgres ? BROKEN[0].postgres : BROKEN[0].sqlite);
    cr_expect_eq(fixture_findings(sql_ledger, "which are no vector"), 1);
}

static void
a_search_in_bounded_calls_finds_what_one_call_finds(void)
{
    enum { OTHERS = 1200 };
    char           path[] = "/music/1.flac", sql[512];
    kt_vector_t    query;
    kt_neighbour_t out[WANT], parts[WANT];
    for (uint64_t number = 1; number <= 6; number++)
        store(number, number == 4 ? "models-1 m 2" : "signal-1");
    snprintf(
        sql, sizeof sql,
        "WITH RECURSIVE n(i) AS (SELECT 1001 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO vectors(job, run,"
        " method, value) SELECT i, 1, method, value FROM n CROSS JOIN vectors WHERE job = 2",
        1000 + OTHERS);
    sql_query(sql);  // of no file
    cr_assert_eq(sql_ledger->ops->vector_of(sql_ledger, path, &query), KT_OK);
    kt_nearest_t whole = {.query = &query, .path = path, .want = WANT, .out = out}, part = whole;
    part.most = 1;
    part.out  = parts;
    cr_assert_eq(sql_ledger->ops->nearest(sql_ledger, &whole), KT_OK);
    cr_expect(whole.n == 4 && !whole.more && whole.compared == OTHERS + 5, "%zu rows", whole.n);
    size_t calls = 0;
    do
        cr_assert_eq(sql_ledger->ops->nearest(sql_ledger, &part), KT_OK);
    while (++calls < 10 && part.more);
    cr_expect_eq(calls, 3, "of 512 rows");
    cr_assert(part.n == whole.n && part.compared == whole.compared && part.other_methods == whole.other_methods);
    for (size_t i = 0; i < part.n; i++)
        cr_expect(parts[i].id.job == out[i].id.job && parts[i].distance == out[i].distance, "place %zu", i);
    kt_nearest_clear(&whole);
    kt_nearest_clear(&part);
}

static void
results_of_an_older_program_get_their_vectors(void)
{
    enum { JOBS = 150 };  // more than a step
    for (uint64_t number = 1; number <= JOBS; number++)
        store(number, "signal-1");
    cr_assert_eq(fixture_redo(sql_ledger, (kt_run_id_t){3, 1}).how, KT_OK);
    store_as((kt_run_id_t){3, 2}, document_of(3, 5, "signal-1"), 9500, KT_OK);
    sql_query(
        "DROP TABLE vectors; ALTER TABLE feature_state DROP COLUMN vectors_job; ALTER TABLE feature_state DROP COLUMN"
        " vectors_run; ALTER TABLE feature_state DROP COLUMN vectors_done; DELETE FROM schema_migrations WHERE name"
        " LIKE '%_vectors'");
    sql_expect_start();
    sql_expect("SELECT count(*) FROM vectors", "150");
    sql_expect("SELECT count(*) FROM vectors WHERE run = 2", "1");
    sql_expect("SELECT count(*) FROM feature_rows", "151");
    expect_same_ranking(2);
    // A migration that was interrupted goes on where it was.
    sql_query(
        "DELETE FROM vectors WHERE job > 70; UPDATE feature_state SET vectors_job = 70, vectors_run = 1, vectors_done"
        " = 0");
    sql_expect_start();
    sql_expect("SELECT count(*) FROM vectors", "150");
    expect_same_ranking(149);
}

BOTH(ledger_vectors, the_ranking_is_that_of_the_documents, sql_remove())
BOTH(ledger_vectors, only_the_latest_result_of_a_file_is_a_neighbour, sql_end())
BOTH(ledger_vectors, rows_that_hold_no_vector_are_left_out_and_counted, sql_remove())
BOTH(ledger_vectors, a_search_in_bounded_calls_finds_what_one_call_finds, sql_remove())
BOTH(ledger_vectors, results_of_an_older_program_get_their_vectors, sql_end())
