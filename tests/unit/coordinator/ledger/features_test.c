// Rows of typed features in both SQL ledgers: what they hold, which is the latest, how the table follows the feature
// table, and how the results of an older program get theirs.
#include "tests/unit/coordinator/ledger/sql_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static kt_run_id_t
store(uint64_t number, const char *document, kt_err_t failure)
{
    kt_run_id_t id    = {fixture_insert(sql_ledger, number), 1};
    kt_lease_t  lease = fixture_lease(sql_ledger, "one");
    fixture_claim(sql_ledger, &lease);
    kt_result_t result    = failure ? fixture_failure(id, failure) : fixture_success(id);
    result.document       = document;
    result.document_bytes = strlen(document);
    cr_assert_eq(failure ? fixture_fail(sql_ledger, &lease, &result) : fixture_store(sql_ledger, &result),
                 KT_STORED_NEW);
    return id;
}

static const char DOCUMENT[] =
    "{\"success\":true,\"analysis_version\":\"1.1.0\",\"timestamp\":\"2024-01-01T13:00:12.345+01:00\","
    "\"processing_time\":1.5,\"model_versions\":{\"voice\":\"2\"},"
    "\"features\":{\"spectral\":{\"spectral_centroid\":1234.5625,\"mfcc\":[1.5,-2],\"chroma\":[]},"
    "\"mir\":{\"key\":\"F#\",\"tempo\":null,\"onset_rate\":-7},\"technical\":{\"sample_rate\":44100,\"codec\":\"flac\","
    "\"has_video\":false,\"has_audio\":true,\"subtitle_languages\":[\"de\",\"it's\"],\"tags\":{\"artist\":"
    "\"B\xc3\xb6hm\","
    "\"title\":\"O'Neil\"},\"warnings\":[{\"code\":\"ends_early\",\"text\":\"x\"}]},"
    "\"perceptual\":{\"dynamic_range\":7.25}},\"quality_metrics\":{\"dynamic_range\":11.5,\"quality_score\":0.25},"
    "\"similarity_vectors\":{\"combined_vector\":[0.5,-0.5]}}";

static void
values_are_typed(void)
{
    store(1, DOCUMENT, KT_OK);
    sql_expect(
        "SELECT CAST(job AS text) || '|' || run || '|' || message_id || '|' || file_path || '|' || node || '|' || "
        "codec ||"
        " '|' || key || '|' || artist || '|' || title || '|' || coalesce(album, '-') || '|' || analysis_version "
        "FROM features",
        "1|1|m1|/music/1.flac|node-a|flac|F#|B\xc3\xb6hm|O'Neil|-|1.1.0");
    sql_expect(
        "SELECT CAST(spectral_centroid + dynamic_range + quality_dynamic_range + quality_score + processing_time + "
        "sample_rate"
        " AS text) FROM features",
        "45355.0625");
    sql_expect("SELECT count(*) FROM features WHERE success AND has_audio AND NOT has_video AND has_cover_art IS NULL",
               "1");
    sql_expect("SELECT count(*) FROM features WHERE tempo IS NULL AND onset_rate IS NULL AND error IS NULL", "1");
    if (sql_on_postgres) {
        sql_expect("SELECT mfcc[1] + mfcc[2] + coalesce(cardinality(chroma), 9) FROM features", "-0.5");
        sql_expect(
            "SELECT combined_vector::text || subtitle_languages[2] || (tags->>'artist') || (warnings->0->>'code')"
            " || (model_versions->>'voice') FROM features",
            "{0.5,-0.5}it'sB\xc3\xb6hm"
            "ends_early2");
        sql_expect("SELECT extract(epoch FROM \"timestamp\") || '|' || extract(epoch FROM stored_at) FROM features",
                   "1704110412.345000|86400.005000");
        sql_expect("SELECT col_description('feature_rows'::regclass, (SELECT attnum FROM pg_attribute WHERE attrelid ="
                   " 'feature_rows'::regclass AND attname = 'beats'))",
                   "times of the beats [s]");
    } else {
        sql_expect("SELECT mfcc || chroma || combined_vector || subtitle_languages FROM features",
                   "[1.5,-2][][0.5,-0.5][\"de\",\"it's\"]");
        sql_expect(
            "SELECT json_extract(tags, '$.artist') || json_extract(warnings, '$[0].code') || model_versions FROM "
            "features",
            "B\xc3\xb6hm"
            "ends_early{\"voice\":\"2\"}");
        sql_expect("SELECT timestamp || '|' || stored_at FROM features",
                   "2024-01-01T12:00:12.345Z|1970-01-02T00:00:00.005Z");
    }
    sql_expect("SELECT comment || '|' || unit FROM feature_columns WHERE name = 'beats'", "times of the beats [s]|s");
    if (sql_on_postgres) {
        sql_expect("SELECT count(*) FROM pg_attribute WHERE attrelid IN ('features'::regclass,"
                   " 'features_history'::regclass) AND attnum > 0 AND col_description(attrelid, attnum) IS NULL",
                   "0");
        sql_expect("SELECT col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = 'features'::regclass"
                   " AND attname = 'beats'",
                   "times of the beats [s]");
    }
}

