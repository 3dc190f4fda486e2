// models plan: cuDNN's engines for one model and one GPU, which need not be there.
#include "models/backend/cuda/plan.h"

#include "common/text.h"
#include "coordinator/cli/models/models.h"
#include "coordinator/cli/table.h"
#include "models/backend/cuda/steps.h"
#include "models/graph/graph.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 8, TEXT = 4096, SIZES = 8 };

static const kt_column_t COLUMNS[] = {
    {"NODE", "node", KT_CELL_TEXT, false},      {"ENGINE", "engine", KT_CELL_TEXT, false},
    {"FROM", "from", KT_CELL_TEXT, false},      {"WORKSPACE", "workspace_bytes", KT_CELL_INT, false},
    {"OFFERED", "offered", KT_CELL_INT, false}, {"OPERATION", "operation", KT_CELL_TEXT, false},
};

typedef struct options {
    const char      *model, *cache, *size[SIZES];
    int              n_sizes;
    int64_t          batch;
    bool             tf32;
    kt_cuda_device_t device;
} options_t;

typedef struct planner {
    const options_t     *options;
    kt_cudnn_plan_opts_t plan_opts;
    kt_ktm_t            *file;
    kt_graph_t          *graph, *fused;
    kt_shape_of_t       *shapes;
    kt_cuda_steps_t      steps;
    kt_table_t          *table;
} planner_t;

static int
parse_options(options_t *out, kt_cli_t *cli, int argc, char **argv)
{
    const char *device                  = NULL;
    char        why[KT_CUDA_DEVICE_WHY] = "";
    *out                                = (options_t){.batch = BATCH};
    optind                              = 0;
    for (int c; (c = kt_cli_option(cli, argc, argv, "plan")) != -1;)
        switch (c) {
        case '?': return KT_EXIT_USAGE;
        case KT_OPT_DEVICE: device = optarg; break;
        case KT_OPT_CACHE: out->cache = optarg; break;
        case KT_OPT_TF32: out->tf32 = true; break;
        case KT_OPT_SIZE:
            if (out->n_sizes == SIZES)
                return kt_cli_usage(cli, "--size is given more than %d times", (int)SIZES);
            out->size[out->n_sizes++] = optarg;
            break;
        case KT_OPT_BATCH:
            if (kt_text_to_i64(optarg, 1, 65536, &out->batch))
                return kt_cli_usage(cli, "--batch is a number from 1 to 65536");
            break;
        default: break;
        }
    if (argc - optind != 1)
        return kt_cli_usage(cli, "models plan takes one model file");
    if (!device)
        return kt_cli_usage(cli, "--device is needed: h200, l4, t4 or a file");
    out->model         = argv[optind];
    const kt_err_t err = kt_cuda_device_find(&out->device, device, why);
    return err ? kt_cli_fail(err, device, why) : KT_EXIT_OK;
}

void
kt_models_plans_folder(char out[PATH_MAX], const char *model)
{
    const char *slash = strrchr(model, '/');  // NOLINT(*NonNullParamChecker): a wrong command line ends before
    snprintf(out, PATH_MAX, "%.*splans", slash ? (int)(slash - model + 1) : 0, model);
}

// NAME=N of a free dimension; false: there is no such dimension, or N is not a number.
static bool
set_size(const kt_graph_t *graph, const char *text, int64_t sizes[KT_FREE_DIMS])
{
    const kt_free_dim_t *dims;
    const size_t         n     = kt_graph_free(graph, &dims);
    const char          *equal = strchr(text, '=');
    for (size_t i = 1; i < n && equal; i++)
        if (strlen(dims[i].name) == (size_t)(equal - text) && !strncmp(dims[i].name, text, (size_t)(equal - text)))
            return kt_text_to_i64(equal + 1, 1, INT32_MAX, &sizes[i]) == KT_OK;
    return false;
}

