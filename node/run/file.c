#include "common/clock.h"
#include "common/log.h"
#include "node/audio/modules.h"
#include "node/run/pipeline_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct kt_worker {
    kt_pipeline_t *pipeline;
    kt_device_t   *device;
    kt_facts_t     facts;  // of the file in work: too large for a stack
    kt_job_t       job;    // likewise; message_id may be made from the digest
};

// One file on its way. Everything that it holds is let go by leave().
typedef struct run {
    kt_worker_t            *worker;
    const kt_worker_opts_t *opts;
    kt_report_t            *report;
    kt_job_t               *job;
    int64_t                 start_us, deadline_ms, decode_us;
    int                     fd;
    uint64_t                size_bytes;
    kt_source_t             source;
    kt_analysis_t          *analysis;
    kt_document_t          *document;
    uint64_t                held_bytes;
    double                  expected_s;  // 0: the most is reserved
    uint64_t                frames;
    bool                    cached;  // the document is there, from an earlier time
} run_t;

// A decoder child: 1 to 5 MB of its own pages as measured, its ring, and room for codecs with large states.
enum { DECODER_BYTES = 16 << 20 };

kt_err_t
kt_worker_new(kt_worker_t **self_p, kt_pipeline_t *pipeline)
{
    kt_worker_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->pipeline              = pipeline;
    const kt_device_opts_t opts = {pipeline->settings->isa};
    kt_err_t               err =
        pipeline->gpus ? kt_device_gpu(&self->device, pipeline->gpus, &opts) : kt_device_cpu(&self->device, &opts);
    if (err) {
        kt_worker_destroy(&self);
        return err;
    }
    *self_p = self;
    return KT_OK;
}

void
kt_worker_destroy(kt_worker_t **self_p)
{
    kt_worker_t *self = *self_p;
    if (!self)
        return;
    kt_device_destroy(&self->device);
    free(self);
    *self_p = NULL;
}

static void
add_stage(kt_report_t *report, const char *name, int64_t us)
{
    for (size_t i = 0; i < report->n_stages; i++)
        if (strcmp(report->stages[i].name, name) == 0) {
            report->stages[i].us += us;
            return;
        }
    if (report->n_stages == KT_STAGES)
        return;
    report->stages[report->n_stages].name = name;
    report->stages[report->n_stages].us   = us;
    report->n_stages++;
}

static void
set_detail(kt_report_t *report, const char *text)
{
    snprintf(report->detail, sizeof report->detail, "%s", text);
}

// The path as it stands in a log line.
static const char *
shown_path(const run_t *run, char quoted[KT_JOB_PATH])
{
    char shown[KT_JOB_PATH];
    return kt_log_quote(quoted, KT_JOB_PATH, kt_job_shown(run->job->file_path, shown, sizeof shown));
}

// Once a chunk: tells that the file advances, and whether it may go on.
static kt_err_t
step(run_t *run)
{
    if (run->opts->progress)
        atomic_fetch_add(run->opts->progress, 1);
    if (run->opts->cancelled && atomic_load(run->opts->cancelled))
        return KT_ECANCELLED;
    return kt_clock_ms() < run->deadline_ms ? KT_OK : KT_ETIME;
}

// Opened beneath a root, or fetched into an anonymous file.
static kt_err_t
open_path(run_t *run, char why[KT_FETCH_WHY])
{
    const kt_pipeline_t *pipeline = run->worker->pipeline;
    const char          *path     = run->job->file_path;
    kt_admission_wait_t  wait     = {run->deadline_ms, run->opts->cancelled, run->opts->progress};
    return kt_job_is_url(path) ? kt_fetch_http_open(pipeline->fetch_http, path, &wait, &run->fd, &run->size_bytes, why)
                               : kt_fetch_open(pipeline->fetch, path, &run->fd, &run->size_bytes, why);
}

