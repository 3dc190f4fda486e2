// From a path to a document: through the real decoder, with made files.
#include "common/clock.h"
#include "node/audio/segment.h"
#include "node/run/pipeline.h"
#include "tests/unit/node/audio/track_fixture.h"
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RATE = 22050 };

static kt_settings_t  settings;
static kt_pipeline_t *pipeline;
static kt_worker_t   *worker;

static void
set(const char *env, const char *value)
{
    char why[KT_SETTINGS_WHY];
    cr_assert_eq(kt_settings_set(&settings, env, value, why), KT_OK, "%s", why);
}

static void
open_settings(void)
{
    char  why[KT_SETTINGS_WHY];
    char *none[] = {NULL};
    fx_open_plain();
    cr_assert_eq(kt_settings_load(&settings, NULL, none, why), KT_OK, "%s", why);
}

static void
open_pipeline(void)
{
    kt_pipeline_opts_t opts = {.settings = &settings, .media_roots = fx_folder};
    cr_assert_eq(kt_pipeline_new(&pipeline, &opts), KT_OK);
    cr_assert_eq(kt_worker_new(&worker, pipeline), KT_OK);
}

static void
close_pipeline(void)
{
    uint64_t now = 0, peak = 0;
    if (pipeline)
        kt_pipeline_memory(pipeline, &now, &peak);
    cr_expect_eq(now, 0, "everything admitted is given back");
    kt_worker_destroy(&worker);
    kt_pipeline_destroy(&pipeline);
    kt_settings_fini(&settings);
    fx_close();
}

TestSuite(pipeline, .init = open_settings, .fini = close_pipeline, .timeout = 60);

static void
write_tone(const char *name, double seconds, unsigned channels)
{
    size_t   n       = (size_t)(seconds * RATE) * channels;
    int16_t *samples = malloc((n ? n : 1) * sizeof *samples);
    for (size_t i = 0; i < n; i++)
        samples[i] = (int16_t)(8000 * sin((double)(i / channels) * 0.1253));
    fx_wav(name, 1, 16, channels, RATE, samples, n * sizeof *samples);
    free(samples);
}

static kt_job_t
job_of(const char *name)
{
    kt_job_t job = {.message_id = "m-1", .priority = KT_PRIORITY_NORMAL, .options = KT_OPTION_ALL};
    snprintf(job.file_path, sizeof job.file_path, "%s", fx_path(name));
    return job;
}

static kt_report_t
run(const char *name, const kt_worker_opts_t *opts)
{
    kt_job_t    job = job_of(name);
    kt_report_t report;
    char        why[KT_DOCUMENT_WHY] = "";
    kt_worker_run(worker, &job, opts, &report);
    cr_assert_gt(report.document.length, 0);
    cr_assert_eq(kt_document_check(report.document.bytes, report.document.length, why), KT_OK, "%s: %s", name, why);
    cr_assert_eq(strstr(report.document.bytes, "\"success\":true") != NULL, report.err == KT_OK);
    return report;
}

static kt_err_t
verdict(const char *name)
{
    kt_worker_opts_t opts   = {0};
    kt_report_t      report = run(name, &opts);
    kt_buf_fini(&report.document);
    return report.err;
}

Test(pipeline, a_file_becomes_a_document_with_facts_features_and_times)
{
    open_pipeline();
    write_tone("tone.wav", 2, 2);
    _Atomic uint64_t progress = 0;
    kt_worker_opts_t opts     = {.progress = &progress};
    kt_report_t      report   = run("tone.wav", &opts);
    cr_assert_eq(report.err, KT_OK, "%s", report.detail);
    const char *text = report.document.bytes;
    cr_assert_not_null(strstr(text, "\"sample_rate\":22050"));
    cr_assert_not_null(strstr(text, "\"audio_channels\":2"));
    cr_assert_not_null(strstr(text, "\"duration\":2"));
    cr_assert_not_null(strstr(text, "\"message_id\":\"m-1\""));
    cr_assert_float_eq(ax_statistic(text, "rms", "median", 0), 8000 / 32768.0 / sqrt(2), 1e-3);
    cr_assert_gt(progress, 0);
    cr_assert_str_eq(report.stages[0].name, "open");
    cr_assert_str_eq(report.stages[4].name, "audio_spectral");
    cr_assert_str_eq(report.stages[report.n_stages - 1].name, "document");
    for (size_t i = 0; i < report.n_stages; i++)  // rhythm and key report under one name
        for (size_t k = 0; k < i; k++)
            cr_assert_str_neq(report.stages[i].name, report.stages[k].name);
    cr_assert_gt(report.processing_us, 0);
    kt_buf_fini(&report.document);
}

