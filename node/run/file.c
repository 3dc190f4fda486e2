#include "common/assert.h"
#include "common/clock.h"
#include "common/log.h"
#include "node/run/completeness.h"
#include "node/run/pipeline_parts.h"
#include "node/run/snapshot.h"
#include "node/run/technical.h"
#include "node/run/times.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

static const kt_track_ops_t *const TRACKS[KT_TRACKS] = {
    [KT_TRACK_AUDIO] = &kt_audio_track, [KT_TRACK_VIDEO] = &kt_video_track};

// One file or stream in work. file_close frees what it holds.
typedef struct run {
    kt_worker_t            *worker;
    const kt_worker_opts_t *opts;
    kt_report_t            *report;
    kt_job_t               *job;
    int64_t                 start_us, deadline_ms, decode_us;
    int                     fd;
    uint64_t                size_bytes;
    kt_source_t             source;
    void                   *tracks[KT_TRACKS];  // states; NULL: not wanted
    kt_model_set_t         *models;             // from the file's beginning to its end; NULL: none
    kt_document_t          *document;
    uint64_t                held_bytes;
    double                  expected_s;  // 0: the most is reserved
    double                  seconds;     // of content so far
    kt_device_info_t        before;      // of the worker's device at the file's beginning
    bool                    may_leave;   // a GPU may leave the file to the processor
    bool                    cached;      // the document is from the cache
    bool                    partial;     // and the file failed: the document has what was read
    bool                    pushed;      // all chunks: what is left is finish
} file_run_t;

struct kt_worker {
    kt_pipeline_t  *pipeline;
    kt_device_t    *device;
    kt_media_info_t media_info;  // of the file in work: too large for a stack
    kt_job_t        job;         // likewise; message_id may be made from the digest
    file_run_t      run;         // it may rest between the two halves of a file
};

// A decoder child: 1 to 5 MB of its own pages (measured), its ring, and room for codecs with large states. Of a film
// the pictures that it refers to: up to 16, one that is decoded, one that waits and those copied to the node (measured:
// 17 to 20 of H.264, 12 of HEVC).
enum { DECODER_BYTES = 16 << 20, DECODER_PICTURES = 20, MB = 1 << 20 };

static uint64_t
decoder_bytes(const kt_settings_t *settings, const kt_media_info_t *info)
{
    const uint64_t most  = (uint64_t)settings->decoder_memory_mb << 20;
    const uint64_t side  = KT_VIDEO_SIDE_MAX;
    const uint64_t width = info->width < side ? info->width : side, height = info->height < side ? info->height : side;
    const uint64_t picture = width * height * 3 / 2 * (info->bit_depth > 8 ? 2 : 1);
    const uint64_t bytes   = DECODER_BYTES + (info->has_video ? DECODER_PICTURES * picture : 0);
    return bytes < most ? bytes : most;
}

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

