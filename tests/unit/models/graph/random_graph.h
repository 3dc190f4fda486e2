// A random graph over values [N, 4, 6], for property tests.
#pragma once

#include "tests/unit/models/ktm_build.h"

enum { RANDOM_GRAPH_BYTES = 16384, RANDOM_GRAPH_INPUT = 4 * 6 };

// Fills text, which holds the graph until the next call, with `nodes` nodes or a few more. Inputs: x; one output: y.
void random_graph(unsigned seed, int nodes, ktm_text_t *text);