static kt_err_t
open_file(run_t *run)
{
    int64_t  start = kt_clock_us();
    char     why[KT_FETCH_WHY];
    kt_err_t err = open_path(run, why);
    add_stage(run->report, "open", kt_clock_us() - start);
    if (err) {
        set_detail(run->report, why);
        return err;
    }
    start = kt_clock_us();
    err   = kt_digest_of_fd(run->fd, &run->report->content_digest);
    add_stage(run->report, "digest", kt_clock_us() - start);
    if (!err && run->opts->id_from_digest)
        kt_digest_uuid(&run->report->content_digest, run->job->message_id);
    return err;
}

static kt_cache_key_t
cache_key(const run_t *run)
{
    return (kt_cache_key_t){
        .content      = run->report->content_digest,
        .device       = run->worker->pipeline->device,
        .options      = run->job->options,
        .pcm_rate_hz  = run->opts->pcm ? run->opts->pcm_rate_hz : 0,
        .pcm_channels = run->opts->pcm ? run->opts->pcm_channels : 0,
    };
}

static kt_stamp_t
stamp_now(run_t *run, int64_t now_us)
{
    run->report->processing_us = now_us - run->start_us;
    return (kt_stamp_t){(double)run->report->processing_us / 1e6, kt_clock_wall_ms()};
}

// Who wants matrices wants them computed.
static bool
find_cached(run_t *run)
{
    char              quoted[KT_JOB_PATH];
    const kt_cache_t *cache = run->worker->pipeline->cache;
    int64_t           start = kt_clock_us();
    if (!cache || run->opts->frames)
        return false;
    kt_cache_key_t key   = cache_key(run);
    kt_stamp_t     stamp = stamp_now(run, start);
    run->cached          = kt_cache_find(cache, &key, run->job, &stamp, &run->report->document) == KT_OK;
    if (!run->cached)
        return false;
    add_stage(run->report, "cache", kt_clock_us() - start);
    kt_log_debug("CACHE-HIT", "path=\"%s\"", shown_path(run, quoted));
    return true;
}

static kt_err_t
open_source(run_t *run)
{
    kt_worker_t *worker = run->worker;
    int64_t      start  = kt_clock_us();
    kt_err_t     err =
        kt_source_open(&run->source, worker->pipeline, run->opts, run->fd, run->size_bytes, run->deadline_ms);
    if (!err)
        err = kt_source_facts(&run->source, &worker->facts);
    if (!err && !worker->facts.has_audio && !worker->facts.has_video)
        err = KT_ENOAUDIO;
    run->decode_us += kt_clock_us() - start;
    return err;
}

// Memory for the whole file, before its first samples are taken.
static kt_err_t
admit(run_t *run)
{
    kt_pipeline_t      *pipeline = run->worker->pipeline;
    const kt_facts_t   *facts    = &run->worker->facts;
    kt_admission_wait_t wait     = {run->deadline_ms, run->opts->cancelled, run->opts->progress};
    uint64_t            bytes    = run->source.decode ? DECODER_BYTES : 0;
    run->expected_s              = facts->duration_s;
    if (facts->has_audio)
        bytes += kt_analysis_bytes(kt_plan_opts(pipeline->plan), run->expected_s);
    kt_err_t err = kt_admission_take(pipeline->admission, bytes, &wait);
    if (!err)
        run->held_bytes = bytes;
    return err;
}

// A file that is longer than it said needs what the longest needs.
static kt_err_t
admit_longer(run_t *run)
{
    double seconds = (double)run->frames / run->source.rate_hz;
    if (run->expected_s <= 0 || seconds <= 1.05 * run->expected_s + 1)
        return KT_OK;
    kt_pipeline_t            *pipeline = run->worker->pipeline;
    const kt_frontend_opts_t *frontend = kt_plan_opts(pipeline->plan);
    uint64_t                  most = kt_analysis_bytes(frontend, 0), had = kt_analysis_bytes(frontend, run->expected_s);
    run->expected_s = 0;
    if (most <= had)
        return KT_OK;
    kt_err_t err = kt_admission_grow(pipeline->admission, run->held_bytes, most - had);
    if (!err)
        run->held_bytes += most - had;
    return err;
}

