#include "common/paths.h"
#include "common/text.h"
#include "coordinator/cli/analyze/analyze.h"
#include "coordinator/cli/analyze/click.h"
#include "coordinator/cli/film/thumbnails.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/progress.h"
#include "coordinator/cli/scan.h"
#include "node/run/gpus.h"
#include "node/run/pipeline.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// Workers take the files in order and put each outcome into a ring; the main thread prints them in that order. A worker
// may be at most a ring ahead of the printer, so memory does not grow with the number of files.
typedef struct outcome {
    bool        ready;
    char       *path;                    // of the file; malloc'ed
    char       *stem, *thumbnails_stem;  // of the files that are written beside the message; malloc'ed, NULL: none are
    kt_report_t report;
    kt_analyze_frames_t frames;
    kt_thumbnails_t    *thumbnails;  // NULL: not asked for
    kt_click_t          click;       // path NULL: not asked for
} outcome_t;

typedef struct analyze {
    const kt_cli_t          *cli;
    const kt_analyze_opts_t *opts;
    kt_gpus_t               *gpus;  // --gpu; else NULL: the same bytes wherever analyze runs
    kt_pipeline_t           *pipeline;
    pthread_mutex_t          lock;
    pthread_cond_t           changed;
    size_t                   next, printed;  // files taken, files printed
    bool                     ended;          // there is no further file
    kt_scan_t               *scan;           // -r; else NULL
    kt_err_t                 err;            // the files cannot be listed to the end
    _Atomic bool             stop;           // the reader closed the output
    size_t                   ring;
    outcome_t               *outcomes;
    kt_analyze_printer_t    *printer;
    kt_progress_t            progress;  // of several files
    uint64_t                 done_bytes, total_bytes;
    bool                     failed;
} analyze_t;

enum { RING_PER_WORKER = 4, WAIT_NS = 100000000 };  // as often as the bar is redrawn

// Waits have a timeout; the waiter then checks its condition again.
static void
wait_for_change(analyze_t *self)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += WAIT_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&self->changed, &self->lock, &until);
}

// What a message shows of a name that is not UTF-8 can be given back: "file:///music/x%FF.mp3".
static bool
is_text_of_path(const char *path)
{
    return !strncmp(path, "file:///", 8) && kt_text_is_utf8(path, strlen(path));
}

// As text. With media roots a path must be absolute.
static bool
job_path(const analyze_t *self, const char *path, char *out)
{
    char here[KT_JOB_PATH], whole[2 * KT_JOB_PATH];
    if (kt_job_is_url(path) || is_text_of_path(path))
        return kt_text_copy(out, KT_JOB_PATH, path);
    if (path[0] == '/' || self->cli->settings->media_roots[0] == '\0')
        return kt_path_show(path, out, KT_JOB_PATH);
    if (!getcwd(here, sizeof here) || strlen(path) >= KT_JOB_PATH)
        return false;
    snprintf(whole, sizeof whole, "%s/%s", here, path);
    return kt_path_show(whole, out, KT_JOB_PATH);
}

// A kt_frames_fn, a kt_tap_fn and a kt_shot_fn of an outcome.
static void
take_frames(void *context, const char *feature, const float *rows, size_t frames, size_t width)
{
    outcome_t *out = context;
    kt_analyze_frame(&out->frames, feature, rows, frames, width);
}

static void
take_chunk(void *context, const kt_media_info_t *media_info, const kt_chunk_t *chunk)
{
    outcome_t *out = context;
    if (out->click.path)
        kt_click_push(&out->click, media_info, chunk);
    if (out->thumbnails && chunk->track == KT_TRACK_VIDEO)
        kt_thumbnails_picture(out->thumbnails, media_info, chunk->picture);
}

static void
take_shot(void *context, double begin_s, double end_s)
{
    outcome_t *out = context;
    kt_thumbnails_shot(out->thumbnails, begin_s, end_s);
}

