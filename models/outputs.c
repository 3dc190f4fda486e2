#include "models/outputs.h"

#include "common/text.h"
#include "models/format/members.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUTS_MAX = 16, CLASSES_MAX = 65536 };

// What an output owns of the arrays that kt_model_output_t shows.
typedef struct owned {
    const char **class_names;
    float       *thresholds, *base_rates;
} owned_t;

struct kt_outputs {
    size_t            n;
    kt_model_output_t list[OUTPUTS_MAX];
    owned_t           owned[OUTPUTS_MAX];
};

typedef struct parser {
    const kt_graph_t    *graph;
    const kt_shape_of_t *shapes;  // for the smallest sizes
    char                *why;
} parser_t;

#define REFUSE(...) kt_text_explain(parser->why, KT_KTM_WHY, KT_EMODEL, __VA_ARGS__)

// Index of the member's text in the list, which ends with NULL; fallback where there is no such member; -1: another.
static int
choose(const json_t *json, const char *member, const char *const *list, int fallback)
{
    const json_t *value = kt_json_get(json, member);
    const char   *text  = kt_json_string(value);
    for (int i = 0; text && list[i]; i++)
        if (strcmp(list[i], text) == 0)
            return i;
    return value ? -1 : fallback;
}

static kt_err_t
parse_value(const parser_t *parser, const json_t *json, kt_model_output_t *out)
{
    static const char *const pers[]    = {"block", "frame", "image", NULL};
    static const char *const reduces[] = {"none", "mean", NULL};
    const char              *name      = kt_members_name(kt_json_get(json, "name"));
    const char              *value     = kt_members_name(kt_json_get(json, "value"));
    const json_t            *feature   = kt_json_get(json, "feature");
    const int               *outputs;
    int                      index = value ? kt_graph_find(parser->graph, value) : -1;
    size_t                   n = kt_graph_outputs(parser->graph, &outputs), at = 0;
    int                      per = choose(json, "per", pers, -1), reduce = choose(json, "reduce", reduces, 0);
    if (!name || !kt_text_copy(out->name, sizeof out->name, name))
        return REFUSE("outputs: an entry has no name of 1 to 63 bytes");
    while (at < n && outputs[at] != index)
        at++;
    if (at == n)
        return REFUSE("outputs: value of %s is not an output of the graph", name);
    if (per < 0 || reduce < 0)
        return REFUSE("outputs: %s of %s is not one of its texts", per < 0 ? "per" : "reduce", name);
    if (feature && !kt_json_string(feature))
        return REFUSE("outputs: feature of %s is not a text", name);
    out->output  = (int)at;
    out->per     = (kt_model_per_t)per;
    out->mean    = reduce == 1;
    out->feature = kt_json_string(feature);
    return KT_OK;
}

static kt_err_t
parse_classes(const parser_t *parser, const json_t *json, kt_model_output_t *out, owned_t *owned)
{
    const json_t *classes = kt_json_get(json, "classes");
    size_t        n       = kt_json_count(classes);
    const int    *outputs;
    (void)kt_graph_outputs(parser->graph, &outputs);
    const kt_shape_of_t *shape = &parser->shapes[outputs[out->output]];
    if (!classes)
        return KT_OK;
    if (kt_json_kind(classes) != KT_JSON_ARRAY || n < 1 || n > CLASSES_MAX)
        return REFUSE("outputs: classes of %s is not an array of 1 to %d texts", out->name, CLASSES_MAX);
    if ((int64_t)n != shape->dims[shape->rank - 1])
        return REFUSE("outputs: %s has %zu classes, its last dimension %lld", out->name, n,
                      (long long)shape->dims[shape->rank - 1]);
    if (!(owned->class_names = calloc(n, sizeof *owned->class_names)))
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (!(owned->class_names[i] = kt_json_string(kt_json_at(classes, i))))
            return REFUSE("outputs: class %zu of %s is not a text", i, out->name);
    out->classes     = n;
    out->class_names = owned->class_names;
    return KT_OK;
}

static kt_err_t
parse_numbers(const parser_t *parser, const json_t *json, const char *member, const kt_model_output_t *out,
              float **numbers)
{
    const json_t *array = kt_json_get(json, member);
    if (!array)
        return KT_OK;
    if (kt_json_kind(array) != KT_JSON_ARRAY || !out->classes || kt_json_count(array) != out->classes)
        return REFUSE("outputs: %s of %s does not have one number per class", member, out->name);
    if (!(*numbers = calloc(out->classes, sizeof **numbers)))
        return KT_ENOMEM;
    for (size_t i = 0; i < out->classes; i++) {
        double number;
        if (!kt_json_number(kt_json_at(array, i), &number) || fabs(number) > (double)FLT_MAX)
            return REFUSE("outputs: %s of %s has an entry that is not a number", member, out->name);
        (*numbers)[i] = (float)number;
    }
    return KT_OK;
}

static kt_err_t
parse_output(const parser_t *parser, const json_t *json, kt_outputs_t *self)
{
    kt_model_output_t *out   = &self->list[self->n];
    owned_t           *owned = &self->owned[self->n++];
    kt_err_t           err;
    if ((err = parse_value(parser, json, out)) || (err = parse_classes(parser, json, out, owned)) ||
        (err = parse_numbers(parser, json, "thresholds", out, &owned->thresholds)) ||
        (err = parse_numbers(parser, json, "base_rates", out, &owned->base_rates)))
        return err;
    out->thresholds = owned->thresholds;
    out->base_rates = owned->base_rates;
    for (size_t i = 0; i + 1 < self->n; i++)
        if (strcmp(self->list[i].name, out->name) == 0)
            return REFUSE("outputs: the name %s is there twice", out->name);
    return KT_OK;
}

kt_err_t
kt_outputs_new(kt_outputs_t **self_p, const kt_ktm_t *file, const kt_graph_t *graph, char why[KT_KTM_WHY])
{
    const json_t  *json = kt_json_get(kt_ktm_header(file), "outputs");
    size_t         n    = kt_json_count(json);
    kt_err_t       err  = KT_ENOMEM;
    int64_t        sizes[KT_FREE_DIMS];
    kt_outputs_t  *self   = calloc(1, sizeof *self);
    kt_shape_of_t *shapes = calloc(kt_graph_values(graph), sizeof *shapes);
    parser_t       parser = {graph, shapes, why};
    if (!self || !shapes)
        goto fail;
    kt_graph_smallest(graph, sizes);
    if ((err = kt_graph_shapes(graph, sizes, shapes, why)))
        goto fail;
    if (n > OUTPUTS_MAX) {
        err = kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "outputs: more than %d", OUTPUTS_MAX);
        goto fail;
    }
    for (size_t i = 0; i < n; i++)
        if ((err = parse_output(&parser, kt_json_at(json, i), self)))
            goto fail;
    free(shapes);
    *self_p = self;
    return KT_OK;
fail:
    free(shapes);
    kt_outputs_destroy(&self);
    return err;
}

void
kt_outputs_destroy(kt_outputs_t **self_p)
{
    kt_outputs_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    for (size_t i = 0; i < self->n; i++) {
        free(self->owned[i].class_names);
        free(self->owned[i].thresholds);
        free(self->owned[i].base_rates);
    }
    free(self);
}

size_t
kt_outputs_list(const kt_outputs_t *self, const kt_model_output_t **outputs)
{
    *outputs = self->list;
    return self->n;
}
