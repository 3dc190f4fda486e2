#include "models/backend/weights.h"

#include "common/text.h"
#include "models/backend/cuda/context.h"

#include <stdlib.h>

enum { ALIGN = 256 };

static size_t
aligned(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static size_t
bytes_of(const kt_graph_t *graph, size_t value)
{
    return kt_graph_value(graph, value)->constant->count * sizeof(float);
}

static void
weights_destroy(kt_cuda_context_t *context, kt_cuda_weights_t *self)
{
    (void)context->ops->finish(context->device);  // of copies that a failed upload had started
    context->ops->release(context->device, self->memory);
    free(self->at);
    free(self);
}

static size_t
zero_bytes(const kt_graph_t *graph)
{
    int64_t most = 1;
    for (size_t i = 0; i < kt_graph_nodes(graph); i++) {
        const kt_graph_node_t *node = kt_graph_node(graph, i);
        if (node->op != KT_OP_CONV && node->op != KT_OP_DENSE)
            continue;
        const int64_t outputs = kt_graph_value(graph, (size_t)node->in[1])->constant->dims[0];
        most                  = outputs > most ? outputs : most;
    }
    return aligned((size_t)most * sizeof(float));
}

static kt_err_t
upload(kt_cuda_weights_t *self, kt_cuda_context_t *context, const kt_weights_t *weights)
{
    const size_t values = kt_graph_values(self->graph), zeros = zero_bytes(self->graph);
    size_t       at = zeros;
    self->bytes     = zeros;
    for (size_t i = 0; i < values; i++)
        if (kt_weights_at(weights, (int)i))
            self->bytes += aligned(bytes_of(self->graph, i));
    kt_err_t err = context->ops->alloc(context->device, self->bytes, (void **)&self->memory);
    if (!err)
        err = context->ops->clear(context->device, self->memory, zeros);
    self->zeros = (const float *)self->memory;
    for (size_t i = 0; i < values && !err; i++)
        if (kt_weights_at(weights, (int)i)) {
            self->at[i] = (const float *)(self->memory + at);
            err         = context->ops->upload(context->device, self->memory + at, kt_weights_at(weights, (int)i),
                                               bytes_of(self->graph, i));
            at += aligned(bytes_of(self->graph, i));
        }
    return err ? err : context->ops->finish(context->device);
}

static kt_err_t
weights_new(kt_cuda_weights_t **out, kt_cuda_context_t *context, const kt_graph_t *graph, char why[KT_CUDNN_WHY])
{
    kt_weights_t      *weights = NULL;
    kt_cuda_weights_t *self    = calloc(1, sizeof *self);
    kt_err_t           err     = KT_ENOMEM;
    if (!self)
        return KT_ENOMEM;
    self->graph   = graph;
    self->holders = 1;
    self->at      = calloc(kt_graph_values(graph) + 1, sizeof *self->at);
    if (self->at && !(err = kt_weights_new(&weights, graph)) && (err = upload(self, context, weights)))
        (void)kt_text_explain(why, KT_CUDNN_WHY, err, "%s", context->ops->why(context->device));
    if (err)
        weights_destroy(context, self);
    else
        *out = self;
    kt_weights_destroy(&weights);
    return err;
}

kt_err_t
kt_cuda_weights_hold(kt_cuda_weights_t **out, kt_cuda_context_t *context, const kt_graph_t *graph,
                     char why[KT_CUDNN_WHY])
{
    kt_cuda_weights_t *self = context->weights;
    while (self && self->graph != graph)
        self = self->next;
    if (self) {
        self->holders++;
        *out = self;
        return KT_OK;
    }
    pthread_mutex_lock(&context->running);
    const kt_err_t err = weights_new(&self, context, graph, why);
    pthread_mutex_unlock(&context->running);
    if (err)
        return err;
    self->next       = context->weights;
    context->weights = self;
    *out             = self;
    return KT_OK;
}

void
kt_cuda_weights_release(kt_cuda_context_t *context, kt_cuda_weights_t **self_p)
{
    kt_cuda_weights_t *self = *self_p;
    *self_p                 = NULL;
    if (!self || --self->holders > 0)
        return;
    kt_cuda_weights_t **at = &context->weights;
    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    pthread_mutex_lock(&context->running);
    weights_destroy(context, self);
    pthread_mutex_unlock(&context->running);
}
