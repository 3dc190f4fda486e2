#include "models/graph/graph.h"

#include "common/text.h"
#include "models/graph/inside.h"

#include <stdlib.h>
#include <string.h>

void
kt_graph_link(kt_graph_t *self)
{
    for (size_t i = 0; i < self->n_values; i++)
        self->values[i].node = self->values[i].last_use = -1;
    for (size_t i = 0; i < self->n_nodes; i++) {
        const kt_graph_node_t *node = &self->nodes[i];
        for (int k = 0; k < node->n_in; k++)
            self->values[node->in[k]].last_use = (int)i;
        for (int k = 0; k < node->n_out; k++)
            self->values[node->out[k]].node = (int)i;
    }
    for (size_t i = 0; i < self->n_outputs; i++)
        self->values[self->outputs[i]].last_use = (int)self->n_nodes;
}

// Every input and node has a use: what has none is a mistake of a converter.
static kt_err_t
check_use(const kt_graph_t *self, char why[KT_KTM_WHY])
{
    for (size_t i = 0; i < self->n_inputs; i++)
        if (self->values[self->inputs[i]].last_use < 0)
            return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "input %s is not used",
                                   self->values[self->inputs[i]].name);
    for (size_t i = 0; i < self->n_nodes; i++) {
        const kt_graph_node_t *node = &self->nodes[i];
        bool                   used = false;
        for (int k = 0; k < node->n_out; k++)
            used = used || self->values[node->out[k]].last_use >= 0;
        if (!used)
            return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "node %zu (%s): its output %s is not used", i,
                                   kt_op_name(node->op), self->values[node->out[0]].name);
    }
    return KT_OK;
}

// Outputs have N as their first dimension, and in no other: seen by two batches of different size.
static kt_err_t
check_batch(const kt_graph_t *self, char why[KT_KTM_WHY])
{
    int64_t        sizes[KT_FREE_DIMS];
    kt_err_t       err = KT_ENOMEM;
    kt_shape_of_t *one = calloc(2 * self->n_values, sizeof *one), *two = one ? one + self->n_values : NULL;
    kt_graph_smallest(self, sizes);
    if (!one || (err = kt_graph_shapes(self, sizes, one, why)))
        goto done;
    sizes[0] = 2;
    if ((err = kt_graph_shapes(self, sizes, two, why)))
        goto done;
    for (size_t i = 0; i < self->n_outputs && !err; i++) {
        kt_shape_of_t a = one[self->outputs[i]], b = two[self->outputs[i]];
        bool          first = a.dims[0] == 1 && b.dims[0] == 2;
        b.dims[0]           = a.dims[0];
        if (!first || a.rank != b.rank || memcmp(a.dims, b.dims, (size_t)a.rank * sizeof *a.dims) != 0)
            err = kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "output %s: its first dimension, and no other, must be N",
                                  self->values[self->outputs[i]].name);
    }
done:
    free(one);
    return err;
}

kt_err_t
kt_graph_new(kt_graph_t **self_p, const kt_ktm_t *file, char why[KT_KTM_WHY])
{
    kt_err_t    err  = KT_ENOMEM;
    kt_graph_t *self = calloc(1, sizeof *self);
    if (!self || (err = kt_graph_parse(self, file, why)))
        goto fail;
    kt_graph_link(self);
    if ((err = check_use(self, why)) || (err = check_batch(self, why)))
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    if (err == KT_ENOMEM)
        (void)kt_text_explain(why, KT_KTM_WHY, err, "%s", kt_err_text(err));
    kt_graph_destroy(&self);
    return err;
}

void
kt_graph_destroy(kt_graph_t **self_p)
{
    kt_graph_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    for (size_t i = 0; i < self->n_weights; i++)
        free(self->weights[i]);
    free(self->weights);
    free(self->tensors);
    kt_names_fini(&self->names);
    free(self->nodes);
    free(self->values);
    free(self);
}

size_t
kt_graph_nodes(const kt_graph_t *self)
{
    return self->n_nodes;
}

const kt_graph_node_t *
kt_graph_node(const kt_graph_t *self, size_t index)
{
    return &self->nodes[index];
}

size_t
kt_graph_values(const kt_graph_t *self)
{
    return self->n_values;
}

const kt_graph_value_t *
kt_graph_value(const kt_graph_t *self, size_t index)
{
    return &self->values[index];
}

int
kt_graph_find(const kt_graph_t *self, const char *name)
{
    return kt_names_find(&self->names, name);
}

size_t
kt_graph_inputs(const kt_graph_t *self, const int **values)
{
    *values = self->inputs;
    return self->n_inputs;
}

size_t
kt_graph_outputs(const kt_graph_t *self, const int **values)
{
    *values = self->outputs;
    return self->n_outputs;
}

size_t
kt_graph_free(const kt_graph_t *self, const kt_free_dim_t **dims)
{
    *dims = self->free;
    return self->n_free;
}
