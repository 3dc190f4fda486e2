#include "common/digest.h"
#include "coordinator/cli/analyze/analyze.h"
#include "node/run/pipeline.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

typedef struct live {
    kt_analyze_printer_t *printer;
    bool                  failed;
} live_t;

static bool
print_message(void *context, const char *text, size_t length)
{
    live_t *self = context;
    return kt_analyze_print(self->printer, text, length, &self->failed);
}

// A snapshot needs a process with one thread: no other thread may have been started before.
static int
analyze_stream(const kt_cli_t *cli, const kt_analyze_opts_t *opts, live_t *self)
{
    kt_report_t        report        = {0};
    kt_pipeline_t     *pipeline      = NULL;
    kt_worker_t       *worker        = NULL;
    kt_pipeline_opts_t pipeline_opts = {.settings = cli->settings, .any_path = true, .open_models = true};
    kt_job_t           job           = {.file_path = "-", .priority = KT_PRIORITY_NORMAL, .options = opts->options};
    kt_worker_opts_t   stream        = {.stream       = true,
                                        .stream_fd    = STDIN_FILENO,
                                        .every_s      = opts->every_s,
                                        .pcm          = opts->pcm,
                                        .pcm_rate_hz  = opts->rate_hz,
                                        .pcm_channels = opts->channels,
                                        .snapshot     = print_message,
                                        .context      = self};
    kt_uuid_random(job.message_id);
    int flags = fcntl(STDIN_FILENO, F_GETFL);
    if (flags >= 0 && flags & O_NONBLOCK)
        (void)fcntl(STDIN_FILENO, F_SETFL, flags & ~O_NONBLOCK);
    kt_err_t err = kt_pipeline_new(&pipeline, &pipeline_opts);
    if (!err)
        err = kt_worker_new(&worker, pipeline);
    if (err) {
        kt_pipeline_destroy(&pipeline);
        return kt_cli_fail(err, "analyze cannot start", NULL);
    }
    kt_worker_run(worker, &job, &stream, &report);
    if (report.err != KT_ECLOSED && report.document.length > 0)
        (void)print_message(self, report.document.bytes, report.document.length);
    kt_buf_fini(&report.document);
    kt_worker_destroy(&worker);
    kt_pipeline_destroy(&pipeline);
    if (report.err && report.err != KT_ECLOSED)
        return kt_cli_fail(report.err, "standard input", report.detail);
    return self->failed ? KT_EXIT_FAILED : KT_EXIT_OK;
}

int
kt_analyze_live(const kt_cli_t *cli, const kt_analyze_opts_t *opts)
{
    live_t              self   = {0};
    kt_analyze_format_t format = opts->every_s > 0 ? KT_ANALYZE_JSONL : opts->format;
    if (isatty(STDIN_FILENO))
        return kt_cli_usage(cli, "- reads sound from standard input, which is a terminal here");
    kt_err_t err = kt_analyze_printer_new(&self.printer, cli, opts, format);
    if (err)
        return kt_cli_fail(err, "analyze cannot start", NULL);
    int code = analyze_stream(cli, opts, &self);
    if (kt_analyze_printer_end(self.printer))
        code = KT_EXIT_FAILED;
    kt_analyze_printer_destroy(&self.printer);
    return code;
}
