// Files that rest while a GPU computes: a document's bytes do not depend on it, whatever becomes of the device. The GPU
// is none (gpu_double.h): the CPU computes its batches.
#include "common/clock.h"
#include "kernels/gpu/private.h"
#include "node/run/pipeline.h"
#include "node/work/work.h"
#include "tests/unit/kernels/gpu/gpu_double.h"
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// WARM_UP: batches of the kinds that a song needs, when a device is opened, two of them of pieces of a stream. ALL:
// requests of the file.
enum { RATE = 22050, SECONDS = 3, FILES = 6, PATIENCE_MS = 20000, WARM_UP = 9, ALL = 8 };

static kt_settings_t   settings;
static kt_gpus_t      *gpus;
static kt_pipeline_t  *pipeline;
static kt_worker_t    *worker;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  told = PTHREAD_COND_INITIALIZER;
static size_t          n_ready;

static void
set(const char *env, const char *value)
{
    char why[KT_SETTINGS_WHY];
    cr_assert_eq(kt_settings_set(&settings, env, value, why), KT_OK, "%s", why);
}

static void
open_all(void)
{
    char    why[KT_SETTINGS_WHY];
    char   *none[] = {NULL};
    int16_t samples[SECONDS * RATE];
    fx_open_plain();
    cr_assert_eq(kt_settings_load(&settings, NULL, none, why), KT_OK, "%s", why);
    set("ANALYZER_MEDIA_ROOTS", fx_folder);
    for (size_t i = 0; i < SECONDS * RATE; i++)
        samples[i] = (int16_t)(8000 * sin((double)i * 0.1253) * (i % 11025 < 4000));
    fx_wav("tone.wav", 1, 16, 1, RATE, samples, sizeof samples);
}

static void
close_all(void)
{
    kt_settings_fini(&settings);
    fx_close();
}

TestSuite(rest, .init = open_all, .fini = close_all, .timeout = 100);

static void
open_gpus(int64_t deadline_ms)
{
    char          why[KT_GPU_WHY];
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.backend       = gpu_double_backend(1);
    opts.deadline_ms   = deadline_ms;
    cr_assert_eq(kt_gpus_open(&gpus, &opts, why), KT_OK);
}

static void
open_worker(void)
{
    kt_pipeline_opts_t opts = {.settings = &settings, .media_roots = fx_folder, .gpus = gpus};
    cr_assert_eq(kt_pipeline_new(&pipeline, &opts), KT_OK);
    cr_assert_eq(kt_worker_new(&worker, pipeline), KT_OK);
}

static bool
close_worker(void)
{
    uint64_t now = 0, peak = 0;
    kt_pipeline_memory(pipeline, &now, &peak);
    cr_assert_eq(now, 0, "everything admitted is given back");
    kt_worker_destroy(&worker);
    kt_pipeline_destroy(&pipeline);
    return kt_gpus_close(&gpus);
}

static void
count_ready(void *context)
{
    (void)context;
    pthread_mutex_lock(&lock);
    n_ready++;
    pthread_cond_broadcast(&told);
    pthread_mutex_unlock(&lock);
}

static void
await_readies(size_t n)
{
    struct timespec until;
    int             late = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    pthread_mutex_lock(&lock);
    while (n_ready < n && !late)
        late = pthread_cond_clockwait(&told, &lock, CLOCK_MONOTONIC, &until);
    pthread_mutex_unlock(&lock);
    cr_assert_eq(late, 0);
    cr_assert_eq(n_ready, n);
}

static void
await_ready(void)
{
    await_readies(1);
}

static kt_job_t
tone_job(void)
{
    kt_job_t job = {.message_id = "m-1",
                    .priority   = KT_PRIORITY_NORMAL,
                    .options = KT_OPTION_ALL & ~(uint32_t)KT_OPTION_QUALITY};  // the double makes no facts of quality
    snprintf(job.file_path, sizeof job.file_path, "%s", fx_path("tone.wav"));
    return job;
}

// The features of a message: what is in it without times.
static void
cut(char *text, const char *key, const char *end)
{
    char *at = strstr(text, key), *to = at ? strpbrk(at + strlen(key), end) : NULL;
    cr_assert(to, "%s in %s", key, text);
    memmove(at, to, strlen(to) + 1);
}

static char *
features_of(const kt_report_t *report)
{
    char *text = strndup(report->document.bytes, report->document.length);
    cr_assert(text);
    cut(text, "\"processing_time\":", ",}");
    cut(text, "\"timestamp\":", ",}");
    if (strstr(text, "\"device\":"))
        cut(text, ",\"device\":", ",}");
    return text;
}

