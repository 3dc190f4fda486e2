#include "common/paths.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/plot/sheet.h"
#include "coordinator/cli/progress.h"
#include "coordinator/cli/scan.h"
#include "node/run/pipeline.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct plot {
    kt_cli_t       *cli;
    const char     *out;
    kt_sheet_kind_t kind;
    uint32_t        groups;     // kt_option_t bits
    char            own[4096];  // the default output name
    char           *files[KT_SHEET_MOST];
    size_t          n, drawn;
    size_t          more;  // files for which a sheet has no room
    kt_worker_t    *worker;
    kt_sheet_t     *sheet;
} plot_t;

// The files themselves, and the media below the folders. Returns the exit code.
static int
find_files(plot_t *self, char *const *paths, size_t n)
{
    kt_scan_t  *scan = NULL;
    const char *path = NULL;
    kt_err_t    err  = kt_scan_new(&scan, &(kt_scan_opts_t){.paths = paths, .n = n});
    while (!err && !(err = kt_scan_next(scan, &path)) && path) {
        if (self->n == KT_SHEET_MOST) {
            self->more++;
            continue;
        }
        self->files[self->n] = strdup(path);
        err                  = self->files[self->n] ? KT_OK : KT_ENOMEM;
        self->n += !err;
    }
    kt_scan_destroy(&scan);
    if (err)
        return kt_cli_fail(err, "plot", NULL);
    if (self->n == 0)
        return kt_cli_fail(KT_EEMPTY, paths[0], "there is no media file in it");
    if (self->more)
        fprintf(stderr, "kithara: the sheet has the first %d files; %zu more are left out\n", KT_SHEET_MOST,
                self->more);
    return KT_EXIT_OK;
}

static int
parse_plot(plot_t *out, int argc, char **argv)
{
    kt_cli_t *cli = out->cli;
    out->groups   = KT_OPTION_ALL;
    optind        = 0;
    for (int option; (option = kt_cli_option(cli, argc, argv, NULL)) != -1;) {
        if (option == '?')
            return KT_EXIT_USAGE;
        if (option == KT_OPT_OUT)
            out->out = optarg;
        if (option == KT_OPT_OPTIONS && kt_options_parse(optarg, &out->groups))
            return kt_cli_usage(cli, "--options accepts groups of features, no_models or none, not '%s'", optarg);
    }
    if (optind == argc)
        return kt_cli_usage(cli, "plot takes files or a folder");
    if (out->out && !kt_sheet_kind_of(out->out, &out->kind))
        return kt_cli_usage(cli, "--out %s: a plot is written as .png, .svg or .pdf, or to - as PNG", out->out);
    int code = find_files(out, argv + optind, (size_t)(argc - optind));
    if (code != KT_EXIT_OK || out->out)
        return code;
    const char *slash = strrchr(out->files[0], '/');
    if (out->n == 1)
        snprintf(out->own, sizeof out->own, "%s.png", slash ? slash + 1 : out->files[0]);
    else
        snprintf(out->own, sizeof out->own, out->n == 2 ? "comparison.png" : "contact-sheet.png");
    out->out = out->own;
    return code;
}

// Analyses a file and draws its page. Returns the exit code.
static int
plot_file(plot_t *self, const char *file)
{
    char                 why[KT_JSON_WHY];
    const kt_settings_t *settings = self->cli->settings;
    kt_job_t             job      = {.priority = KT_PRIORITY_NORMAL, .options = self->groups};
    kt_report_t          report   = {0};
    kt_plot_data_t       data     = {.frames_hz   = (double)settings->sample_rate_hz / (double)settings->hop_length,
                                     .analysis_hz = (double)settings->sample_rate_hz};
    kt_worker_opts_t     opts     = {
                .frames = kt_plot_frames, .each_segment = true, .tap = kt_plot_chunk, .context = &data, .id_from_digest = true};
    json_t *document = NULL;
    snprintf(job.message_id, sizeof job.message_id, "plot");
    if (!kt_path_show(file, job.file_path, sizeof job.file_path))
        return kt_cli_fail(KT_ENOFILE, file, "the path is too long");
    kt_worker_run(self->worker, &job, &opts, &report);
    kt_err_t err  = report.err ? report.err : data.err;
    int      code = err ? kt_cli_fail(err, file, report.detail) : KT_EXIT_OK;
    if (!err) {
        err = kt_json_parse(report.document.bytes, report.document.length, KT_DOCUMENT_MAX_BYTES, &document, why);
        if (!err)
            err = kt_sheet_add(self->sheet, &data, document);
        if (err)
            code = kt_cli_fail(err, file, "its page could not be drawn");
    }
    self->drawn += !err;
    kt_json_free(&document);
    kt_buf_fini(&report.document);
    kt_plot_data_fini(&data);
    return code;
}

static int
write_sheet(const plot_t *self)
{
    const bool standard = strcmp(self->out, "-") == 0;
    FILE      *out      = standard ? stdout : fopen(self->out, "we");
    kt_err_t   err      = out ? kt_sheet_write(self->sheet, self->kind, out) : KT_EIO;
    const int  saved    = errno;
    if (out && !standard && fclose(out) != 0 && !err)
        err = KT_EIO;
    if (err) {
        if (out && !standard)
            (void)unlink(self->out);
        return err == KT_EIO ? kt_cli_fail_write(standard ? "standard output" : self->out, saved)
                             : kt_cli_fail(err, standard ? "standard output" : self->out, NULL);
    }
    if (!standard && isatty(STDOUT_FILENO))
        kt_cli_say("%s", self->out);
    else if (!standard)
        printf("%s\n", self->out);  // for programs, byte for byte
    return KT_EXIT_OK;
}

static int
plot_files(plot_t *self)
{
    kt_progress_t progress;
    int           code = KT_EXIT_OK;
    kt_progress_begin(&progress, self->cli, "files", 0);
    for (size_t i = 0; i < self->n; i++) {
        if (self->n > 1)
            kt_progress_show(&progress, &(kt_progress_state_t){.done = i, .total = self->n, .file = self->files[i]});
        int one = plot_file(self, self->files[i]);
        code    = one == KT_EXIT_OK ? code : one;
    }
    kt_progress_end(&progress);
    if (self->drawn == 0)
        return KT_EXIT_FAILED;
    int written = write_sheet(self);
    return written == KT_EXIT_OK ? code : written;
}

int
kt_cmd_plot(kt_cli_t *cli, int argc, char **argv)
{
    plot_t self = {.cli = cli};
    int    code = parse_plot(&self, argc, argv);
    if (code == KT_EXIT_OK) {
        kt_pipeline_opts_t opts     = {.settings    = cli->settings,
                                       .media_roots = cli->settings->media_roots,
                                       .any_path    = true,
                                       .open_models = true};
        kt_pipeline_t     *pipeline = NULL;
        kt_err_t           err      = kt_pipeline_new(&pipeline, &opts);
        if (!err)
            err = kt_worker_new(&self.worker, pipeline);
        if (!err)
            err = kt_sheet_new(&self.sheet, self.n);
        code = err ? kt_cli_fail(err, "plot cannot start", NULL) : plot_files(&self);
        kt_sheet_destroy(&self.sheet);
        kt_worker_destroy(&self.worker);
        kt_pipeline_destroy(&pipeline);
    }
    for (size_t i = 0; i < self.n; i++)
        free(self.files[i]);
    return code;
}