static void
analyze_one(analyze_t *self, kt_worker_t *worker, const char *path, outcome_t *out)
{
    kt_job_t    job = {.priority = KT_PRIORITY_NORMAL, .options = self->opts->options};
    kt_digest_t digest;
    kt_digest_of(path, strlen(path), &digest);  // replaces the content digest until that is known
    kt_digest_uuid(&digest, job.message_id);
    out->frames              = (kt_analyze_frames_t){.stem = out->stem};
    out->click               = (kt_click_t){.path = self->opts->click_path};
    kt_worker_opts_t options = {
        .cancelled      = &self->stop,
        .frames         = self->opts->frames_dir ? take_frames : NULL,
        .tap            = out->thumbnails || out->click.path ? take_chunk : NULL,
        .shot           = out->thumbnails ? take_shot : NULL,
        .context        = out,
        .id_from_digest = true,
        .pcm            = self->opts->pcm,
        .pcm_rate_hz    = self->opts->rate_hz,
        .pcm_channels   = self->opts->channels,
    };
    if (job_path(self, path, job.file_path)) {
        kt_worker_run(worker, &job, &options, &out->report);
        if (out->thumbnails)
            kt_thumbnails_fini(out->thumbnails);
        return;
    }
    kt_stamp_t stamp = {0};
    memset(&out->report, 0, sizeof out->report);
    out->report.err = KT_ENOFILE;
    snprintf(out->report.detail, sizeof out->report.detail, "the path is too long");
    kt_buf_init(&out->report.document, KT_DOCUMENT_MAX_BYTES);
    if (kt_document_failure(&job, KT_ENOFILE, out->report.detail, &stamp, &out->report.document))
        out->report.err = KT_ENOMEM;
}

// The path of file number `next` into its outcome; `ended` after the last. The lock is held.
static void
take_path(analyze_t *self)
{
    const char *path = NULL;
    kt_err_t    err  = KT_OK;
    if (self->scan)
        err = kt_scan_next(self->scan, &path);
    else if (self->next < self->opts->n_files)
        path = self->opts->files[self->next];
    outcome_t *out = &self->outcomes[self->next % self->ring];
    out->path      = path ? strdup(path) : NULL;
    self->ended    = !out->path;
    self->err      = path && !out->path ? KT_ENOMEM : err;
}

// Waits until the next file's place in the ring is free. False: there is no further file.
static bool
next_file(analyze_t *self, size_t *index)
{
    bool taken = false;
    pthread_mutex_lock(&self->lock);
    while (!self->stop && !self->ended && self->next >= self->printed + self->ring)
        wait_for_change(self);
    if (!self->stop && !self->ended)
        take_path(self);
    if (!self->stop && !self->ended) {
        *index = self->next++;
        taken  = true;
    }
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return taken;
}

// Where the files beside the message go: both folders at a time have stems of their own.
static kt_err_t
prepare_files(analyze_t *self, outcome_t *out)
{
    const char *const dirs[] = {self->opts->frames_dir, self->opts->thumbnails_dir};
    char              stem[PATH_MAX];
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        if (!dirs[i])
            continue;
        kt_err_t err = kt_out_names_stem(&self->opts->names, dirs[i], out->path, stem);
        if (!err)
            err = kt_out_names_make_folders(stem);
        if (err)
            return err;
        char *copy = strdup(stem);
        if (!copy)
            return KT_ENOMEM;
        *(i ? &out->thumbnails_stem : &out->stem) = copy;
    }
    if (!out->thumbnails_stem)
        return KT_OK;
    char *slash     = strrchr(out->thumbnails_stem, '/');
    *slash          = '\0';
    out->thumbnails = kt_thumbnails_new(out->thumbnails_stem, slash + 1);
    return out->thumbnails ? KT_OK : KT_ENOMEM;
}

static void
free_outcome(outcome_t *out)
{
    kt_buf_fini(&out->report.document);
    free(out->thumbnails);
    free(out->thumbnails_stem);
    free(out->stem);
    free(out->path);
    out->thumbnails = NULL;
    out->path = out->stem = out->thumbnails_stem = NULL;
}