static kt_err_t
take_chunks(run_t *run)
{
    for (kt_err_t err;;) {
        const float *pcm    = NULL;
        size_t       frames = 0;
        int64_t      start  = kt_clock_us();
        err                 = kt_source_read(&run->source, &pcm, &frames);
        run->decode_us += kt_clock_us() - start;
        if (err || frames == 0)
            return err;
        run->frames += frames;
        if (run->opts->tap)
            run->opts->tap(run->opts->context, &run->worker->facts, pcm, frames);
        if ((double)run->frames / run->source.rate_hz > (double)run->worker->pipeline->settings->max_duration_s)
            return KT_ETOOLONG;
        if ((err = admit_longer(run)) || (err = kt_analysis_push(run->analysis, pcm, frames)) || (err = step(run)))
            return err;
    }
}

static kt_err_t
analyse(run_t *run)
{
    kt_pipeline_t     *pipeline = run->worker->pipeline;
    const kt_facts_t  *facts    = &run->worker->facts;
    kt_analysis_opts_t opts     = {
            .plan         = pipeline->plan,
            .device       = run->worker->device,
            .rate_hz      = facts->has_audio ? facts->rate_hz : 0,
            .channels     = facts->has_audio ? facts->channels : 0,
            .layout       = facts->layout,
            .options      = run->job->options,
            .frames       = run->opts->frames,
            .each_segment = run->opts->each_segment,
            .context      = run->opts->context,
    };
    kt_err_t err = kt_fault_inject(pipeline->settings->test_fault, run->job->file_path,
                                   (uint64_t)pipeline->settings->max_memory_mb << 20);
    if (!err)
        err = kt_analysis_new(&run->analysis, &opts);
    if (!err && facts->has_audio)
        err = take_chunks(run);
    if (!err && run->frames == 0 && !facts->has_video) {
        set_detail(run->report, "the sound has no samples");
        return KT_ENOAUDIO;
    }
    return err ? err : kt_analysis_finish(run->analysis, run->document);
}

static void
log_damage(const run_t *run)
{
    char quoted[KT_JOB_PATH];
    kt_log_info("FILE-DAMAGED", "path=\"%s\" parts=%llu", shown_path(run, quoted),
                (unsigned long long)kt_decode_damaged(run->source.decode));
}

static kt_err_t
run_file(run_t *run)
{
    kt_err_t err;
    if ((err = open_file(run)) || (err = step(run)) || find_cached(run))
        return err;
    if ((err = kt_document_new(&run->document, run->job)))  // after the digest, which may name the message
        return err;
    if (!(err = open_source(run)) && !(err = admit(run)))
        err = analyse(run);
    const char *why = kt_source_why(&run->source);
    if (err && !run->report->detail[0] && strcmp(why, kt_err_text(err)) != 0)
        set_detail(run->report, why);
    if (!err && run->source.decode && kt_decode_damaged(run->source.decode) > 0)
        log_damage(run);
    if (!err)
        kt_technical_write(run->document, &run->worker->facts,
                           run->frames ? (double)run->frames / run->source.rate_hz : 0, run->size_bytes);
    return err;
}

static void
add_stages(run_t *run)
{
    kt_stage_us_t stages;
    add_stage(run->report, "decode", run->decode_us);
    if (!run->analysis)
        return;
    kt_analysis_stages(run->analysis, &stages);
    add_stage(run->report, "audio_resample", stages.resample);
    add_stage(run->report, "audio_spectral", stages.spectral + stages.chroma);
    for (size_t m = 0; m < KT_MODULES; m++)
        if (stages.modules[m])
            add_stage(run->report, kt_modules[m]->stage, stages.modules[m]);
}

