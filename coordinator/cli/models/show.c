// models show: what a model file holds.
#include "coordinator/cli/models/models.h"
#include "coordinator/cli/table.h"
#include "models/model.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { TEXT = 4096 };

static const kt_column_t COLUMNS[] = {
    {"NAME", "name", KT_CELL_TEXT, false},       {"VERSION", "version", KT_CELL_TEXT, false},
    {"LICENCE", "licence", KT_CELL_TEXT, false}, {"ATTRIBUTION", "attribution", KT_CELL_TEXT, false},
    {"SOURCE", "source", KT_CELL_TEXT, false},   {"INPUT", "input", KT_CELL_TEXT, false},
    {"OUTPUTS", "outputs", KT_CELL_TEXT, false}, {"PARAMETERS", "parameters", KT_CELL_INT, false},
    {"BYTES", "bytes", KT_CELL_INT, false},      {"OPERATORS", "operators", KT_CELL_TEXT, false},
    {"MEMORY", "memory", KT_CELL_TEXT, false},   {"ACCURACY", "accuracy", KT_CELL_TEXT, false},
    {"NOTES", "notes", KT_CELL_TEXT, false},
};

static int64_t
count_parameters(const kt_ktm_t *file)
{
    int64_t out = 0;
    for (size_t i = 0; i < kt_ktm_tensors(file); i++)
        out += (int64_t)kt_ktm_tensor(file, i)->count;
    return out;
}

static json_t *
count_operators(const kt_graph_t *graph)
{
    json_t *out = kt_json_object();
    for (size_t i = 0; i < kt_graph_nodes(graph); i++) {
        const char *name = kt_op_name(kt_graph_node(graph, i)->op);
        kt_json_set(out, name, kt_json_int(kt_json_i64(out, name, 0) + 1));
    }
    return out;
}

// Bytes of a run with the smallest sizes.
static json_t *
measure_memory(kt_model_t *model)
{
    const kt_free_dim_t *dims;
    int64_t              sizes[KT_FREE_DIMS] = {0};
    const size_t         n                   = kt_graph_free(kt_model_graph(model), &dims);
    size_t               arena, packed;
    json_t              *out = kt_json_object(), *smallest = kt_json_object();
    for (size_t i = 0; i < n; i++) {
        sizes[i] = dims[i].min;
        kt_json_set(smallest, dims[i].name, kt_json_int(sizes[i]));
    }
    kt_json_set(out, "sizes", smallest);
    if (kt_model_memory(model, sizes, &arena, &packed) == KT_OK) {
        kt_json_set(out, "arena_bytes", kt_json_int((int64_t)arena));
        kt_json_set(out, "packed_bytes", kt_json_int((int64_t)packed));
    }
    return out;
}

static json_t *
describe(kt_model_t *model)
{
    static const char *const COPIED[] = {"name",  "version", "licence", "attribution", "source",
                                         "input", "free",    "outputs", "accuracy",    "notes"};
    const json_t            *header   = kt_ktm_header(kt_model_file(model));
    json_t                  *out      = kt_json_object();
    for (size_t i = 0; i < sizeof COPIED / sizeof *COPIED; i++)
        if (kt_json_get(header, COPIED[i]))
            kt_json_set(out, COPIED[i], kt_json_copy(kt_json_get(header, COPIED[i])));
    kt_json_set(out, "parameters", kt_json_int(count_parameters(kt_model_file(model))));
    kt_json_set(out, "bytes", kt_json_int((int64_t)kt_ktm_bytes(kt_model_file(model))));
    kt_json_set(out, "operators", count_operators(kt_model_graph(model)));
    kt_json_set(out, "memory", measure_memory(model));
    return out;
}

// --- as texts, for the table

static void
add_members(kt_buf_t *text, const json_t *object)
{
    char value[256];
    for (size_t i = 0; i < kt_json_count(object); i++) {
        const char *key = kt_json_key(object, i);
        kt_json_plain(kt_json_get(object, key), value, sizeof value);
        kt_buf_fmt(text, "%s%s %s", i ? ", " : "", key, value);
    }
}

