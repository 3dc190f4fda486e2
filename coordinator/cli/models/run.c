// models input and models run: the preprocessing of one file, and one model on it.
#include "common/file.h"
#include "common/text.h"
#include "coordinator/cli/models/models.h"
#include "coordinator/cli/models/runner.h"
#include "coordinator/cli/table.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TOP = 10, PATH = 4096 };

typedef struct options {
    const char     *model, *media, *input, *out;
    kt_model_opts_t opts;
} options_t;

static const kt_column_t COLUMNS[] = {
    {"OUTPUT", "output", KT_CELL_TEXT, false}, {"SHAPE", "shape", KT_CELL_TEXT, false},
    {"CLASS", "class", KT_CELL_TEXT, false},   {"MEAN", "mean", KT_CELL_FIXED4, false},
    {"MIN", "min", KT_CELL_FIXED4, true},      {"MAX", "max", KT_CELL_FIXED4, false},
};

static bool
set_backend(options_t *self, const char *name)
{
    static const kt_backend_t *const BACKENDS[] = {&kt_backend_cpu, &kt_backend_ref, &kt_backend_cuda};
    for (size_t i = 0; i < sizeof BACKENDS / sizeof *BACKENDS; i++)
        if (strcmp(BACKENDS[i]->name, name) == 0) {
            self->opts.backend = BACKENDS[i];
            return true;
        }
    return false;
}

// KT_EXIT_OK, or the code of a wrong command line.
static int
parse_options(options_t *out, kt_cli_t *cli, int argc, char **argv, bool run)
{
    *out   = (options_t){.opts.exec.isa = cli->settings->isa};
    optind = 0;
    for (int c; (c = kt_cli_option(cli, argc, argv, run ? "run" : "input")) != -1;)
        switch (c) {
        case '?': return KT_EXIT_USAGE;
        case KT_OPT_OUT: out->out = optarg; break;
        case KT_OPT_INPUT: out->input = optarg; break;
        case KT_OPT_INT8: out->opts.exec.int8 = true; break;
        case KT_OPT_BACKEND:
            if (!set_backend(out, optarg))
                return kt_cli_usage(cli, "--backend is cpu, ref or cuda");
            break;
        default: break;
        }
    if (argc - optind != (out->input ? 1 : 2))
        return kt_cli_usage(cli, "takes a model file and a media file%s", run ? " or --input" : "");
    out->model = argv[optind];
    out->media = out->input ? NULL : argv[optind + 1];
    return KT_EXIT_OK;
}

// Mean, least and largest of every stride-th value from `first` on.
static json_t *
summary(const kt_tensor_t *tensor, size_t first, size_t stride, const char *output, const char *class)
{
    char   shape[128];
    double sum = 0, low = INFINITY, high = -INFINITY;
    for (size_t i = first; i < tensor->count; i += stride) {
        sum += (double)tensor->values[i];
        low  = fmin(low, (double)tensor->values[i]);
        high = fmax(high, (double)tensor->values[i]);
    }
    json_t *out = kt_json_object();
    kt_json_set(out, "output", kt_json_text(output));
    kt_json_set(out, "shape", kt_json_text(kt_tensor_shape(tensor, shape)));
    kt_json_set(out, "class", kt_json_text(class));
    kt_json_set(out, "mean", kt_json_real(sum / ((double)tensor->count / (double)stride)));
    kt_json_set(out, "min", kt_json_real(low));
    kt_json_set(out, "max", kt_json_real(high));
    return out;
}

static int
compare_means(const void *a, const void *b)
{
    const double x = kt_json_f64(*(json_t *const *)a, "mean", 0), y = kt_json_f64(*(json_t *const *)b, "mean", 0);
    return (x < y) - (x > y);
}

// The classes with the largest means, or one row for an output without classes.
static void
add_rows(kt_table_t *table, const kt_model_output_t *output, const kt_tensor_t *values)
{
    const size_t n    = output->classes ? output->classes : 1;
    json_t     **rows = calloc(n, sizeof(json_t *));
    for (size_t i = 0; rows && i < n; i++)
        rows[i] = summary(values, i, n, output->name, output->classes ? output->class_names[i] : "");
    if (rows)
        qsort(rows, n, sizeof(json_t *), compare_means);
    for (size_t i = 0; rows && i < n; i++) {
        if (i < TOP)
            kt_table_row(table, rows[i]);
        kt_json_free(&rows[i]);
    }
    free(rows);
}

static kt_err_t
write_outputs(const kt_model_output_t *outputs, const kt_model_result_t *result, const char *folder)
{
    char     path[PATH];
    kt_err_t err = mkdir(folder, 0777) == 0 || errno == EEXIST ? KT_OK : kt_file_write_err_of_errno();
    for (size_t i = 0; !err && i < result->n; i++) {
        const int n = snprintf(path, sizeof path, "%s/%s.npy", folder, outputs[i].name);
        err         = n < 0 || (size_t)n >= sizeof path ? KT_EINVAL : kt_tensor_write(&result->values[i], path);
    }
    return err;
}