static void
store_cached(const run_t *run)
{
    const kt_pipeline_t *pipeline = run->worker->pipeline;
    kt_cache_t          *cache    = pipeline->cache;
    kt_cache_key_t       key      = cache_key(run);
    if (pipeline->gpus && !kt_gpus_whole(pipeline->gpus))
        return;                        // part of it may be the processor's work
    if (cache && run->size_bytes > 0)  // not of noop, which has read nothing
        kt_cache_store(cache, &key, run->report->document.bytes, run->report->document.length);
}

// The document of whatever came of it: of the features, or of why there are none.
static void
render(run_t *run)
{
    kt_report_t *report               = run->report;
    char         why[KT_DOCUMENT_WHY] = "";
    int64_t      start                = kt_clock_us();
    kt_stamp_t   stamp                = stamp_now(run, start);
    if (run->cached)
        return;
    if (!report->err) {
        report->err = kt_document_finish(run->document, &stamp, &report->document, why);
        if (report->err)
            set_detail(report, why);
        else
            store_cached(run);
    }
    if (report->err) {
        kt_buf_clear(&report->document);
        if (kt_document_failure(run->job, report->err, report->detail, &stamp, &report->document)) {
            kt_buf_fini(&report->document);
            report->err = KT_ENOMEM;
        }
    }
    add_stage(report, "document", kt_clock_us() - start);
}

static void
log_stages(const run_t *run)
{
    const kt_report_t *report     = run->report;
    char               line[1024] = "", quoted[KT_JOB_PATH];
    int                n          = 0;
    if (!kt_log_wants(KT_LOG_DEBUG))
        return;
    for (size_t i = 0; i < report->n_stages; i++)
        n += snprintf(line + n, sizeof line - (size_t)n, " %s_us=%lld", report->stages[i].name,
                      (long long)report->stages[i].us);
    struct rusage usage;
    uint64_t      decoder_peak = 0;
    double        decoder_cpu  = 0;
    getrusage(RUSAGE_SELF, &usage);
    if (run->source.decode)
        kt_decode_usage(run->source.decode, &decoder_peak, &decoder_cpu);
    kt_log_debug("FILE-DONE", "path=\"%s\" err=%s peak_bytes=%lld decoder_peak_bytes=%llu decoder_cpu_s=%.3f%s",
                 shown_path(run, quoted), kt_err_name(report->err), (long long)usage.ru_maxrss * 1024,
                 (unsigned long long)decoder_peak, decoder_cpu, line);
}

static void
leave(run_t *run)
{
    kt_analysis_destroy(&run->analysis);
    kt_source_close(&run->source);
    if (run->held_bytes > 0)
        kt_admission_give(run->worker->pipeline->admission, run->held_bytes);
    kt_document_destroy(&run->document);
    if (run->fd >= 0)
        close(run->fd);
}

void
kt_worker_run(kt_worker_t *self, const kt_job_t *job, const kt_worker_opts_t *opts, kt_report_t *report)
{
    const kt_settings_t *settings = self->pipeline->settings;

    memset(report, 0, sizeof *report);
    kt_buf_init(&report->document, KT_DOCUMENT_MAX_BYTES);
    self->job = *job;
    run_t run = {
        .worker = self, .opts = opts, .report = report, .job = &self->job, .fd = -1, .start_us = kt_clock_us()};
    run.deadline_ms =
        opts->deadline_ms > 0 ? opts->deadline_ms : kt_clock_ms() + (int64_t)settings->file_deadline_s * 1000;
    if (kt_fault_noop(settings->test_fault)) {
        report->err = kt_document_new(&run.document, &self->job);
    } else {
        report->err = run_file(&run);
        if (!run.cached)
            add_stages(&run);
    }
    render(&run);
    log_stages(&run);
    leave(&run);
}
