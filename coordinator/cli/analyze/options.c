#include "coordinator/cli/options.h"

#include "common/text.h"
#include "coordinator/cli/analyze/analyze.h"
#include "proto/job.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORKERS_MAX = 256 };
#define OPTIONS_OPEN UINT32_MAX  // --options is not given
#define EVERY_MIN 0.1
#define EVERY_MAX 86400.0

static int
take_format(kt_analyze_opts_t *out, const kt_cli_t *cli, const char *name)
{
    static const char *const NAMES[] = {"summary", "json", "jsonl", "csv", "spotify", "essentia", "edl", "otio"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(name, NAMES[i]) == 0) {
            out->format = (kt_analyze_format_t)i;
            return KT_EXIT_OK;
        }
    return kt_cli_usage(cli, "'%s' is not one of summary, json, jsonl, csv, spotify, essentia, edl, otio", name);
}

static int
take_count(const kt_cli_t *cli, const char *option, const char *text, int64_t max, uint32_t *out)
{
    int64_t value;
    if (kt_text_to_i64(text, 1, max, &value))
        return kt_cli_usage(cli, "%s needs a whole number from 1 to %lld, not '%s'", option, (long long)max, text);
    *out = (uint32_t)value;
    return KT_EXIT_OK;
}

static int
take_option(kt_analyze_opts_t *out, const kt_cli_t *cli, int option)
{
    uint32_t workers = 0;
    int      code    = KT_EXIT_OK;
    switch (option) {
    case 'o': return take_format(out, cli, optarg);
    case 'r': out->recursive = true; return KT_EXIT_OK;
    case KT_OPT_ALL: out->all = true; return KT_EXIT_OK;
    case KT_OPT_ALL_COLUMNS:
    case KT_OPT_STATISTICS:
    case KT_OPT_UNITS: return KT_EXIT_OK;  // taken by the parser
    case KT_OPT_JSONL: return take_format(out, cli, "jsonl");
    case KT_OPT_RATE: return take_count(cli, "--rate", optarg, 768000, &out->rate_hz);
    case KT_OPT_CHANNELS: return take_count(cli, "--channels", optarg, 64, &out->channels);
    case KT_OPT_FRAMES: out->frames_dir = optarg; return KT_EXIT_OK;
    case KT_OPT_THUMBNAILS: out->thumbnails_dir = optarg; return KT_EXIT_OK;
    case KT_OPT_CLICK: out->click_path = optarg; return KT_EXIT_OK;
    case KT_OPT_OUT: out->out_dir = optarg; return KT_EXIT_OK;
    case KT_OPT_EVERY:
        return kt_text_to_f64(optarg, EVERY_MIN, EVERY_MAX, &out->every_s)
                   ? kt_cli_usage(cli, "--every needs seconds from %g to %g, not '%s'", EVERY_MIN, EVERY_MAX, optarg)
                   : KT_EXIT_OK;
    case KT_OPT_WORKERS:
        code         = take_count(cli, "--workers", optarg, WORKERS_MAX, &workers);
        out->workers = workers;
        return code;
    case KT_OPT_PCM:
        out->pcm = optarg;
        return strcmp(optarg, "f32") == 0 ? KT_EXIT_OK : kt_cli_usage(cli, "--pcm accepts only f32, not '%s'", optarg);
    case KT_OPT_OPTIONS:
        return kt_options_parse(optarg, &out->options) == KT_OK
                   ? KT_EXIT_OK
                   : kt_cli_usage(cli,
                                  "--options accepts spectral, mir, perceptual, similarity, quality, visual, "
                                  "no_models, not '%s'",
                                  optarg);
    default: return KT_EXIT_USAGE;  // reported
    }
}

static bool
is_edit_list(const kt_analyze_opts_t *self)
{
    return self->format == KT_ANALYZE_EDL || self->format == KT_ANALYZE_OTIO;
}

static int
check_input(const kt_analyze_opts_t *self, const kt_cli_t *cli)
{
    if (self->n_files == 0)
        return kt_cli_usage(cli, "no file is given");
    if (self->pcm && (!self->rate_hz || !self->channels))
        return kt_cli_usage(cli, "--pcm needs --rate HZ and --channels N");
    if (!self->pcm && (self->rate_hz || self->channels))
        return kt_cli_usage(cli, "--rate and --channels belong to --pcm; a media file states its own");

    bool live = false;  // reads standard input
    for (size_t i = 0; i < self->n_files; i++)
        live |= strcmp(self->files[i], "-") == 0;
    if (!live && self->every_s > 0)
        return kt_cli_usage(cli, "--every belongs to -, the standard input");
    if (live && cli->gpu)
        return kt_cli_usage(cli, "--gpu: standard input is analysed by the processor alone");
    if (live && self->recursive)
        return kt_cli_usage(cli, "-r needs folders or files, not -");
    if (self->all && !self->recursive)
        return kt_cli_usage(cli, "--all belongs to -r; a file that is named is always tried");
    if (live && self->n_files > 1)
        return kt_cli_usage(cli, "- cannot be combined with other files");
    if (live && (self->frames_dir || self->thumbnails_dir))
        return kt_cli_usage(cli, "--frames and --thumbnails need a file, not -");
    if (live && self->every_s > 0 && self->format != KT_ANALYZE_SUMMARY && self->format != KT_ANALYZE_JSONL)
        return kt_cli_usage(cli, "--every prints JSON lines (-o jsonl) only");
    return KT_EXIT_OK;
}

