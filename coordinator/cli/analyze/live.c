#include "node/run/live.h"

#include "common/digest.h"
#include "coordinator/cli/analyze/analyze.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

typedef struct live {
    kt_analyze_printer_t *printer;
    bool                  failed;
} live_t;

static bool
print(void *context, const char *text, size_t length)
{
    live_t *self = context;
    return kt_analyze_print(self->printer, text, length, &self->failed);
}

// The copy of the process that a snapshot is made in has this one thread: nothing may have started another by now.
static int
run(const kt_cli_t *cli, const kt_analyze_opts_t *opts, live_t *self)
{
    char               detail[KT_DETAIL];
    kt_pipeline_t     *pipeline      = NULL;
    kt_pipeline_opts_t pipeline_opts = {.settings = cli->settings, .any_path = true};
    kt_job_t           job           = {.file_path = "-", .priority = KT_PRIORITY_NORMAL, .options = opts->options};
    kt_live_opts_t     live          = {.job          = &job,
                                        .fd           = STDIN_FILENO,
                                        .every        = opts->every_s,
                                        .pcm          = opts->pcm,
                                        .pcm_rate_hz  = opts->rate_hz,
                                        .pcm_channels = opts->channels,
                                        .message      = print,
                                        .context      = self};
    kt_uuid_random(job.message_id);
    int flags = fcntl(STDIN_FILENO, F_GETFL);
    if (flags >= 0 && flags & O_NONBLOCK)
        (void)fcntl(STDIN_FILENO, F_SETFL, flags & ~O_NONBLOCK);
    kt_err_t err = kt_pipeline_new(&pipeline, &pipeline_opts);
    if (err)
        return kt_cli_fail(err, "analyze cannot start", NULL);
    err = kt_live_run(pipeline, &live, detail);
    kt_pipeline_destroy(&pipeline);
    if (err && err != KT_ECLOSED)
        return kt_cli_fail(err, "standard input", detail);
    return self->failed ? KT_EXIT_FAILED : KT_EXIT_OK;
}

int
kt_analyze_live(const kt_cli_t *cli, const kt_analyze_opts_t *opts)
{
    live_t              self   = {0};
    kt_analyze_format_t format = opts->every_s > 0 ? KT_ANALYZE_JSONL : opts->format;
    if (isatty(STDIN_FILENO))
        return kt_cli_usage(cli, "- reads sound from standard input, which is a terminal here");
    kt_err_t err = kt_analyze_printer_new(&self.printer, cli, format);
    if (err)
        return kt_cli_fail(err, "analyze cannot start", NULL);
    int code = run(cli, opts, &self);
    kt_analyze_printer_destroy(&self.printer);
    return code;
}
