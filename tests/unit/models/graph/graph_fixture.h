// A graph from a text, for the tests of models/graph.
#pragma once

#include "models/graph/graph.h"
#include "tests/unit/models/ktm_build.h"

typedef struct graph_fixture {
    uint8_t    *bytes;
    kt_ktm_t   *file;
    kt_graph_t *graph;
    kt_err_t    err;
    char        why[KT_KTM_WHY];
} graph_fixture_t;

void graph_open(graph_fixture_t *self, const ktm_text_t *text);  // the file is valid; the graph may not be
void graph_close(graph_fixture_t *self);
