#include "models/prepared.h"

#include "models/model.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct kt_prepared {
    const kt_graph_t    *graph;
    const kt_backend_t  *backend;
    kt_exec_opts_t       opts;
    size_t               n_free;
    pthread_mutex_t      lock;     // of what follows
    pthread_mutex_t      prepare;  // held while one is prepared, so that two threads do not prepare the same one
    kt_prepared_entry_t *entries[KT_MODEL_SIZES];
    uint64_t             uses;
};

kt_err_t
kt_prepared_new(kt_prepared_t **self_p, const kt_graph_t *graph, const kt_backend_t *backend,
                const kt_exec_opts_t *opts)
{
    const kt_free_dim_t *dims;
    kt_prepared_t       *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    *self = (kt_prepared_t){.graph = graph, .backend = backend, .opts = *opts, .n_free = kt_graph_free(graph, &dims)};
    pthread_mutex_init(&self->lock, NULL);
    pthread_mutex_init(&self->prepare, NULL);
    *self_p = self;
    return KT_OK;
}

static void
entry_drop(kt_prepared_entry_t *entry)
{
    if (!entry || --entry->holders > 0)
        return;
    kt_exec_destroy(&entry->exec);
    free(entry);
}

void
kt_prepared_destroy(kt_prepared_t **self_p)
{
    kt_prepared_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    for (size_t i = 0; i < KT_MODEL_SIZES; i++)
        entry_drop(self->entries[i]);
    pthread_mutex_destroy(&self->lock);
    pthread_mutex_destroy(&self->prepare);
    free(self);
}

// The entry of these sizes, held; NULL: none.
static kt_prepared_entry_t *
find_and_hold(kt_prepared_t *self, const int64_t sizes[KT_FREE_DIMS])
{
    kt_prepared_entry_t *found = NULL;
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < KT_MODEL_SIZES && !found; i++)
        if (self->entries[i] && memcmp(self->entries[i]->sizes, sizes, self->n_free * sizeof *sizes) == 0)
            found = self->entries[i];
    if (found) {
        found->holders++;
        found->used = ++self->uses;
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}

static kt_err_t
count_elements(const kt_prepared_t *self, kt_prepared_entry_t *entry, char why[KT_KTM_WHY])
{
    kt_shape_of_t *shapes = calloc(kt_graph_values(self->graph), sizeof *shapes);
    const int     *values;
    kt_err_t       err = shapes ? kt_graph_shapes(self->graph, entry->sizes, shapes, why) : KT_ENOMEM;
    for (size_t i = 0, n = kt_graph_inputs(self->graph, &values); i < n && !err; i++)
        entry->inputs[i] = (size_t)kt_shape_count(&shapes[values[i]]);
    for (size_t i = 0, n = kt_graph_outputs(self->graph, &values); i < n && !err; i++)
        entry->outputs[i] = (size_t)kt_shape_count(&shapes[values[i]]);
    free(shapes);
    return err;
}

static kt_err_t
entry_new(kt_prepared_t *self, const int64_t sizes[KT_FREE_DIMS], kt_prepared_entry_t **out, char why[KT_KTM_WHY])
{
    kt_prepared_entry_t *entry = calloc(1, sizeof *entry);
    kt_err_t             err   = KT_ENOMEM;
    if (!entry)
        return KT_ENOMEM;
    entry->holders = 1;
    memcpy(entry->sizes, sizes, sizeof entry->sizes);
    if ((err = count_elements(self, entry, why)) ||
        (err = self->backend->prepare(&entry->exec, self->graph, sizes, &self->opts, why))) {
        entry_drop(entry);
        return err;
    }
    *out = entry;
    return KT_OK;
}

// Puts a new entry, held by its maker, into the place of the least recently used one.
static void
insert(kt_prepared_t *self, kt_prepared_entry_t *entry)
{
    size_t               at = 0;
    kt_prepared_entry_t *old;
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < KT_MODEL_SIZES && self->entries[at]; i++)
        if (!self->entries[i] || self->entries[i]->used < self->entries[at]->used)
            at = i;
    old               = self->entries[at];
    self->entries[at] = entry;
    entry->holders++;
    entry->used = ++self->uses;
    entry_drop(old);
    pthread_mutex_unlock(&self->lock);
}

kt_err_t
kt_prepared_hold(kt_prepared_t *self, const int64_t sizes[KT_FREE_DIMS], kt_prepared_entry_t **out,
                 char why[KT_KTM_WHY])
{
    kt_err_t             err   = KT_OK;
    kt_prepared_entry_t *entry = find_and_hold(self, sizes);
    if (!entry) {
        pthread_mutex_lock(&self->prepare);
        if (!(entry = find_and_hold(self, sizes)) && !(err = entry_new(self, sizes, &entry, why)))
            insert(self, entry);
        pthread_mutex_unlock(&self->prepare);
    }
    if (!err)
        *out = entry;
    return err;
}

void
kt_prepared_release(kt_prepared_t *self, kt_prepared_entry_t **entry_p)
{
    kt_prepared_entry_t *entry = *entry_p;
    *entry_p                   = NULL;
    if (!entry)
        return;
    pthread_mutex_lock(&self->lock);
    entry_drop(entry);
    pthread_mutex_unlock(&self->lock);
}

size_t
kt_prepared_count(kt_prepared_t *self)
{
    size_t n = 0;
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < KT_MODEL_SIZES; i++)
        n += self->entries[i] != NULL;
    pthread_mutex_unlock(&self->lock);
    return n;
}

bool
kt_prepared_int8(kt_prepared_t *self)
{
    bool int8 = false;
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < KT_MODEL_SIZES; i++)
        int8 = int8 || (self->entries[i] && self->entries[i]->exec->int8);
    pthread_mutex_unlock(&self->lock);
    return int8;
}