static char *
of_the_processor(void)
{
    kt_gpus_t       *had  = gpus;
    kt_job_t         job  = tone_job();
    kt_worker_opts_t opts = {0};
    kt_report_t      report;
    gpus = NULL;
    open_worker();
    kt_worker_run(worker, &job, &opts, &report);
    cr_assert_eq(report.err, KT_OK, "%s", report.detail);
    char *out = features_of(&report);
    kt_buf_fini(&report.document);
    kt_worker_destroy(&worker);
    kt_pipeline_destroy(&pipeline);
    gpus = had;
    return out;
}

// The file rests, the device does what `fail` says, or hangs, and the document is that of the processor.
static void
rest_once(kt_err_t fail, bool hangs, uint64_t on_cpu)
{
    char            *want = of_the_processor();
    kt_job_t         job  = tone_job();
    kt_worker_opts_t opts = {0};
    kt_report_t      report;
    kt_gpus_info_t   info;
    open_gpus(hangs ? 200 : 30000);
    open_worker();
    gpu_double.fail = fail;
    gpu_double_hold(true);
    cr_assert(kt_worker_begin(worker, &job, &opts, &report, count_ready, NULL));
    gpu_double_await(WARM_UP + 1);
    cr_assert(hangs || n_ready == 0);
    if (!hangs)
        gpu_double_hold(false);
    await_ready();
    kt_worker_resume(worker);
    cr_assert_eq(report.err, KT_OK, "%s", report.detail);
    char *got = features_of(&report);
    cr_assert_str_eq(got, want);
    const char *device = on_cpu == ALL ? NULL
                         : on_cpu == 0 ? "\"device\":\"cuda: Double\""
                                       : "\"device\":\"cuda: Double (partly the processor)\"";
    const char *named  = memmem(report.document.bytes, report.document.length, "\"device\"", strlen("\"device\""));
    cr_assert_eq(named != NULL, device != NULL);
    cr_assert(!device || memcmp(named, device, strlen(device)) == 0);
    kt_gpus_info(gpus, &info);
    cr_assert_eq(info.lost, fail == KT_ESTATE || hangs);
    cr_assert_eq(info.on_cpu, on_cpu);
    free(got);
    free(want);
    kt_buf_fini(&report.document);
    cr_assert_eq(close_worker(), !hangs);
}

Test(rest, a_file_rests_while_the_device_computes)
{
    rest_once(KT_OK, false, 0);
}

Test(rest, a_batch_that_fails_in_flight_changes_no_byte)
{
    rest_once(KT_EINVAL, false, 1);
}

Test(rest, a_device_lost_in_flight_changes_no_byte)
{
    rest_once(KT_ESTATE, false, ALL);  // the piece, first pass, chroma, constant-Q, rises, bass, key, statistics
}

Test(rest, a_device_that_hangs_changes_no_byte)
{
    rest_once(KT_OK, true, ALL);
}

// A second file behind the first one, which the device holds, on a processor that is said to be fast.
static void
share_once(const char *setting, bool rests)
{
    char            *want = of_the_processor();
    kt_job_t         job  = tone_job();
    kt_worker_opts_t opts = {0};
    kt_report_t      report, other;
    kt_worker_t     *second = NULL;
    kt_gpus_info_t   info;
    set("ANALYZER_GPU_FILES", setting);
    open_gpus(30000);
    open_worker();
    cr_assert_eq(kt_worker_new(&second, pipeline), KT_OK);
    kt_gpu_t *gpu = kt_gpus_attach(gpus);
    kt_gpu_note_cpu(gpu, 0, 100000000);
    kt_gpus_detach(gpu);
    gpu_double_hold(true);
    cr_assert(kt_worker_begin(worker, &job, &opts, &report, count_ready, NULL));
    cr_assert_eq(kt_worker_begin(second, &job, &opts, &other, count_ready, NULL), rests);
    gpu_double_hold(false);
    await_readies(rests ? 2 : 1);
    kt_worker_resume(worker);
    if (rests)
        kt_worker_resume(second);
    cr_assert_eq(report.err, KT_OK, "%s", report.detail);
    cr_assert_eq(other.err, KT_OK, "%s", other.detail);
    char *got = features_of(&report), *its = features_of(&other);
    cr_assert_str_eq(got, want);
    cr_assert_str_eq(its, want);
    cr_assert_not_null(memmem(report.document.bytes, report.document.length, "\"device\"", strlen("\"device\"")));
    cr_assert_eq(memmem(other.document.bytes, other.document.length, "\"device\"", strlen("\"device\"")) != NULL,
                 rests);
    kt_gpus_info(gpus, &info);
    cr_assert_eq(info.files, rests ? 2 : 1);
    cr_assert_eq(info.cpu_files, rests ? 0 : 1);
    cr_assert_eq(info.on_cpu, 0);
    free(got);
    free(its);
    free(want);
    kt_buf_fini(&report.document);
    kt_buf_fini(&other.document);
    kt_worker_destroy(&second);
    cr_assert(close_worker());
}