static void *
worker_main(void *context)
{
    analyze_t   *self   = context;
    kt_worker_t *worker = NULL;
    kt_err_t     err    = kt_worker_new(&worker, self->pipeline);
    for (size_t index; next_file(self, &index);) {
        outcome_t *out = &self->outcomes[index % self->ring];
        kt_err_t   bad = worker ? prepare_files(self, out) : err;
        if (!bad) {
            analyze_one(self, worker, out->path, out);
        } else {
            memset(&out->report, 0, sizeof out->report);
            out->report.err = bad;
        }
        pthread_mutex_lock(&self->lock);
        out->ready = true;
        pthread_cond_broadcast(&self->changed);
        pthread_mutex_unlock(&self->lock);
    }
    kt_worker_destroy(&worker);
    return NULL;
}

// Of the files that were written beside the message.
static void
print_written(analyze_t *self, const char *clean, const outcome_t *out)
{
    const kt_thumbnails_t *thumbnails = out->thumbnails;
    if (out->frames.err)
        (void)kt_cli_fail(out->frames.err, out->frames.what, "the per-frame matrices are incomplete");
    else if (self->opts->frames_dir && out->frames.written == 0)
        fprintf(stderr, "kithara: %s: no per-frame matrices: no spectral features, or longer than ten minutes\n",
                clean);
    if (thumbnails && thumbnails->err)
        (void)kt_cli_fail(thumbnails->err, thumbnails->what, "the pictures of the shots are incomplete");
    else if (thumbnails && thumbnails->written == 0)
        fprintf(stderr, "kithara: %s: no pictures of shots: no picture could be decoded\n", clean);
    self->failed |= out->frames.err || (thumbnails && thumbnails->err);
}

// The clicks need the message.
static void
finish_click(analyze_t *self, outcome_t *out)
{
    const kt_buf_t *text = &out->report.document;
    char            why[KT_JSON_WHY];
    json_t         *document = NULL;
    if (!out->report.err)
        (void)!kt_json_parse(text->bytes, text->length, KT_DOCUMENT_MAX_BYTES, &document, why);
    kt_click_finish(&out->click, document);
    kt_json_free(&document);
    if (out->click.err && !out->report.err)
        (void)kt_cli_fail(out->click.err, out->click.path, out->click.why);
    self->failed |= out->click.err != KT_OK;
}

static void
print_outcome(analyze_t *self, outcome_t *out)
{
    const kt_buf_t *document = &out->report.document;
    char            clean[KT_JOB_PATH];
    if (!kt_path_show(out->path, clean, sizeof clean))
        kt_text_sanitize(clean, sizeof clean, out->path, strlen(out->path));
    if (out->report.err)
        (void)kt_cli_fail(out->report.err, clean, out->report.detail);
    else
        print_written(self, clean, out);
    if (out->click.path)
        finish_click(self, out);
    self->failed |= out->report.err != KT_OK;
    if (document->length > 0 && !kt_analyze_print(self->printer, document->bytes, document->length, &self->failed))
        self->stop = true;
    free_outcome(out);
}

static uint64_t
bytes_of(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && facts.st_size > 0 ? (uint64_t)facts.st_size : 1;
}

// Of several files, `done` of which are printed; while the lock is held.
static void
show_progress(analyze_t *self, size_t done)
{
    const outcome_t *next = &self->outcomes[done % self->ring];
    if (self->opts->n_files < 2 && !self->scan)
        return;
    kt_progress_show(&self->progress, &(kt_progress_state_t){.done        = done,
                                                             .total       = self->scan ? 0 : self->opts->n_files,
                                                             .done_bytes  = self->done_bytes,
                                                             .total_bytes = self->total_bytes,
                                                             .file        = next->path});
}