static void
what_has_features_has_a_row_however_it_ended(void)
{
    store(1, "{\"success\":true,\"features\":{\"mir\":{\"tempo\":99}}}", KT_ETRUNCATED);
    store(2, "{\"success\":true}", KT_OK);
    store(3, "{}", KT_OK);
    store(4, "{\"success\":true,\"features\":{\"mir\":{\"tempo\":1e9,\"key\":7,\"mode\":\"minor\"}}}", KT_OK);
    store(5, "{\"success\":false,\"features\":null}", KT_EFORMAT);
    store(6, "{\"success\":true,\"features\":{\"mir\":{\"tempo\":null}},\"quality_metrics\":[1]}", KT_OK);
    sql_expect("SELECT error || error_detail || tempo FROM features WHERE job = 1",
               sql_on_postgres ? "ETRUNCATEDthe file \xef\xbf\xbd is bad99"
                               : "ETRUNCATEDthe file \xef\xbf\xbd is bad99.0");
    sql_expect("SELECT error FROM features WHERE NOT success AND tempo IS NULL", "EFORMAT");
    sql_expect("SELECT count(*) FROM feature_rows", "3");
    sql_expect("SELECT count(*) FROM features WHERE tempo IS NULL AND key IS NULL AND mode = 'minor'", "1");
}

static void
path_of(uint64_t job, const char *path)
{
    char sql[256];
    snprintf(sql, sizeof sql, "UPDATE inputs SET file_path = '%s' WHERE job = %llu", path, (unsigned long long)job);
    sql_query(sql);
}

static void
store_at(kt_run_id_t id, int64_t wall_ms, kt_err_t failure)
{
    kt_lease_t  lease  = fixture_lease(sql_ledger, "one");
    kt_result_t result = failure ? fixture_failure(id, failure) : fixture_success(id);
    result.wall_ms     = wall_ms;
    if (!failure) {
        result.document       = DOCUMENT;
        result.document_bytes = sizeof DOCUMENT - 1;
    }
    fixture_claim(sql_ledger, &lease);
    cr_assert_eq(failure ? fixture_fail(sql_ledger, &lease, &result) : fixture_store(sql_ledger, &result),
                 KT_STORED_NEW);
}

static void
the_latest_result_of_a_path_counts(void)
{
    for (uint64_t job = 1; job <= 4; job++)
        fixture_insert(sql_ledger, job);
    path_of(1, "/a");
    path_of(2, "/a");
    path_of(3, "/b");
    store_at((kt_run_id_t){1, 1}, 1000, KT_OK);
    sql_expect("SELECT job FROM features WHERE file_path = '/a'", "1");
    store_at((kt_run_id_t){2, 1}, 2000, KT_OK);
    sql_expect("SELECT job FROM features WHERE file_path = '/a'", "2");
    store_at((kt_run_id_t){3, 1}, 1500, KT_OK);
    sql_expect("SELECT count(*) FROM features", "2");
    sql_expect("SELECT count(*) FROM features_history", "3");
    // An earlier job that is done again is the latest.
    cr_assert_eq(fixture_redo(sql_ledger, (kt_run_id_t){1, 1}).how, KT_OK);
    store_at((kt_run_id_t){4, 1}, 2500, KT_OK);
    sql_expect("SELECT job FROM features WHERE file_path = '/a'", "2");
    store_at((kt_run_id_t){1, 2}, 3000, KT_OK);
    sql_expect("SELECT job * 10 + run FROM features WHERE file_path = '/a'", "12");
    sql_expect("SELECT count(*) FROM features_history WHERE file_path = '/a'", "3");
}

static void
features_of_a_file_that_is_broken_now_are_not_its_latest(void)
{
    for (uint64_t job = 1; job <= 4; job++)
        fixture_insert(sql_ledger, job);
    path_of(2, "/music/1.flac");
    path_of(4, "/music/1.flac");
    store_at((kt_run_id_t){1, 1}, 1000, KT_OK);
    store_at((kt_run_id_t){2, 1}, 2000, KT_EFORMAT);
    store_at((kt_run_id_t){3, 1}, 2000, KT_EFORMAT);
    sql_expect("SELECT count(*) FROM features WHERE success", "0");
    sql_expect("SELECT error FROM features WHERE file_path = '/music/1.flac'", "EFORMAT");
    sql_expect("SELECT count(*) FROM features_history", "3");
    store_at((kt_run_id_t){4, 1}, 3000, KT_OK);
    sql_expect("SELECT job FROM features WHERE success", "4");
}