Test(pipeline, raw_samples_give_the_features_of_the_same_file)
{
    open_pipeline();
    write_tone("tone.wav", 1.5, 1);
    float raw[RATE * 3 / 2 + 1];
    for (size_t i = 0; i < RATE * 3 / 2; i++)
        raw[i] = (float)(int16_t)(8000 * sin((double)i * 0.1253)) / 32768.0f;
    fx_write("tone.f32", raw, RATE * 3 / 2 * sizeof *raw + 3);  // part of a sample at the end is no sample
    kt_worker_opts_t media = {0}, pcm = {.pcm = "f32", .pcm_rate_hz = RATE, .pcm_channels = 1};
    kt_report_t      a = run("tone.wav", &media), b = run("tone.f32", &pcm);
    cr_assert_eq(b.err, KT_OK, "%s", b.detail);
    for (size_t i = 0; i < 13; i++)
        cr_assert_eq(ax_value(a.document.bytes, "mfcc", i), ax_value(b.document.bytes, "mfcc", i));
    kt_buf_fini(&a.document);
    kt_buf_fini(&b.document);
}

Test(pipeline, the_identity_can_come_from_the_content)
{
    open_pipeline();
    write_tone("a.wav", 0.5, 1);
    write_tone("b.wav", 0.5, 1);
    kt_worker_opts_t opts = {.id_from_digest = true};
    kt_report_t      a = run("a.wav", &opts), b = run("b.wav", &opts);
    cr_assert_eq(memcmp(&a.content_digest, &b.content_digest, sizeof a.content_digest), 0);
    char id[64];
    cr_assert_eq(sscanf(a.document.bytes, "{\"message_id\":\"%36[^\"]", id), 1);
    cr_assert_not_null(strstr(b.document.bytes, id));
    kt_buf_fini(&a.document);
    kt_buf_fini(&b.document);
}

Test(pipeline, each_kind_of_bad_input_has_its_code)
{
    open_pipeline();
    fx_write("empty.mp3", "", 0);
    fx_write("text.mp3", "A shopping list: bread, butter, two lemons and some more bread.\n", 64);
    fx_write("list.m3u", "#EXTM3U\nhttp://127.0.0.1:9/a.mp3\n", 33);
    mkdir(fx_path("folder"), 0755);
    fx_wav("header.wav", 1, 16, 1, RATE, NULL, 0);
    cr_expect_eq(verdict("empty.mp3"), KT_EEMPTY);
    cr_expect_eq(verdict("text.mp3"), KT_ETEXT);
    cr_expect_eq(verdict("list.m3u"), KT_EPLAYLIST);
    cr_expect_eq(verdict("folder"), KT_EDIRECTORY);
    cr_expect_eq(verdict("none.wav"), KT_ENOFILE);
    cr_expect_eq(verdict("../etc/hostname"), KT_EROOT);
    kt_err_t header = verdict("header.wav");
    cr_expect(header == KT_ENOAUDIO || header == KT_ETRUNCATED, "%s", kt_err_name(header));
}

Test(pipeline, a_deadline_and_a_cancel_end_a_file)
{
    open_pipeline();
    write_tone("tone.wav", 2, 1);
    _Atomic bool     cancelled = true;
    kt_worker_opts_t late = {.deadline_ms = kt_clock_ms() - 1}, unwanted = {.cancelled = &cancelled};
    kt_report_t      a = run("tone.wav", &late), b = run("tone.wav", &unwanted);
    cr_assert_eq(a.err, KT_ETIME);
    cr_assert_eq(b.err, KT_ECANCELLED);
    kt_buf_fini(&a.document);
    kt_buf_fini(&b.document);
}

Test(pipeline, a_file_longer_than_permitted_is_refused)
{
    set("ANALYZER_MAX_DURATION", "1");
    open_pipeline();
    write_tone("short.wav", 0.9, 1);
    write_tone("long.wav", 1.5, 1);
    cr_assert_eq(verdict("short.wav"), KT_OK);
    cr_assert_eq(verdict("long.wav"), KT_ETOOLONG);
}

Test(pipeline, a_file_that_alone_needs_too_much_memory_is_refused)
{
    set("ANALYZER_MAX_MEMORY", "64");
    open_pipeline();
    write_tone("long.wav", 300, 1);
    write_tone("short.wav", 1, 1);
    cr_assert_eq(verdict("long.wav"), KT_EMEMLIMIT);
    cr_assert_eq(verdict("short.wav"), KT_OK, "the others are unharmed");
    kt_report_t report = run("long.wav", &(kt_worker_opts_t){0});
    cr_assert(strstr(report.detail, "ANALYZER_MAX_MEMORY is 64 MB: set it to "), "%s", report.detail);
    char least[16];
    snprintf(least, sizeof least, "%d", atoi(strstr(report.detail, "set it to ") + strlen("set it to ")));
    kt_buf_fini(&report.document);
    kt_worker_destroy(&worker);
    kt_pipeline_destroy(&pipeline);
    set("ANALYZER_MAX_MEMORY", least);
    open_pipeline();
    cr_assert_eq(verdict("long.wav"), KT_OK, "the least number works: %s", least);
}

