#include "tests/unit/models/graph/graph_fixture.h"

#include "common/assert.h"

#include <stdlib.h>

void
graph_open(graph_fixture_t *self, const ktm_text_t *text)
{
    size_t length;
    *self       = (graph_fixture_t){0};
    self->bytes = ktm_build(text, &length);
    kt_assert(kt_ktm_read(&self->file, self->bytes, length, self->why) == KT_OK);
    self->err = kt_graph_new(&self->graph, self->file, self->why);
    kt_assert((self->err == KT_OK) == (self->graph != NULL));
}

void
graph_close(graph_fixture_t *self)
{
    kt_graph_destroy(&self->graph);
    kt_ktm_destroy(&self->file);
    free(self->bytes);
}
