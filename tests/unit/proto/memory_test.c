// Each allocation of the JSON library fails once: nothing leaks or crashes, and nothing half-built comes out.
#include "common/buf.h"
#include "proto/document.h"
#include "proto/job.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static long budget = -1;  // allocations that still succeed; negative: all do

static void *
limited_malloc(size_t bytes)
{
    if (budget == 0)
        return NULL;
    if (budget > 0)
        budget--;
    return malloc(bytes);
}

static void
open_memory(void)
{
    json_set_alloc_funcs(limited_malloc, free);
}

TestSuite(memory, .init = open_memory);

static const kt_job_t   JOB   = {.message_id = "m", .file_path = "/a", .options = KT_OPTION_ALL};
static const kt_stamp_t STAMP = {1, 0};

static kt_err_t
write_document(kt_buf_t *out)
{
    kt_document_t       *doc;
    char                 why[KT_DOCUMENT_WHY];
    const kt_statistic_t stats[2] = {{1, 0, 1, 1, 1}, {2, 0, 2, 2, 2}};
    kt_err_t             err      = kt_document_new(&doc, &JOB);
    if (err)
        return err;
    kt_document_statistics(doc, KT_FEATURE_SPECTRAL_mfcc, stats, 2);
    kt_document_statistics(doc, KT_FEATURE_SPECTRAL_rms, stats, 1);
    kt_document_text(doc, KT_FEATURE_TECHNICAL_codec, "mp3\xff");
    kt_document_tag(doc, KT_FEATURE_TECHNICAL_tags, "title", "x");
    kt_document_pair(doc, KT_FEATURE_MIR_genre_probabilities, "rock", 1);
    kt_document_model(doc, "a", "1");
    err = kt_document_finish(doc, &STAMP, out, why);
    kt_document_destroy(&doc);
    return err;
}

static kt_err_t
write_failure(kt_buf_t *out)
{
    return kt_document_failure(&JOB, KT_EFORMAT, "x", &STAMP, out);
}

static kt_err_t
write_job(kt_buf_t *out)
{
    kt_job_t job            = JOB;
    job.declared_bytes      = 1;
    job.declared_duration_s = 1;
    kt_job_write(&job, out);
    return out->err;
}

static kt_err_t
parse_job(kt_buf_t *out)
{
    static const char text[] = "{\"file_path\":\"a\",\"metadata\":{\"duration\":1},\"analysis_options\":{}}";
    kt_job_t          job;
    char              why[KT_JOB_WHY];
    kt_err_t          err = kt_job_parse(text, sizeof text - 1, &job, why);
    if (!err)
        kt_buf_str(out, job.message_id);
    return err;
}

static void
expect_all_or_nothing(kt_err_t (*make)(kt_buf_t *out))
{
    kt_buf_t whole, out;
    long     failures = 0;
    kt_buf_init(&whole, 1 << 20);
    kt_buf_init(&out, 1 << 20);
    cr_assert_eq(make(&whole), KT_OK);
    for (long allowed = 0;; allowed++, failures++) {
        kt_buf_clear(&out);
        budget       = allowed;
        kt_err_t err = make(&out);
        bool     met = budget == 0;
        budget       = -1;
        if (err)
            cr_assert_eq(out.length, 0, "after %ld allocations", allowed);
        else
            cr_assert_str_eq(out.bytes, whole.bytes, "after %ld allocations", allowed);
        if (!met)
            break;
    }
    cr_assert_gt(failures, 5);
    kt_buf_fini(&whole);
    kt_buf_fini(&out);
}

Test(memory, a_document_comes_out_whole_or_not_at_all)
{
    expect_all_or_nothing(write_document);
}

Test(memory, a_failure_comes_out_whole_or_not_at_all)
{
    expect_all_or_nothing(write_failure);
}

Test(memory, a_job_is_written_whole_or_not_at_all)
{
    expect_all_or_nothing(write_job);
}

Test(memory, a_job_is_read_whole_or_not_at_all)
{
    expect_all_or_nothing(parse_job);
}
