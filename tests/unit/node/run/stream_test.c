// A stream through the pipeline: raw samples from a pipe, snapshots exact to the sample, and its ends.
#include "node/run/pipeline.h"
#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RATE = 22050, SNAPSHOTS_MAX = 16 };

static kt_settings_t  settings;
static kt_pipeline_t *pipeline;
static kt_worker_t   *worker;
static kt_report_t    report;

// What the stream's reader got.
static char  *snapshots[SNAPSHOTS_MAX];
static size_t n_snapshots, wanted_snapshots;

static bool
keep_snapshot(void *context, const char *text, size_t length)
{
    (void)context;
    cr_assert_lt(n_snapshots, SNAPSHOTS_MAX);
    snapshots[n_snapshots++] = strndup(text, length);
    return n_snapshots < wanted_snapshots;
}

static void
open_settings(void)
{
    char  why[KT_SETTINGS_WHY];
    char *none[]     = {NULL};
    wanted_snapshots = SNAPSHOTS_MAX;
    cr_assert_eq(kt_settings_load(&settings, NULL, none, why), KT_OK);
}

static void
close_pipeline(void)
{
    for (size_t i = 0; i < n_snapshots; i++)
        free(snapshots[i]);
    kt_buf_fini(&report.document);
    kt_worker_destroy(&worker);
    kt_pipeline_destroy(&pipeline);
    kt_settings_fini(&settings);
}

TestSuite(stream, .init = open_settings, .fini = close_pipeline, .timeout = 60);

// The samples come from a process of its own: a thread here would forbid snapshots.
static void
run_stream(const float *pcm, size_t frames, double every_s)
{
    int                ends[2];
    kt_pipeline_opts_t pipeline_opts = {.settings = &settings, .any_path = true};
    kt_job_t           job           = {.message_id = "m", .file_path = "-", .options = KT_OPTION_SPECTRAL};
    cr_assert_eq(pipe(ends), 0);
    pid_t writer = fork();
    if (writer == 0) {
        size_t bytes = frames * sizeof *pcm;
        close(ends[0]);
        for (size_t done = 0; done < bytes;) {
            ssize_t n = write(ends[1], (const char *)pcm + done, bytes - done);
            if (n <= 0)
                break;
            done += (size_t)n;
        }
        _exit(0);
    }
    close(ends[1]);
    kt_worker_opts_t opts = {.stream       = true,
                             .stream_fd    = ends[0],
                             .pcm          = "f32",
                             .pcm_rate_hz  = RATE,
                             .pcm_channels = 1,
                             .every_s      = every_s,
                             .snapshot     = keep_snapshot};
    cr_assert_eq(kt_pipeline_new(&pipeline, &pipeline_opts), KT_OK);
    cr_assert_eq(kt_worker_new(&worker, pipeline), KT_OK);
    kt_worker_run(worker, &job, &opts, &report);
    close(ends[0]);
    cr_assert_eq(waitpid(writer, NULL, 0), writer);
}

static void
check_message(const char *text, const char *duration, bool is_snapshot)
{
    char why[KT_DOCUMENT_WHY] = "";
    cr_assert_eq(kt_document_check(text, strlen(text), why), KT_OK, "%s", why);
    cr_assert_not_null(strstr(text, duration), "%s", text);
    cr_assert_not_null(strstr(text, "\"file_size\":null"));
    cr_assert_eq(strstr(text, "\"snapshot\":true") != NULL, is_snapshot);
}

Test(stream, it_gives_snapshots_at_the_sample_and_its_message_at_the_end)
{
    float *pcm = ax_noise(RATE * 2, 3);
    run_stream(pcm, RATE * 2, 0.75);
    cr_assert_eq(report.err, KT_OK, "%s", report.detail);
    cr_assert_eq(n_snapshots, 2);
    check_message(snapshots[0], "\"duration\":0.74997", true);  // 16537 whole samples
    check_message(snapshots[1], "\"duration\":1.5", true);
    check_message(report.document.bytes, "\"duration\":2", false);
    cr_assert_neq(ax_value(snapshots[0], "mfcc", 1), ax_value(report.document.bytes, "mfcc", 1));
    free(pcm);
}

Test(stream, a_snapshot_at_the_last_sample_comes_before_the_end)
{
    float *pcm = ax_noise(RATE, 3);
    run_stream(pcm, RATE, 0.5);
    cr_assert_eq(report.err, KT_OK, "%s", report.detail);
    cr_assert_eq(n_snapshots, 2);
    cr_assert_eq(ax_value(snapshots[1], "mfcc", 1), ax_value(report.document.bytes, "mfcc", 1));
    free(pcm);
}

Test(stream, without_a_period_there_are_no_snapshots)
{
    float *pcm = ax_noise(RATE, 3);
    run_stream(pcm, RATE, 0);
    cr_assert_eq(report.err, KT_OK, "%s", report.detail);
    cr_assert_eq(n_snapshots, 0);
    free(pcm);
}

Test(stream, it_ends_when_its_reader_has_closed)
{
    float *pcm       = ax_noise(RATE * 4, 3);
    wanted_snapshots = 1;
    run_stream(pcm, RATE * 4, 0.5);
    cr_assert_eq(report.err, KT_ECLOSED);
    cr_assert_eq(n_snapshots, 1);
    free(pcm);
}

Test(stream, one_without_samples_has_no_audio)
{
    run_stream(NULL, 0, 1);
    cr_assert_eq(report.err, KT_ENOAUDIO);
    cr_assert_eq(n_snapshots, 0);
}

Test(stream, one_that_is_longer_than_permitted_is_refused)
{
    char   why[KT_SETTINGS_WHY];
    float *pcm = ax_noise(RATE * 2, 3);
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_MAX_DURATION", "1", why), KT_OK, "%s", why);
    run_stream(pcm, RATE * 2, 0.5);
    cr_assert_eq(report.err, KT_ETOOLONG);
    cr_assert_geq(n_snapshots, 1);
    free(pcm);
}

Test(stream, noop_answers_without_reading_it)
{
    char   why[KT_SETTINGS_WHY];
    float *pcm = ax_noise(16, 3);
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_TEST_FAULT", "noop", why), KT_OK, "%s", why);
    run_stream(pcm, 16, 0);
    cr_assert_eq(report.err, KT_OK);
    cr_assert_not_null(strstr(report.document.bytes, "\"message_id\":\"m\""));
    free(pcm);
}