static int
compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// A file that is given twice would be written by two workers.
static int
check_names(const kt_analyze_opts_t *self, const kt_cli_t *cli)
{
    int    code  = KT_EXIT_OK;
    char **stems = calloc(self->n_files + 1, sizeof *stems);
    char   stem[PATH_MAX];
    size_t n = 0;
    if (!stems)
        return kt_cli_fail(KT_ENOMEM, "file names", NULL);
    for (size_t i = 0; i < self->n_files; i++)
        if (!kt_out_names_stem(&self->names, "", self->files[i], stem) && (stems[n] = strdup(stem)))
            n++;
    qsort(stems, n, sizeof *stems, compare_paths);
    for (size_t i = 0; i + 1 < n && code == KT_EXIT_OK; i++)
        if (strcmp(stems[i], stems[i + 1]) == 0)
            code =
                kt_cli_usage(cli, "%s is given twice, so the files that are written would be the same", stems[i] + 1);
    for (size_t i = 0; i < n; i++)
        free(stems[i]);
    free(stems);
    return code;
}

// The file that --click writes must not be the one that is read.
static int
check_click(const kt_analyze_opts_t *self, const kt_cli_t *cli)
{
    struct stat in, out;
    if (self->recursive || self->n_files > 1)
        return kt_cli_usage(cli, "--click writes the sound of one file, not of several");
    if (strcmp(self->files[0], "-") == 0)
        return kt_cli_usage(cli, "--click needs a file, not -");
    if (!(self->options & KT_OPTION_MIR))
        return kt_cli_usage(cli, "--click needs the group mir, which --options leaves out");
    if (stat(self->files[0], &in) == 0 && stat(self->click_path, &out) == 0 && in.st_dev == out.st_dev &&
        in.st_ino == out.st_ino)
        return kt_cli_usage(cli, "--click would overwrite %s, which is the file to analyse", self->click_path);
    return KT_EXIT_OK;
}

static int
check_output(const kt_analyze_opts_t *self, const kt_cli_t *cli)
{
    const char *const folders[] = {self->frames_dir, self->thumbnails_dir, self->out_dir};
    int               code      = KT_EXIT_OK;
    if (self->click_path)
        code = check_click(self, cli);
    if (code != KT_EXIT_OK)
        return code;
    if (self->thumbnails_dir && !(self->options & KT_OPTION_VISUAL))
        return kt_cli_usage(cli, "--thumbnails needs the group visual, which --options leaves out");
    if (is_edit_list(self) && !self->out_dir && (self->n_files > 1 || self->recursive))
        return kt_cli_usage(cli, "an edit list is of one film: of several, --out DIR writes one file each");
    for (size_t i = 0; i < sizeof folders / sizeof *folders && code == KT_EXIT_OK; i++) {
        if (!folders[i])
            continue;
        code = self->recursive ? KT_EXIT_OK : check_names(self, cli);
        if (code == KT_EXIT_OK && mkdir(folders[i], 0777) != 0 && errno != EEXIST) {
            (void)kt_cli_fail_write(folders[i], errno);
            code = KT_EXIT_USAGE;
        }
    }
    return code;
}

static size_t
least_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

int
kt_analyze_options(kt_analyze_opts_t *out, kt_cli_t *cli, int argc, char **argv)
{
    *out   = (kt_analyze_opts_t){.options = OPTIONS_OPEN};
    optind = 0;
    for (int option; (option = kt_cli_option(cli, argc, argv, NULL)) != -1;) {
        int code = take_option(out, cli, option);
        if (code != KT_EXIT_OK)
            return code;
    }
    out->files   = argv + optind;
    out->n_files = (size_t)(argc - optind);
    if (out->workers == 0)
        out->workers = cli->settings->workers ? least_size((size_t)cli->settings->workers, kt_settings_auto_workers())
                                              : kt_settings_auto_workers();
    if (!out->recursive)
        out->workers = least_size(out->workers, out->n_files ? out->n_files : 1);
    if (out->options == OPTIONS_OPEN)
        out->options = is_edit_list(out) ? KT_OPTION_VISUAL : KT_OPTION_ALL;
    kt_out_names_init(&out->names, out->files, out->n_files, out->recursive);
    int code = check_input(out, cli);
    if (code == KT_EXIT_OK && out->out_dir && !is_edit_list(out)) {
        if (!kt_sink_open(cli, out->out_dir))
            return KT_EXIT_USAGE;
        out->out_dir = NULL;
    }
    return code == KT_EXIT_OK ? check_output(out, cli) : code;
}
