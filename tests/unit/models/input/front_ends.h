// Descriptions of front ends, and the signal of tests/oracle/models_input.py.
#pragma once

#include "common/json.h"
#include "models/input/audio_input.h"

extern const char FRONT_END_MUSICNN[], FRONT_END_TRAINING[], FRONT_END_VIBENET[], FRONT_END_KALDI[],
    FRONT_END_BEATNET[];

json_t           *front_end_json(const char *text);  // ' stands for "
kt_audio_input_t *front_end(const char *text);       // ends the test if the description is not valid
// `n` samples; free it.
float *front_end_signal(uint32_t rate_hz, size_t n);
// All rows of samples that are pushed `cut` at a time; free it.
float *front_end_rows(const kt_audio_input_t *input, const float *samples, size_t n, size_t cut, size_t *rows);