static int
analyze_and_print(analyze_t *self)
{
    pthread_t threads[256];
    size_t    started = 0;
    kt_progress_begin(&self->progress, self->cli, "files", 0);
    for (size_t i = 0; i < self->opts->n_files && !self->scan; i++)
        self->total_bytes += bytes_of(self->opts->files[i]);
    while (started < self->opts->workers && !pthread_create(&threads[started], NULL, worker_main, self))
        started++;
    if (started == 0)
        return kt_cli_fail(KT_ESYSTEM, "worker threads", NULL);
    for (size_t i = 0; !self->stop; i++) {
        outcome_t *out = &self->outcomes[i % self->ring];
        pthread_mutex_lock(&self->lock);
        while (!out->ready && !(self->ended && i == self->next)) {
            show_progress(self, i);
            wait_for_change(self);
        }
        bool last = !out->ready;
        pthread_mutex_unlock(&self->lock);
        if (last)
            break;
        kt_progress_end(&self->progress);
        self->done_bytes += bytes_of(out->path);
        print_outcome(self, out);
        pthread_mutex_lock(&self->lock);
        out->ready = false;
        self->printed++;
        pthread_cond_broadcast(&self->changed);
        pthread_mutex_unlock(&self->lock);
    }

    kt_progress_end(&self->progress);
    pthread_mutex_lock(&self->lock);
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < self->ring; i++)
        free_outcome(&self->outcomes[i]);
    if (self->err)
        return kt_cli_fail(self->err, "the files cannot be listed to the end", NULL);
    if (self->scan)
        kt_scan_report(self->scan, self->opts->format == KT_ANALYZE_JSONL || self->opts->format == KT_ANALYZE_JSON);
    self->failed |= self->scan && kt_scan_left_out(self->scan)->unreadable;
    return self->failed ? KT_EXIT_FAILED : KT_EXIT_OK;
}

static kt_err_t
open_analyze(analyze_t *self, char why[KT_GPU_WHY])
{
    kt_err_t err = self->cli->gpu ? kt_gpus_of(self->cli->settings, &self->gpus, why) : KT_OK;
    if (err)
        return err;
    kt_pipeline_opts_t pipeline = {.settings    = self->cli->settings,
                                   .media_roots = self->cli->settings->media_roots,
                                   .any_path    = true,
                                   .open_models = true,
                                   .gpus        = self->gpus};
    self->ring                  = RING_PER_WORKER * self->opts->workers;
    self->outcomes              = calloc(self->ring, sizeof *self->outcomes);
    err                         = self->outcomes ? kt_pipeline_new(&self->pipeline, &pipeline) : KT_ENOMEM;
    if (!err && self->opts->recursive)
        err = kt_scan_new(
            &self->scan,
            &(kt_scan_opts_t){.paths = self->opts->files, .n = self->opts->n_files, .all = self->opts->all});
    return err ? err : kt_analyze_printer_new(&self->printer, self->cli, self->opts, self->opts->format);
}

int
kt_cmd_analyze(kt_cli_t *cli, int argc, char **argv)
{
    kt_analyze_opts_t opts;
    int               code = kt_analyze_options(&opts, cli, argc, argv);
    if (code != KT_EXIT_OK)
        return code;
    if (strcmp(opts.files[0], "-") == 0)
        return kt_analyze_live(cli, &opts);
    analyze_t self = {
        .cli = cli, .opts = &opts, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    char     why[KT_GPU_WHY] = "";
    kt_err_t err             = open_analyze(&self, why);
    code = err ? kt_cli_fail(err, "analyze cannot start", *why ? why : NULL) : analyze_and_print(&self);
    if (!err && !self.stop && kt_analyze_printer_end(self.printer))
        code = KT_EXIT_FAILED;
    kt_analyze_printer_destroy(&self.printer);
    kt_scan_destroy(&self.scan);
    kt_pipeline_destroy(&self.pipeline);
    free(self.outcomes);
    if (!kt_gpus_close(&self.gpus)) {  // exit handlers of CUDA may wait for the device
        code = kt_sink_close(cli, code);
        (void)fflush(NULL);
        _exit(code);
    }
    return code;
}