static kt_err_t outcomes[2];

static void *
run_one(void *context)
{
    size_t           i    = (size_t)(uintptr_t)context;
    kt_worker_t     *mine = NULL;
    kt_worker_opts_t opts = {0};
    kt_report_t      report;
    kt_job_t         job = {.message_id = "m", .options = KT_OPTION_ALL};
    snprintf(job.file_path, sizeof job.file_path, "%s/big%zu.wav", fx_folder, i);
    cr_assert_eq(kt_worker_new(&mine, pipeline), KT_OK);
    kt_worker_run(mine, &job, &opts, &report);
    outcomes[i] = report.err;
    kt_buf_fini(&report.document);
    kt_worker_destroy(&mine);
    return NULL;
}

Test(pipeline, two_large_files_under_a_small_limit_run_one_after_the_other)
{
    kt_frontend_opts_t opts = {22050, 2048, 512, 128, 13, 12};
    char               limit[16];
    uint64_t           one = kt_analysis_bytes(&opts, KT_SEGMENT_SECONDS, 120) + (64 << 20), now, peak;
    snprintf(limit, sizeof limit, "%llu", (unsigned long long)(one >> 20));
    set("ANALYZER_MAX_MEMORY", limit);
    open_pipeline();
    write_tone("big0.wav", 120, 1);
    write_tone("big1.wav", 120, 1);
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, run_one, (void *)(uintptr_t)i);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    kt_pipeline_memory(pipeline, &now, &peak);
    cr_assert_eq(outcomes[0], KT_OK);
    cr_assert_eq(outcomes[1], KT_OK);
    cr_assert_eq(now, 0);
    cr_assert_leq(peak, one);
    cr_assert_gt(2 * kt_analysis_bytes(&opts, KT_SEGMENT_SECONDS, 120), one - (64 << 20), "both would not have fitted");
}

Test(pipeline, noop_opens_nothing_and_gives_a_valid_document)
{
    set("ANALYZER_TEST_FAULT", "crash:xyz,noop");
    open_pipeline();
    cr_assert_eq(verdict("there is no such file.wav"), KT_OK);
}

Test(pipeline, noop_of_a_size_gives_messages_of_that_size)
{
    kt_job_t         job  = job_of("there is no such file.wav");
    kt_worker_opts_t opts = {0};
    kt_report_t      report;
    set("ANALYZER_TEST_FAULT", "noop:1000");
    open_pipeline();
    kt_worker_run(worker, &job, &opts, &report);
    cr_assert_eq(report.err, KT_OK);
    cr_assert_not_null(strstr(report.document.bytes, "\"message_id\":\"m-1\""));
    cr_assert(report.document.length > 900 && report.document.length < 1100);
    kt_buf_fini(&report.document);
}

Test(pipeline, a_fault_whose_word_contains_noop_leaves_other_files_analysed)
{
    set("ANALYZER_TEST_FAULT", "crash:noop_x");
    open_pipeline();
    cr_assert_eq(verdict("there is no such file.wav"), KT_ENOFILE);
}

Test(pipeline, a_fault_by_test_hook_takes_memory_of_its_file_alone)
{
    set("ANALYZER_TEST_FAULT", "crash:xyz,grow:greedy");
    set("ANALYZER_MAX_MEMORY", "96");
    open_pipeline();
    write_tone("greedy.wav", 0.2, 1);
    write_tone("modest.wav", 0.2, 1);
    cr_assert_eq(verdict("greedy.wav"), KT_ENOMEM);
    cr_assert_eq(verdict("modest.wav"), KT_OK);
}

Test(pipeline, a_crash_by_test_hook_is_a_crash, .signal = SIGABRT)
{
    set("ANALYZER_TEST_FAULT", "grow:xyz,crash:poison");
    open_pipeline();
    write_tone("poison.wav", 0.2, 1);
    (void)verdict("poison.wav");
}

static void
on_alarm(int number)
{
    (void)number;
    _exit(7);
}

Test(pipeline, a_hang_by_test_hook_never_ends, .exit_code = 7)
{
    set("ANALYZER_TEST_FAULT", "hang:sleepy");
    open_pipeline();
    write_tone("sleepy.wav", 0.2, 1);
    kt_worker_opts_t opts = {.deadline_ms = kt_clock_ms() + 50};  // which a hang ignores
    signal(SIGALRM, on_alarm);
    ualarm(300000, 0);
    kt_report_t report = run("sleepy.wav", &opts);
    kt_buf_fini(&report.document);
}