// A kt_stage_fn.
static void
add_stage(void *context, const char *name, int64_t us)
{
    kt_report_t *report = context;
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

// The path for a log line.
static const char *
shown_path(const file_run_t *run, char quoted[KT_JOB_PATH])
{
    char shown[KT_JOB_PATH];
    return kt_log_quote(quoted, KT_JOB_PATH, kt_job_shown(run->job->file_path, shown, sizeof shown));
}

// A producer may take a signed URL as the id.
static const char *
shown_id(const file_run_t *run, char shown[KT_JOB_PATH])
{
    return kt_job_shown(run->job->message_id, shown, KT_JOB_PATH);
}

// What the GPU did of this file: the counts are the file's alone. Zero without a GPU.
static kt_device_info_t
file_device(const file_run_t *run)
{
    kt_device_info_t out = {0};
    if (run->worker->pipeline->gpus)
        kt_device_info(run->worker->device, &out);
    out.computed -= run->before.computed;
    out.replaced -= run->before.replaced;
    out.resampled -= run->before.resampled;
    return out;
}

// Once per chunk: counts progress; KT_ECANCELLED or KT_ETIME when the file has to end.
static kt_err_t
file_check_limits(file_run_t *run)
{
    if (run->opts->progress)
        atomic_fetch_add(run->opts->progress, 1);
    if (run->opts->cancelled && atomic_load(run->opts->cancelled))
        return KT_ECANCELLED;
    return kt_clock_ms() < run->deadline_ms ? KT_OK : KT_ETIME;
}

// A slow mount delivers its blocks for long before the first chunk.
static kt_err_t
file_digest_turn(void *run)
{
    return file_check_limits(run);
}

// Opened beneath a root, or fetched into an anonymous file; then its digest.
static kt_err_t
file_open(file_run_t *run)
{
    const kt_pipeline_t *pipeline = run->worker->pipeline;
    const char          *path     = run->job->file_path;
    kt_admission_wait_t  wait     = {run->deadline_ms, run->opts->cancelled, run->opts->progress};
    int64_t              start    = kt_clock_us();
    char                 why[KT_FETCH_WHY];
    kt_err_t             err = kt_job_is_url(path)
                                   ? kt_fetch_http_open(pipeline->fetch_http, path, &wait, &run->fd, &run->size_bytes, why)
                                   : kt_fetch_open(pipeline->fetch, path, &run->fd, &run->size_bytes, why);
    add_stage(run->report, "open", kt_clock_us() - start);
    if (err) {
        set_detail(run->report, why);
        return err;
    }
    start = kt_clock_us();
    err   = kt_digest_of_fd_in_turns(run->fd, file_digest_turn, run, &run->report->content_digest);
    add_stage(run->report, "digest", kt_clock_us() - start);
    if (!err && run->opts->id_from_digest)
        kt_digest_uuid(&run->report->content_digest, run->job->message_id);
    return err;
}

// NULL: none here, or not of this kind. --frames and a tap need the analysis itself; a stream has no digest.
static kt_cache_t *
cache_of(const file_run_t *run)
{
    return run->opts->frames || run->opts->tap || run->opts->stream ? NULL : run->worker->pipeline->cache;
}

static kt_sampling_t
sampling_of(const file_run_t *run)
{
    return run->models ? kt_model_set_sampling(run->models) : (kt_sampling_t){KT_SAMPLE_HZ, KT_SAMPLE_MAX};
}

static kt_cache_key_t
cache_key(const file_run_t *run, const char *device)
{
    const kt_sampling_t sampling = sampling_of(run);
    return (kt_cache_key_t){
        .content      = run->report->content_digest,
        .device       = device,
        .options      = run->job->options,
        .models       = run->models && run->job->options & KT_OPTION_MODELS ? kt_model_set_digest(run->models) : NULL,
        .pcm_rate_hz  = run->opts->pcm ? run->opts->pcm_rate_hz : 0,
        .pcm_channels = run->opts->pcm ? run->opts->pcm_channels : 0,
        .sample_hz    = sampling.hz,
        .sample_max   = (uint32_t)sampling.most,
    };
}

static kt_stamp_t
stamp_now(file_run_t *run, int64_t now_us)
{
    run->report->processing_us = now_us - run->start_us;
    return (kt_stamp_t){(double)run->report->processing_us / 1e6, kt_clock_wall_ms()};
}

static bool
file_find_cached(file_run_t *run)
{
    char              quoted[KT_JOB_PATH], id[KT_JOB_PATH];
    const kt_cache_t *cache = cache_of(run);
    int64_t           start = kt_clock_us();
    if (!cache)
        return false;
    kt_cache_key_t key   = cache_key(run, run->worker->pipeline->device);
    kt_stamp_t     stamp = stamp_now(run, start);
    run->cached          = kt_cache_find(cache, &key, run->job, &stamp, &run->report->document) == KT_OK;
    if (!run->cached && run->may_leave) {
        key         = cache_key(run, "");
        run->cached = kt_cache_find(cache, &key, run->job, &stamp, &run->report->document) == KT_OK;
    }
    if (!run->cached)
        return false;
    add_stage(run->report, "cache", kt_clock_us() - start);
    kt_log_debug("CACHE-HIT", "message_id=%s path=\"%s\"", shown_id(run, id), shown_path(run, quoted));
    return true;
}

static bool
track_is_wanted(const file_run_t *run, size_t track)
{
    if (run->opts->every_s > 0 && !TRACKS[track]->snapshot)
        return false;
    return TRACKS[track]->wanted(run->job->options, &run->worker->media_info);
}

static kt_track_opts_t
track_opts(const file_run_t *run)
{
    const kt_sampling_t sampling = sampling_of(run);
    return (kt_track_opts_t){
        .plan          = run->worker->pipeline->plan,
        .device        = run->worker->device,
        .media_info    = &run->worker->media_info,
        .options       = run->job->options,
        .models        = run->models,
        .models_absent = run->worker->pipeline->models_absent,
        .patches       = (size_t)run->worker->pipeline->settings->model_patches,
        .pictures      = (size_t)run->worker->pipeline->settings->video_pictures,
        .video_mode    = run->worker->pipeline->settings->video_mode,
        .scene_model   = run->worker->pipeline->settings->video_scene_model,
        .sample_hz     = sampling.hz,
        .sample_max    = (size_t)sampling.most,
        .frames        = run->opts->frames,
        .shot          = run->opts->shot,
        .each_segment  = run->opts->each_segment,
        .context       = run->opts->context,
    };
}

static uint64_t
tracks_bytes(const file_run_t *run, double seconds)
{
    kt_track_opts_t opts  = track_opts(run);
    uint64_t        bytes = 0;
    for (size_t t = 0; t < KT_TRACKS; t++)
        if (track_is_wanted(run, t))
            bytes += TRACKS[t]->bytes(&opts, seconds);
    return bytes;
}

// The least value that works for this file, in whole MB.
static kt_err_t
file_over_memory(file_run_t *run, uint64_t bytes)
{
    snprintf(run->report->detail, sizeof run->report->detail,
             "the file needs %llu MB, and ANALYZER_MAX_MEMORY is %lld MB: set it to %llu or more",
             (unsigned long long)((bytes + MB - 1) / MB), (long long)run->worker->pipeline->settings->max_memory_mb,
             (unsigned long long)((bytes + MB - 1) / MB));
    return KT_EMEMLIMIT;
}

// Memory for the whole file, before its first chunk. A stream is the only work of its process.
static kt_err_t
admit_file(file_run_t *run)
{
    kt_admission_wait_t wait = {run->deadline_ms, run->opts->cancelled, run->opts->progress};
    if (run->opts->stream)
        return KT_OK;
    const kt_media_info_t *info    = &run->worker->media_info;
    const uint64_t         decoder = run->source.decode ? decoder_bytes(run->worker->pipeline->settings, info) : 0;
    run->expected_s                = info->duration_s;
    const uint64_t bytes           = decoder + tracks_bytes(run, run->expected_s);
    kt_err_t       err             = kt_admission_take(run->worker->pipeline->admission, bytes, &wait);
    if (!err)
        run->held_bytes = bytes;
    return err == KT_EMEMLIMIT ? file_over_memory(run, bytes) : err;
}

// A file that is longer than declared needs what the longest needs.
static kt_err_t
admit_longer(file_run_t *run)
{
    if (run->expected_s <= 0 || run->seconds <= 1.05 * run->expected_s + 1)
        return KT_OK;
    uint64_t most = tracks_bytes(run, 0), had = tracks_bytes(run, run->expected_s);
    run->expected_s = 0;
    if (most <= had)
        return KT_OK;
    kt_err_t err = kt_admission_grow(run->worker->pipeline->admission, run->held_bytes, most - had);
    if (!err)
        run->held_bytes += most - had;
    return err == KT_EMEMLIMIT ? file_over_memory(run, run->held_bytes + most - had) : err;
}

static kt_err_t
open_tracks(file_run_t *run)
{
    kt_track_opts_t opts = track_opts(run);
    opts.why             = run->report->detail;
    bool     snapshots   = run->opts->every_s > 0;
    kt_err_t err         = snapshots && run->worker->pipeline->gpus ? KT_EINVAL : KT_OK;
    for (size_t t = 0; t < KT_TRACKS && !err; t++)
        if (track_is_wanted(run, t))
            err = TRACKS[t]->new (&run->tracks[t], &opts);
    return err;
}

// Raw samples have no packets to count.
static kt_media_counts_t
source_counts(const file_run_t *run)
{
    return run->source.decode ? *kt_decode_counts(run->source.decode) : (kt_media_counts_t){0};
}

static kt_technical_t
technical_facts(const file_run_t *run, const kt_media_counts_t *counts)
{
    return (kt_technical_t){.info            = &run->worker->media_info,
                            .counts          = counts,
                            .content_s       = run->seconds,
                            .size_bytes      = run->opts->stream ? -1 : (int64_t)run->size_bytes,
                            .sound_wanted    = true,
                            .pictures_wanted = run->tracks[KT_TRACK_VIDEO] != NULL};
}

// Everything in the document about the content so far.
static kt_err_t
finish_tracks(file_run_t *run)
{
    const kt_media_counts_t counts = source_counts(run);
    const kt_technical_t    facts  = technical_facts(run, &counts);
    kt_err_t                err    = KT_OK;
    for (size_t t = 0; t < KT_TRACKS && !err; t++)
        if (run->tracks[t])
            err = TRACKS[t]->finish(run->tracks[t], run->document);
    if (!err)
        kt_times_put_back(run->document, &counts);
    if (!err)
        kt_technical_write(run->document, &facts);
    return err;
}

// Once all features are in the document: whether enough of the file could be read.
static kt_err_t
judge_file(file_run_t *run)
{
    const kt_media_counts_t counts = source_counts(run);
    const kt_technical_t    facts  = technical_facts(run, &counts);
    const double            least  = (double)run->worker->pipeline->settings->min_decoded_percent / 100;
    kt_err_t err = kt_completeness_verdict(&facts, least, run->report->detail, sizeof run->report->detail);
    if (err)
        kt_document_fail(run->document, err, run->report->detail);
    run->partial = err != KT_OK;
    return err;
}

// A kt_snapshot_fn.
static kt_err_t
finish_snapshot(void *context, kt_buf_t *text, char why[KT_DOCUMENT_WHY])
{
    file_run_t *run   = context;
    kt_stamp_t  stamp = stamp_now(run, kt_clock_us());
    kt_document_snapshot(run->document);
    kt_err_t err = finish_tracks(run);
    return err ? err : kt_document_finish(run->document, &stamp, text, why);
}

static kt_err_t
take_snapshot(file_run_t *run)
{
    char     why[KT_DOCUMENT_WHY] = "";
    kt_buf_t text;
    kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
    kt_err_t err = kt_snapshot_take(finish_snapshot, run, &text, why);
    if (err)
        set_detail(run->report, why);
    else if (!run->opts->snapshot(run->opts->context, text.bytes, text.length))
        err = KT_ECLOSED;
    kt_buf_fini(&text);
    return err;
}

static kt_err_t
push_chunks(file_run_t *run)
{
    double max_s = (double)run->worker->pipeline->settings->max_duration_s;
    for (kt_err_t err;;) {
        kt_chunk_t chunk;
        bool       end   = false;
        int64_t    start = kt_clock_us();
        err              = kt_source_read(&run->source, &chunk, &end);
        run->decode_us += kt_clock_us() - start;
        if (err || end)
            return err;
        run->seconds = fmax(run->seconds, chunk.end_s);
        if (run->opts->tap)
            run->opts->tap(run->opts->context, &run->worker->media_info, &chunk);
        if (run->seconds > max_s)
            return KT_ETOOLONG;
        if ((err = admit_longer(run)))
            return err;
        if (run->tracks[chunk.track] && (err = TRACKS[chunk.track]->push(run->tracks[chunk.track], &chunk)))
            return err;
        if ((err = file_check_limits(run)))
            return err;
        if (run->source.snapshot_due && (err = take_snapshot(run)))
            return err;
    }
}

// The models of this moment, for all of the file. A models.yml that has changed for the worse is logged once per
// change, and the old set stays.
static void
hold_models(file_run_t *run)
{
    kt_model_folder_t *folder                = run->worker->pipeline->models;
    char               why[KT_CATALOGUE_WHY] = "";
    bool               changed               = false;
    if (run->opts->models)
        run->models = kt_model_set_hold(run->opts->models);
    if (run->models || !folder)
        return;
    kt_err_t err = kt_model_folder_refresh(folder, &changed, why);
    run->models  = kt_model_folder_set(folder);
    if (err)
        kt_log_warn("MODELS-REFRESH", "err=%s why=\"%s\"", kt_err_name(err), why);
    else if (changed)
        kt_log_info("MODELS-CHANGED", "models=%zu", kt_model_set_count(run->models));
}

static kt_decode_want_t
decode_want(const file_run_t *run)
{
    static const char *const MODES[] = {
        [KT_PICTURES_FULL] = "full", [KT_PICTURES_SAMPLED] = "sampled", [KT_PICTURES_KEYFRAMES] = "keyframes"};
    const kt_sampling_t sampling = sampling_of(run);
    kt_picture_mode_t   mode     = KT_PICTURES_FULL;
    while (mode < KT_PICTURES_KEYFRAMES && strcmp(MODES[mode], run->worker->pipeline->settings->video_mode) != 0)
        mode++;
    return (kt_decode_want_t){.sound      = 1,
                              .pictures   = (run->job->options & KT_VIDEO_OPTIONS) != 0,
                              .mode       = mode,
                              .vectors    = 1,
                              .sample_hz  = sampling.hz,
                              .sample_max = (uint32_t)sampling.most};
}

// From the path to the end of the content, or to the cached document.
static kt_err_t
file_read(file_run_t *run)
{
    kt_worker_t         *worker   = run->worker;
    const kt_settings_t *settings = worker->pipeline->settings;
    hold_models(run);
    kt_err_t err = run->opts->stream ? KT_OK : file_open(run);
    if (err || (err = file_check_limits(run)) || file_find_cached(run))
        return err;
    if ((err = kt_document_new(&run->document, run->job)))  // after the digest, which may be the message's id
        return err;

    int64_t                start = kt_clock_us();
    const kt_decode_want_t want  = decode_want(run);
    err = kt_source_open(&run->source, worker->pipeline, run->opts, run->fd, run->size_bytes, run->deadline_ms, &want);
    if (!err)
        err = kt_source_media_info(&run->source, &worker->media_info);
    run->decode_us += kt_clock_us() - start;
    if (!err)
        err = admit_file(run);
    if (!err)
        err =
            kt_test_fault_inject(&settings->test_faults, run->job->file_path, (uint64_t)settings->max_memory_mb << 20);
    if (!err)
        err = open_tracks(run);
    if (!err)
        err = push_chunks(run);
    run->pushed = !err;
    return err;
}

// Work of the tracks that a device may do while the file rests. True: it rests; the run is another thread's then.
static bool
file_rests(file_run_t *run, kt_worker_ready_fn *ready, void *context)
{
    bool pending = false;
    if (!ready || run->opts->tap || run->opts->frames || run->opts->stream)
        return false;
    for (size_t t = 0; t < KT_TRACKS && !run->report->err; t++) {
        const kt_err_t err =
            run->tracks[t] && TRACKS[t]->end ? TRACKS[t]->end(run->tracks[t], ready, context, &pending) : KT_OK;
        if (pending)
            return true;
        run->report->err = err;
    }
    return false;
}

// From there to the features.
static kt_err_t
file_conclude(file_run_t *run)
{
    kt_err_t err = finish_tracks(run);
    return err ? err : judge_file(run);
}

static void
note_source(file_run_t *run)
{
    const char *why = kt_source_why(&run->source);
    if (run->report->err && !run->report->detail[0] && strcmp(why, kt_err_text(run->report->err)) != 0)
        set_detail(run->report, why);
    const kt_media_counts_t counts  = source_counts(run);
    const uint64_t          damaged = counts.audio.damaged + counts.video.damaged;
    char                    quoted[KT_JOB_PATH], id[KT_JOB_PATH];
    if (!run->report->err && damaged > 0)
        kt_log_info("FILE-DAMAGED", "message_id=%s path=\"%s\" parts=%llu", shown_id(run, id), shown_path(run, quoted),
                    (unsigned long long)damaged);
}

// A file that a GPU computed says so; the CPU is not named, so that its documents are the same on every host.
static void
name_device(file_run_t *run, const kt_device_info_t *did)
{
    char text[KT_DOCUMENT_DEVICE];
    if (!did->computed)
        return;
    snprintf(text, sizeof text, "%s: %s%s%s", did->kind, did->name, did->resampled ? ", resampling" : "",
             did->replaced ? " (partly the processor)" : "");
    kt_document_device(run->document, text);
}

// The document of the features, which the cache gets, or of the error.
static void
render_document(file_run_t *run)
{
    kt_report_t     *report               = run->report;
    kt_cache_t      *cache                = cache_of(run);
    kt_device_info_t did                  = file_device(run);
    char             why[KT_DOCUMENT_WHY] = "";
    int64_t          start                = kt_clock_us();
    kt_stamp_t       stamp                = stamp_now(run, start);
    if (run->cached)
        return;
    if (!report->err || run->partial) {
        name_device(run, &did);
        kt_err_t err = kt_document_finish(run->document, &stamp, &report->document, why);
        if (err)
            set_detail(report, why);
        run->partial = run->partial && !err;
        report->err  = err ? err : report->err;
    }
    if (!report->err && cache && !did.replaced) {
        kt_cache_key_t key = cache_key(run, did.computed ? run->worker->pipeline->device : "");
        kt_cache_store(cache, &key, report->document.bytes, report->document.length);
    }
    if (report->err && !run->partial) {
        kt_buf_clear(&report->document);
        if (kt_document_failure(run->job, report->err, report->detail, &stamp, &report->document)) {
            kt_buf_fini(&report->document);
            report->err = KT_ENOMEM;
        }
    }
    add_stage(report, "document", kt_clock_us() - start);
}

static void
log_stages(const file_run_t *run)
{
    const kt_report_t *report     = run->report;
    char               line[1024] = "", quoted[KT_JOB_PATH], id[KT_JOB_PATH];
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
    kt_log_debug("FILE-DONE",
                 "message_id=%s path=\"%s\" err=%s peak_bytes=%lld decoder_peak_bytes=%llu decoder_cpu_s=%.3f%s",
                 shown_id(run, id), shown_path(run, quoted), kt_err_name(report->err),
                 (long long)usage.ru_maxrss * 1024, (unsigned long long)decoder_peak, decoder_cpu, line);
}

static void
file_close(file_run_t *run)
{
    for (size_t t = 0; t < KT_TRACKS; t++)
        if (run->tracks[t])
            TRACKS[t]->destroy(&run->tracks[t]);
    kt_model_set_release(&run->models);
    kt_source_close(&run->source);
    if (run->held_bytes > 0)
        kt_admission_give(run->worker->pipeline->admission, run->held_bytes);
    kt_document_destroy(&run->document);
    if (run->fd >= 0)
        close(run->fd);
}

static void
file_end(file_run_t *run)
{
    kt_report_t *report = run->report;
    if (!report->err && run->pushed)
        report->err = file_conclude(run);
    if (!run->cached) {
        note_source(run);
        add_stage(report, "decode", run->decode_us);
    }
    for (size_t t = 0; t < KT_TRACKS; t++)
        if (run->tracks[t])
            TRACKS[t]->stages(run->tracks[t], add_stage, report);
    render_document(run);
    log_stages(run);
    file_close(run);
}

bool
kt_worker_begin(kt_worker_t *self, const kt_job_t *job, const kt_worker_opts_t *opts, kt_report_t *report,
                kt_worker_ready_fn *ready, void *context)
{
    const kt_settings_t     *settings = self->pipeline->settings;
    const kt_noop_message_t *noop     = self->pipeline->noop;

    memset(report, 0, sizeof *report);
    kt_buf_init(&report->document, KT_DOCUMENT_MAX_BYTES);
    if (noop) {
        kt_noop_message_write(noop, job, &report->document);
        report->err = report->document.err;
        return false;
    }
    file_run_t *run = &self->run;
    self->job       = *job;
    *run            = (file_run_t){
                   .worker = self, .opts = opts, .report = report, .job = &self->job, .fd = -1, .start_us = kt_clock_us()};
    run->may_leave = ready && self->pipeline->gpus && strcasecmp(settings->gpu_files, "shared") == 0;
    run->before    = file_device(run);
    kt_device_begin_file(self->device, run->may_leave);
    run->deadline_ms = opts->deadline_ms > 0 ? opts->deadline_ms
                       : opts->stream        ? INT64_MAX
                                             : kt_clock_ms() + (int64_t)settings->file_deadline_s * 1000;
    report->err      = file_read(run);
    if (!report->err && !run->cached && file_rests(run, ready, context))
        return true;
    file_end(run);
    return false;
}

void
kt_worker_resume(kt_worker_t *self)
{
    self->run.report->err = file_check_limits(&self->run);
    file_end(&self->run);
}

void
kt_worker_run(kt_worker_t *self, const kt_job_t *job, const kt_worker_opts_t *opts, kt_report_t *report)
{
    const bool rests = kt_worker_begin(self, job, opts, report, NULL, NULL);
    kt_assert(!rests);
}
