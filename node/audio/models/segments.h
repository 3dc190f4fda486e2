// Stretches of speech, singing and music from probabilities per frame: each class on its own, a moving average of five
// frames against its threshold; gaps below 0.2 s are closed, then stretches below 0.2 s are dropped. Pure.
#pragma once

#include "common/json.h"
#include "models/model.h"

// rows: [n][classes]. A list of {begin, end, kind} in the order of time, seconds; of more than `most` the longest.
// NULL: out of memory.
json_t *kt_model_segments(const float *rows, size_t n, double rows_per_s, const kt_model_output_t *output, size_t most);