// "job.run job.run ..." of what the query finds, in pages of two rows.
static const char *
found(kt_job_query_t query)
{
    static char  out[512];
    kt_job_row_t rows[2];
    size_t       n = 2, length = 0;
    *out        = '\0';
    query.state = -1;
    for (int pages = 0; n == 2 && pages < 20; pages++) {
        cr_assert_eq(sql_ledger->ops->jobs(sql_ledger, &query, rows, 2, &n), KT_OK);
        for (size_t i = 0; i < n; i++) {
            length += (size_t)snprintf(out + length, sizeof out - length, "%s%d.%u", length ? " " : "",
                                       (int)rows[i].id.job, rows[i].result_run);
            query.after_job = rows[i].id.job;
            query.after_run = query.history ? rows[i].result_run : 0;
            free(rows[i].document);
        }
    }
    return out;
}

static void
results_are_read_by_path_and_in_full(void)
{
    for (uint64_t job = 1; job <= 5; job++)
        fixture_insert(sql_ledger, job);
    path_of(3, "/music/1.flac");
    store_at((kt_run_id_t){1, 1}, 1000, KT_OK);
    store_at((kt_run_id_t){2, 1}, 1000, KT_EFORMAT);
    store_at((kt_run_id_t){3, 1}, 2000, KT_OK);
    cr_assert_str_eq(found((kt_job_query_t){.latest = true}), "2.1 3.1");
    cr_assert_str_eq(found((kt_job_query_t){.history = true, .documents = true}), "1.1 2.1 3.1");
    // While a job is done again its result is the one before.
    cr_assert_eq(fixture_redo(sql_ledger, (kt_run_id_t){2, 1}).how, KT_OK);
    cr_assert_eq(fixture_redo(sql_ledger, (kt_run_id_t){3, 1}).how, KT_OK);
    cr_assert_str_eq(found((kt_job_query_t){.latest = true, .documents = true}), "2.1 3.1");
    store_at((kt_run_id_t){2, 2}, 3000, KT_OK);
    store_at((kt_run_id_t){3, 2}, 3000, KT_OK);
    cr_assert_str_eq(found((kt_job_query_t){.latest = true, .documents = true}), "2.2 3.2");
    cr_assert_str_eq(found((kt_job_query_t){.history = true}), "1.1 2.1 2.2 3.1 3.2");
    cr_assert_str_eq(found((kt_job_query_t){.history = true, .path_prefix = "/music/1"}), "1.1 3.1 3.2");
}

static void
a_removed_path_has_no_latest_result(void)
{
    static const char *const PATHS[] = {"/music/1.flac", "/music/none"};
    for (uint64_t job = 1; job <= 3; job++)
        fixture_insert(sql_ledger, job);
    path_of(3, "/music/1.flac");
    store_at((kt_run_id_t){1, 1}, 1000, KT_OK);
    store_at((kt_run_id_t){2, 1}, 1000, KT_OK);
    for (int twice = 0; twice < 2; twice++)
        cr_assert_eq(sql_ledger->ops->mark_paths(sql_ledger, PATHS, 2, true, 2000), KT_OK);
    cr_assert_str_eq(found((kt_job_query_t){.latest = true}), "2.1");
    sql_expect("SELECT job FROM features", "2");
    sql_expect("SELECT count(*) FROM removed_paths", "2");
    cr_assert_eq(sql_ledger->ops->mark_paths(sql_ledger, PATHS, 2, false, 2500), KT_OK);
    cr_assert_str_eq(found((kt_job_query_t){.latest = true}), "1.1 2.1");
    cr_assert_eq(sql_ledger->ops->mark_paths(sql_ledger, PATHS, 1, true, 2000), KT_OK);
    store_at((kt_run_id_t){3, 1}, 3000, KT_OK);
    cr_assert_str_eq(found((kt_job_query_t){.latest = true}), "2.1 3.1", "it is there again");
    sql_expect("SELECT count(*) FROM features", "2");
}

// As a ledger of the program before: neither table nor views.
static const char OLDER[] =
    "DROP VIEW features; DROP VIEW features_history; DROP TABLE feature_rows; DROP TABLE feature_columns;"
    " DROP TABLE feature_state; DROP INDEX inputs_path; DROP TABLE removed_paths; DROP TABLE vectors;"
    " DELETE FROM schema_migrations WHERE name LIKE '%_features' OR name LIKE '%_removed'"
    " OR name LIKE '%_vectors'";