static int
show_result(const kt_cli_t *cli, const options_t *options, const kt_model_t *model, const kt_model_result_t *result)
{
    const kt_model_output_t *outputs;
    kt_table_t              *table = NULL;
    (void)kt_model_outputs(model, &outputs);
    kt_err_t err = options->out ? write_outputs(outputs, result, options->out) : KT_OK;
    if (err)
        return kt_cli_fail(err, options->out, NULL);
    err = kt_table_new(&table, cli->format, cli->color, COLUMNS, sizeof COLUMNS / sizeof *COLUMNS);
    for (size_t i = 0; !err && i < result->n; i++)
        if (result->values[i].count)
            add_rows(table, &outputs[i], &result->values[i]);
    if (!err)
        err = kt_table_end(table, stdout);
    kt_table_destroy(&table);
    return err ? kt_cli_fail(err, options->model, NULL) : KT_EXIT_OK;
}

int
kt_models_input(kt_cli_t *cli, int argc, char **argv)
{
    options_t   options;
    char        why[KT_TENSOR_WHY] = "";
    kt_model_t *model              = NULL;
    kt_tensor_t input              = {0};
    int         code               = parse_options(&options, cli, argc, argv, false);
    if (code)
        return code;
    const char *what = options.model;
    kt_err_t    err  = kt_model_open(&model, options.model, &options.opts, why);
    if (!err) {
        what = options.media;
        err  = kt_models_prepare(model, cli->settings, options.media, &input, why);
    }
    if (!err && options.out) {
        what = options.out;
        err  = kt_tensor_write(&input, options.out);
    }
    kt_table_t *table = NULL;
    if (!err)
        err = kt_table_new(&table, cli->format, cli->color, COLUMNS, sizeof COLUMNS / sizeof *COLUMNS);
    if (!err) {
        json_t *row = summary(&input, 0, 1, "input", "");
        kt_table_row(table, row);
        kt_json_free(&row);
        err = kt_table_end(table, stdout);
    }
    code = err ? kt_cli_fail(err, what, why) : KT_EXIT_OK;
    kt_table_destroy(&table);
    kt_tensor_fini(&input);
    kt_model_destroy(&model);
    return code;
}

// The input given as a file, or made from the media.
static kt_err_t
run_model(const kt_cli_t *cli, const options_t *options, kt_model_t *model, kt_model_result_t *out,
          char why[KT_TENSOR_WHY])
{
    kt_tensor_t input = {0};
    kt_err_t    err   = options->input ? kt_tensor_read(&input, options->input, false, why)
                                       : kt_models_prepare(model, cli->settings, options->media, &input, why);
    if (!err)
        err = options->media && kt_model_kind(model) == KT_MODEL_AUDIO ? kt_models_run_rows(model, &input, out, why)
                                                                       : kt_models_run_input(model, &input, out, why);
    kt_tensor_fini(&input);
    return err;
}

// The largest difference of each output from a run in float32, one line each on standard error.
static kt_err_t
show_int8_error(const kt_cli_t *cli, const options_t *options, const kt_model_result_t *result, char why[KT_TENSOR_WHY])
{
    const kt_model_output_t *outputs;
    kt_model_opts_t          opts  = options->opts;
    kt_model_t              *model = NULL;
    kt_model_result_t        exact = {0};
    opts.exec.int8                 = false;
    kt_err_t err                   = kt_model_open(&model, options->model, &opts, why);
    if (!err)
        err = run_model(cli, options, model, &exact, why);
    for (size_t o = 0; !err && o < exact.n; o++) {
        double most = 0;
        for (size_t i = 0; i < exact.values[o].count; i++)
            most = fmax(most, fabs((double)result->values[o].values[i] - (double)exact.values[o].values[i]));
        (void)kt_model_outputs(model, &outputs);
        fprintf(stderr, "8 bits: %s differs from float32 by at most %.3g\n", outputs[o].name, most);
    }
    kt_model_result_fini(&exact);
    kt_model_destroy(&model);
    return err;
}

int
kt_models_run(kt_cli_t *cli, int argc, char **argv)
{
    options_t         options;
    char              why[KT_TENSOR_WHY] = "", plans[PATH_MAX];
    kt_model_t       *model              = NULL;
    kt_model_result_t result             = {0};
    int               code               = parse_options(&options, cli, argc, argv, true);
    if (code)
        return code;
    kt_models_plans_folder(plans, options.model);
    options.opts.exec.plans = plans;
    kt_err_t err            = kt_model_open(&model, options.model, &options.opts, why);
    if (err)
        return kt_cli_fail(err, options.model, why);
    err = run_model(cli, &options, model, &result, why);
    if (!err && options.opts.exec.int8 && !kt_model_int8(model))
        fprintf(stderr, "computed in float32: the model has no convolution for 8 bits, or the CPU lacks VNNI\n");
    else if (!err && options.opts.exec.int8)
        err = show_int8_error(cli, &options, &result, why);
    code = err ? kt_cli_fail(err, options.input ? options.input : options.media, why)
               : show_result(cli, &options, model, &result);
    kt_model_result_fini(&result);
    kt_model_destroy(&model);
    return code;
}