Test(rest, behind_a_long_queue_a_file_is_the_processors_and_says_so)
{
    share_once("shared", false);
}

Test(rest, with_all_files_on_the_device_the_queue_does_not_matter)
{
    share_once("all", true);
}

Test(rest, a_file_that_is_cancelled_while_it_rests_ends)
{
    kt_job_t         job       = tone_job();
    _Atomic bool     cancelled = false;
    kt_worker_opts_t opts      = {.cancelled = &cancelled};
    kt_report_t      report;
    open_gpus(30000);
    open_worker();
    gpu_double_hold(true);
    cr_assert(kt_worker_begin(worker, &job, &opts, &report, count_ready, NULL));
    cancelled = true;
    gpu_double_hold(false);
    await_ready();
    kt_worker_resume(worker);
    cr_assert_eq(report.err, KT_ECANCELLED);
    kt_buf_fini(&report.document);
    cr_assert(close_worker());
}

// A GPU that resamples has nothing to resample here: its pieces keep the samples for the first pass.
Test(rest, a_file_at_the_analysis_rate_is_not_said_to_be_resampled)
{
    char            *want = of_the_processor();
    kt_job_t         job  = tone_job();
    kt_worker_opts_t opts = {0};
    kt_report_t      report;
    char             why[KT_GPU_WHY];
    kt_gpu_opts_t    gpu_opts = KT_GPU_DEFAULTS;
    gpu_opts.backend          = gpu_double_backend(1);
    gpu_opts.resamples        = true;
    cr_assert_eq(kt_gpus_open(&gpus, &gpu_opts, why), KT_OK);
    open_worker();
    kt_worker_run(worker, &job, &opts, &report);
    cr_assert_eq(report.err, KT_OK, "%s", report.detail);
    const char device[] = "\"device\":\"cuda: Double\"";
    cr_assert(memmem(report.document.bytes, report.document.length, device, strlen(device)));
    char *got = features_of(&report);
    cr_assert_str_eq(got, want);
    free(got);
    free(want);
    kt_buf_fini(&report.document);
    cr_assert(close_worker());
}

static void *
release(void *nothing)
{
    gpu_double_await(WARM_UP + 2);  // those of two files
    gpu_double_hold(false);
    return nothing;
}

static void
add_tones(kt_work_t *work)
{
    char body[1024];
    snprintf(body, sizeof body, "{\"file_path\":\"%s\",\"analysis_options\":{\"quality_assessment\":false}}",
             fx_path("tone.wav"));
    for (uint64_t job = 1; job <= FILES; job++) {
        kt_wire_work_t item = {.job = job, .run = job, .body = kt_bytes_of(body), .deadline_ms = 60000};
        cr_assert_eq(kt_work_add(work, &item, 0, NULL), KT_OK);
    }
}

// One worker thread begins the next file while the one before rests.
Test(rest, one_worker_has_two_files_in_work)
{
    kt_work_t work = {0};
    pthread_t thread;
    size_t    n = 0;
    set("ANALYZER_WORKERS", "1");
    open_gpus(30000);
    cr_assert_eq(kt_work_init(&work), KT_OK);
    cr_assert_eq(kt_work_start(&work, &settings, gpus), KT_OK);
    gpu_double_hold(true);
    add_tones(&work);
    cr_assert_eq(pthread_create(&thread, NULL, release, NULL), 0);
    for (int64_t until = kt_clock_ms() + PATIENCE_MS; n < FILES && kt_clock_ms() < until;) {
        struct pollfd fd = {.fd = kt_queue_fd(work.events), .events = POLLIN};
        (void)poll(&fd, 1, 100);
        kt_work_events(&work, 5, NULL, NULL);
        n = work.tasks.n_unacked;
    }
    cr_assert_eq(n, FILES);
    for (const kt_task_t *task = work.tasks.first; task; task = task->next)
        cr_assert_eq(task->outcome.err, KT_OK, "%s", task->outcome.detail);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert(kt_work_stop(&work, PATIENCE_MS));
    kt_work_fini(&work);
    cr_assert(kt_gpus_close(&gpus));
}

Test(rest, the_end_of_a_node_waits_for_files_that_rest)
{
    kt_work_t work = {0};
    set("ANALYZER_WORKERS", "1");
    open_gpus(30000);
    cr_assert_eq(kt_work_init(&work), KT_OK);
    cr_assert_eq(kt_work_start(&work, &settings, gpus), KT_OK);
    gpu_double_hold(true);
    add_tones(&work);
    gpu_double_await(WARM_UP + 1);
    cr_assert_not(kt_work_stop(&work, 300), "the device has one of them");
    gpu_double_hold(false);
    cr_assert(kt_work_stop(&work, PATIENCE_MS));
    kt_work_fini(&work);
    cr_assert(kt_gpus_close(&gpus));
}