static kt_err_t
planner_open(planner_t *self, char why[KT_KTM_WHY])
{
    int64_t  sizes[KT_FREE_DIMS];
    kt_err_t err;
    if ((err = kt_cudnn_load(&self->plan_opts.cudnn, why)) ||
        (err = kt_ktm_open(&self->file, self->options->model, why)) ||
        (err = kt_graph_new(&self->graph, self->file, why)) || (err = kt_graph_fuse(&self->fused, self->graph)))
        return err;
    kt_graph_smallest(self->fused, sizes);
    sizes[0] = self->options->batch;
    for (int i = 0; i < self->options->n_sizes; i++)
        if (!set_size(self->fused, self->options->size[i], sizes))
            return kt_text_explain(why, KT_KTM_WHY, KT_EINVAL, "--size %s: not NAME=N of a free dimension",
                                   self->options->size[i]);
    self->shapes = calloc(kt_graph_values(self->fused), sizeof *self->shapes);
    if (!self->shapes)
        return KT_ENOMEM;
    if ((err = kt_graph_shapes(self->fused, sizes, self->shapes, why)))
        return err;
    return kt_cuda_steps_new(&self->steps, self->fused, self->shapes);
}

static void
planner_close(planner_t *self)
{
    kt_table_destroy(&self->table);
    kt_cuda_steps_fini(&self->steps);
    free(self->shapes);
    kt_graph_destroy(&self->fused);
    kt_graph_destroy(&self->graph);
    kt_ktm_destroy(&self->file);
}

// One row. A step for which no engine is allowed runs by a kernel of Kithara's own.
static kt_err_t
plan_step(planner_t *self, const kt_cuda_step_t *step, char why[KT_KTM_WHY])
{
    kt_cudnn_plan_t plan = {0};
    char            engine[32];
    kt_buf_t        text;
    const kt_err_t  err = kt_cudnn_plan_get(&plan, &step->op, &self->plan_opts, why);
    if (err && err != KT_ENOTFOUND)
        return err;
    const kt_err_t store_err = plan.store_err;
    kt_buf_init(&text, TEXT);
    kt_cudnn_op_text(&step->op, &text);
    snprintf(engine, sizeof engine, "%lld", (long long)plan.engine);
    json_t *row = kt_json_object();
    kt_json_set(row, "node", kt_json_text(kt_graph_value(self->fused, (size_t)step->y)->name));
    kt_json_set(row, "engine", kt_json_text(err ? "-" : engine));
    kt_json_set(row, "from", kt_json_text(err ? "own kernel" : plan.stored ? "stored" : "new"));
    kt_json_set(row, "workspace_bytes", kt_json_int(plan.workspace_bytes));
    kt_json_set(row, "offered", kt_json_int((int64_t)plan.offered));
    kt_json_set(row, "operation", kt_json_text(text.err ? "" : text.bytes));
    kt_table_row(self->table, row);
    kt_json_free(&row);
    kt_buf_fini(&text);
    kt_cudnn_plan_fini(&plan);
    return store_err ? kt_text_explain(why, KT_KTM_WHY, store_err, "storing a plan in %s", self->plan_opts.folder)
                     : KT_OK;
}

int
kt_models_plan(kt_cli_t *cli, int argc, char **argv)
{
    char      why[KT_KTM_WHY] = "", cache[PATH_MAX];
    options_t options;
    const int code = parse_options(&options, cli, argc, argv);
    if (code)
        return code;
    kt_models_plans_folder(cache, options.model);
    planner_t planner = {.options   = &options,
                         .plan_opts = {.device = &options.device,
                                       .tf32   = options.tf32,
                                       .folder = options.cache ? options.cache : cache}};
    kt_err_t  err     = planner_open(&planner, why);
    if (!err)
        err = kt_table_new(&planner.table, cli->format, cli->color, COLUMNS, sizeof COLUMNS / sizeof *COLUMNS);
    for (size_t i = 0; i < planner.steps.n && !err; i++)
        if (planner.steps.at[i].is_conv)
            err = plan_step(&planner, &planner.steps.at[i], why);
    if (!err)
        err = kt_table_end(planner.table, stdout);
    planner_close(&planner);
    return err ? kt_cli_fail(err, options.model, why) : KT_EXIT_OK;
}