static void
add_input(kt_buf_t *text, const kt_model_t *model)
{
    static const char *const KINDS[] = {[KT_MODEL_AUDIO]    = "audio",
                                        [KT_MODEL_IMAGE]    = "picture",
                                        [KT_MODEL_FRAMES]   = "frames of a video",
                                        [KT_MODEL_OUTPUTS]  = "outputs of other models",
                                        [KT_MODEL_FEATURES] = "statistics of a picture"};
    kt_buf_str(text, KINDS[kt_model_kind(model)]);
    const kt_audio_input_t *audio = kt_model_audio(model);
    if (audio)
        kt_buf_fmt(text, ", %u Hz, %zu values per row, blocks of %zu rows", kt_audio_input_rate(audio),
                   kt_audio_input_width(audio), kt_audio_input_blocks(audio)->frames);
}

static void
add_outputs(kt_buf_t *text, const kt_model_t *model)
{
    static const char *const PER[] = {[KT_PER_BLOCK] = "block", [KT_PER_FRAME] = "frame", [KT_PER_IMAGE] = "picture"};
    const kt_model_output_t *outputs;
    const size_t             n = kt_model_outputs(model, &outputs);
    for (size_t i = 0; i < n; i++) {
        kt_buf_fmt(text, "%s%s per %s", i ? "; " : "", outputs[i].name, PER[outputs[i].per]);
        if (outputs[i].classes)
            kt_buf_fmt(text, ", %zu classes", outputs[i].classes);
        if (outputs[i].feature)
            kt_buf_fmt(text, ", fills %s", outputs[i].feature);
    }
}

static void
add_accuracy(kt_buf_t *text, const json_t *list)
{
    for (size_t i = 0; i < kt_json_count(list); i++) {
        const json_t *one = kt_json_at(list, i);
        kt_buf_fmt(text, "%s%s %g on %s", i ? "; " : "", kt_json_str(one, "measure", "?"), kt_json_f64(one, "value", 0),
                   kt_json_str(one, "set", "?"));
    }
    if (kt_json_count(list) == 0)
        kt_buf_str(text, "not stated");
}

static void
set_text(json_t *row, const char *member, kt_buf_t *text)
{
    kt_json_set(row, member, kt_json_text(text->err ? "" : text->bytes));
    kt_buf_clear(text);
}

static int
print(const kt_cli_t *cli, kt_model_t *model)
{
    json_t  *object = describe(model);
    json_t  *row    = kt_json_copy(object);
    kt_buf_t text;
    kt_buf_init(&text, TEXT);
    add_input(&text, model);
    set_text(row, "input", &text);
    add_outputs(&text, model);
    set_text(row, "outputs", &text);
    const json_t *source = kt_json_get(object, "source");
    kt_buf_fmt(&text, "%s: %s", kt_json_str(source, "package", "?"), kt_json_str(source, "file", "?"));
    set_text(row, "source", &text);
    add_members(&text, kt_json_get(object, "operators"));
    set_text(row, "operators", &text);
    const json_t *memory = kt_json_get(object, "memory");
    kt_buf_fmt(&text, "%.1f MB arena, %.1f MB packed weights at ", kt_json_f64(memory, "arena_bytes", 0) / 1e6,
               kt_json_f64(memory, "packed_bytes", 0) / 1e6);
    add_members(&text, kt_json_get(memory, "sizes"));
    set_text(row, "memory", &text);
    add_accuracy(&text, kt_json_get(object, "accuracy"));
    set_text(row, "accuracy", &text);
    const int code =
        kt_table_object(cli, cli->format == KT_FORMAT_JSON || cli->format == KT_FORMAT_JSONL ? object : row, COLUMNS,
                        sizeof COLUMNS / sizeof *COLUMNS);
    kt_buf_fini(&text);
    kt_json_free(&row);
    kt_json_free(&object);
    return code;
}

int
kt_models_show(kt_cli_t *cli, int argc, char **argv)
{
    char        why[KT_KTM_WHY] = "";
    kt_model_t *model           = NULL;
    for (int c; (c = kt_cli_option(cli, argc, argv, "show")) != -1;)
        if (c == '?' || (c == KT_OPT_OUT && !kt_sink_open(cli, optarg)))
            return KT_EXIT_USAGE;
    if (argc - optind != 1)
        return kt_cli_usage(cli, "models show takes one model file");
    const kt_err_t err = kt_model_open(&model, argv[optind], NULL, why);
    if (err)
        return kt_cli_fail(err, argv[optind], why);
    const int code = print(cli, model);
    kt_model_destroy(&model);
    return code;
}
