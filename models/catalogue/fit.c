#include "models/catalogue/fit.h"

#include "common/json.h"
#include "common/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Shapes of all values for the smallest (or largest) sizes of the free dimensions, N = 1. NULL: see *err.
static kt_shape_of_t *
shapes_of(const kt_graph_t *graph, bool largest, kt_err_t *err, char why[KT_KTM_WHY])
{
    const kt_free_dim_t *dims;
    size_t               n                   = kt_graph_free(graph, &dims);
    int64_t              sizes[KT_FREE_DIMS] = {1};
    kt_shape_of_t       *shapes              = calloc(kt_graph_values(graph), sizeof *shapes);
    for (size_t i = 1; i < n; i++)
        sizes[i] = largest ? dims[i].min + dims[i].multiple : dims[i].min;
    *err = shapes ? kt_graph_shapes(graph, sizes, shapes, why) : KT_ENOMEM;
    if (*err) {
        free(shapes);
        shapes = NULL;
    }
    return shapes;
}

static size_t
named_classes(const kt_ktm_t *file)
{
    const json_t *outputs = kt_json_get(kt_ktm_header(file), "outputs");
    size_t        n       = outputs ? kt_json_count(outputs) : 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *classes = kt_json_get(kt_json_at(outputs, i), "classes");
        size_t        count   = classes ? kt_json_count(classes) : 0;
        if (count)
            return count;
    }
    return 0;
}

// Values of the outputs that fill features: of models whose outputs are one value each.
static int64_t
feature_values(const kt_ktm_t *file, const kt_graph_t *graph, const kt_shape_of_t *shapes)
{
    const json_t *outputs = kt_json_get(kt_ktm_header(file), "outputs");
    size_t        n       = outputs ? kt_json_count(outputs) : 0;
    int64_t       sum     = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *row   = kt_json_at(outputs, i);
        int           value = kt_graph_find(graph, kt_json_str(row, "value", ""));
        if (value >= 0 && shapes[value].rank > 1 && kt_json_get(row, "feature"))
            sum += shapes[value].dims[shapes[value].rank - 1];
    }
    return sum;
}

// The number of classes of the first output that names some; else the last dimension of the first output of the graph.
// 0: it is free. KT_ENOMEM, KT_EMODEL.
static kt_err_t
count_classes(const kt_ktm_t *file, const kt_graph_t *graph, int64_t *out, char why[KT_KTM_WHY])
{
    const int *values;
    kt_err_t   err   = KT_OK;
    size_t     named = named_classes(file), n = kt_graph_outputs(graph, &values);
    *out = (int64_t)named;
    if (named || !n)
        return KT_OK;
    kt_shape_of_t *shapes = shapes_of(graph, false, &err, why);
    if (err)
        return err;
    const kt_shape_of_t *shape = &shapes[values[0]];
    *out                       = feature_values(file, graph, shapes);
    if (*out == 0 && shape->rank > 1)
        *out = shape->dims[shape->rank - 1];
    free(shapes);
    return KT_OK;
}

// Whether the stated dimensions are the file's after N, in its order or with the channels last (the form of Keras).
// A dimension that differs between the two shapes is free.
static bool
same_shape(const kt_catalogue_model_t *entry, const kt_shape_of_t *shape, const kt_shape_of_t *larger)
{
    int  rank   = shape->rank - 1;
    bool direct = entry->rank == rank, moved = direct;
    for (int i = 0; i < rank && direct; i++) {
        bool free_dim = shape->dims[i + 1] != larger->dims[i + 1];
        int  last     = i ? i - 1 : rank - 1;
        moved         = moved && (free_dim || entry->input_shape[last] == shape->dims[i + 1]);
    }
    for (int i = 0; i < rank && direct; i++)
        direct = shape->dims[i + 1] != larger->dims[i + 1] || entry->input_shape[i] == shape->dims[i + 1];
    return direct || moved;
}

static kt_err_t
check_shape(const kt_catalogue_model_t *entry, const kt_graph_t *graph, char why[KT_KTM_WHY])
{
    const int *values;
    kt_err_t   err = KT_OK;
    if (!kt_graph_inputs(graph, &values))
        return kt_text_explain(why, KT_KTM_WHY, KT_ECATALOGUE, "the file has no input");
    kt_shape_of_t *shapes = shapes_of(graph, false, &err, why);
    if (err)
        return err;
    kt_shape_of_t *larger = shapes_of(graph, true, &err, why);
    if (err == KT_EINVAL || err == KT_EMODEL) {  // the smallest sizes are the only ones
        larger = shapes;
        err    = KT_OK;
    }
    if (!err && !same_shape(entry, &shapes[values[0]], &larger[values[0]]))
        err = kt_text_explain(why, KT_KTM_WHY, KT_ECATALOGUE, "input_shape is not that of the file's first input");
    if (larger != shapes)
        free(larger);
    free(shapes);
    return err;
}

kt_err_t
kt_model_fit(const kt_catalogue_model_t *entry, const char *version, const kt_ktm_t *file, const kt_graph_t *graph,
             char why[KT_KTM_WHY])
{
    if (strcmp(kt_ktm_name(file), entry->name) || strcmp(kt_ktm_version(file), version))
        return kt_text_explain(why, KT_KTM_WHY, KT_ECATALOGUE, "models.yml states %s %s, the file holds %s %s",
                               entry->name, version, kt_ktm_name(file), kt_ktm_version(file));
    int64_t  classes = 0;
    kt_err_t err     = entry->outputs ? count_classes(file, graph, &classes, why) : KT_OK;
    if (!err && entry->outputs && classes != entry->outputs)
        return kt_text_explain(why, KT_KTM_WHY, KT_ECATALOGUE,
                               "models.yml states %" PRId64 " output classes, the file has %" PRId64, entry->outputs,
                               classes);
    return err || !entry->rank ? err : check_shape(entry, graph, why);
}
