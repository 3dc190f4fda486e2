#include "common/paths.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/plot/plot.h"
#include "node/run/pipeline.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

typedef struct options {
    const char *file, *out;
    uint32_t    groups;     // kt_option_t bits
    char        own[4096];  // the default output name
} options_t;

static bool
parse_plot(options_t *out, kt_cli_t *cli, int argc, char **argv)
{
    *out   = (options_t){.groups = KT_OPTION_ALL};
    optind = 0;
    for (int option; (option = kt_cli_option(cli, argc, argv, NULL)) != -1;) {
        if (option == '?')
            return false;
        if (option == KT_OPT_OUT)
            out->out = optarg;
        if (option == KT_OPT_OPTIONS && kt_options_parse(optarg, &out->groups)) {
            (void)kt_cli_usage(cli, "--options accepts groups of features, no_models or none, not '%s'", optarg);
            return false;
        }
    }
    if (argc - optind != 1) {
        (void)kt_cli_usage(cli, "plot takes one file");
        return false;
    }
    out->file = argv[optind];
    if (!out->out) {
        const char *slash = strrchr(out->file, '/');
        snprintf(out->own, sizeof out->own, "%s.png", slash ? slash + 1 : out->file);
        out->out = out->own;
    }
    return true;
}

static int
plot_file(const kt_cli_t *cli, const options_t *options, kt_worker_t *worker)
{
    char                 why[KT_JSON_WHY];
    const kt_settings_t *settings = cli->settings;
    kt_job_t             job      = {.priority = KT_PRIORITY_NORMAL, .options = options->groups};
    kt_report_t          report   = {0};
    kt_plot_data_t       data     = {.frames_hz   = (double)settings->sample_rate_hz / (double)settings->hop_length,
                                     .analysis_hz = (double)settings->sample_rate_hz};
    kt_worker_opts_t     opts     = {
                .frames = kt_plot_frames, .each_segment = true, .tap = kt_plot_chunk, .context = &data, .id_from_digest = true};
    snprintf(job.message_id, sizeof job.message_id, "plot");
    if (!kt_path_show(options->file, job.file_path, sizeof job.file_path))
        return kt_cli_fail(KT_ENOFILE, options->file, "the path is too long");
    kt_worker_run(worker, &job, &opts, &report);
    json_t  *document = NULL;
    kt_err_t err      = report.err ? report.err : data.err;
    int      code     = err ? kt_cli_fail(err, options->file, report.detail) : KT_EXIT_OK;
    if (!err) {
        err = kt_json_parse(report.document.bytes, report.document.length, KT_DOCUMENT_MAX_BYTES, &document, why);
        if (!err)
            err = kt_plot_page(&data, document, options->out);
        code = err ? kt_cli_fail(err, options->out, NULL) : KT_EXIT_OK;
    }
    if (!err)
        printf("%s\n", options->out);
    kt_json_free(&document);
    kt_buf_fini(&report.document);
    kt_plot_data_fini(&data);
    return code;
}

int
kt_cmd_plot(kt_cli_t *cli, int argc, char **argv)
{
    options_t options;
    if (!parse_plot(&options, cli, argc, argv))
        return KT_EXIT_USAGE;
    kt_pipeline_opts_t opts = {
        .settings = cli->settings, .media_roots = cli->settings->media_roots, .any_path = true, .open_models = true};
    kt_pipeline_t *pipeline = NULL;
    kt_worker_t   *worker   = NULL;
    kt_err_t       err      = kt_pipeline_new(&pipeline, &opts);
    if (!err)
        err = kt_worker_new(&worker, pipeline);
    int code = err ? kt_cli_fail(err, "plot cannot start", NULL) : plot_file(cli, &options, worker);
    kt_worker_destroy(&worker);
    kt_pipeline_destroy(&pipeline);
    return code;
}