static void
results_of_an_older_program_get_their_rows(void)
{
    enum { JOBS = 150 };  // more than a step
    for (uint64_t job = 1; job <= JOBS; job++)
        store(job, job % 3 ? DOCUMENT : "{\"success\":false}", job % 3 ? KT_OK : KT_EDAMAGED);
    path_of(3, "/music/1.flac");
    sql_query(OLDER);
    sql_expect_start();
    sql_expect("SELECT count(*) FROM features WHERE success AND codec = 'flac'", "99");
    sql_expect("SELECT count(*) FROM feature_rows WHERE error = 'EDAMAGED'", "50");
    sql_expect("SELECT done FROM feature_state", "1");
    fixture_audit_clean(sql_ledger);
    // A migration that was interrupted goes on where it was.
    sql_query("DELETE FROM feature_rows WHERE job > 70; UPDATE feature_state SET job = 70, run = 1, done = 0");
    sql_expect_start();
    sql_expect("SELECT count(*) FROM features", "149");
    store(JOBS + 1, DOCUMENT, KT_OK);
    sql_expect("SELECT count(*) FROM features", "150");
}

static void
a_new_feature_is_a_new_column(void)
{
    store(1, DOCUMENT, KT_OK);
    sql_query(
        "DROP VIEW features; DROP VIEW features_history; UPDATE feature_state SET view_digest = '';"
        " DROP INDEX features_tempo; ALTER TABLE feature_rows DROP COLUMN tempo; DELETE FROM feature_columns WHERE "
        "name = 'tempo'");
    sql_query("UPDATE feature_columns SET comment = 'other' WHERE name = 'key'");
    sql_expect_start();
    store(2, "{\"features\":{\"mir\":{\"tempo\":99.5}}}", KT_OK);
    sql_expect("SELECT count(*) FROM features WHERE tempo IS NULL", "1");
    sql_expect("SELECT job FROM features WHERE tempo BETWEEN 99 AND 100", "2");
    sql_expect("SELECT count(*) FROM feature_columns WHERE comment = 'other'", "0");
}

static void
a_column_of_another_type_is_refused(void)
{
    char why[KT_LEDGER_WHY];
    sql_query("UPDATE feature_columns SET type = 'blob' WHERE name = 'tempo'");
    cr_assert_eq(sql_start_again(why), KT_ESCHEMA);
    cr_assert(strstr(why, "tempo") && strstr(why, "blob"), "%s", why);
    sql_remove();
}

static void
views_that_were_changed_are_made_anew(void)
{
    sql_query(
        "DROP VIEW features; CREATE VIEW features AS SELECT 1 AS one; UPDATE feature_state SET view_digest = 'older'");
    sql_expect_start();
    store(1, DOCUMENT, KT_OK);
    sql_expect("SELECT codec FROM features", "flac");
}

BOTH(ledger_features, values_are_typed, sql_end())
BOTH(ledger_features, what_has_features_has_a_row_however_it_ended, sql_end())
BOTH(ledger_features, features_of_a_file_that_is_broken_now_are_not_its_latest, sql_end())
BOTH(ledger_features, the_latest_result_of_a_path_counts, sql_end())
BOTH(ledger_features, results_are_read_by_path_and_in_full, sql_end())
BOTH(ledger_features, a_removed_path_has_no_latest_result, sql_end())
BOTH(ledger_features, results_of_an_older_program_get_their_rows, sql_end())
BOTH(ledger_features, a_new_feature_is_a_new_column, sql_end())
BOTH(ledger_features, views_that_were_changed_are_made_anew, sql_end())
BOTH(ledger_features, a_column_of_another_type_is_refused, )

Test(ledger_features, an_interrupted_migration_is_named_with_its_remedy)
{
    char why[KT_LEDGER_WHY] = "";
    sql_begin(true);
    kt_ledger_close(&sql_ledger);
    sql_query("UPDATE feature_state SET done = 0");
    cr_assert_eq(kt_ledger_postgres_open(&sql_ledger, sql_url, true, why), KT_ESCHEMA);
    cr_assert(strstr(why, "interrupted") && strstr(why, "kithara db migrate"), "%s", why);
    sql_expect_start();
    sql_end();
}

Test(ledger_features, a_column_that_this_program_does_not_know_stays_null)
{
    sql_begin(true);
    sql_query(
        "ALTER TABLE feature_rows ADD COLUMN of_tomorrow text; ALTER TABLE feature_rows DROP COLUMN clicks CASCADE");
    kt_ledger_close(&sql_ledger);
    sql_ledger = fixture_postgres(sql_url, true);
    store(1, DOCUMENT, KT_OK);
    sql_expect("SELECT count(*) FROM feature_rows WHERE of_tomorrow IS NULL AND codec = 'flac'", "1");
    sql_end();
}
