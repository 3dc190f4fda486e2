// kt_fade -- pictures that fall to one colour or rise from one, step by step. Pure; any thread.
#pragma once

#include "node/video/shots/samples.h"

#include <stdbool.h>

#define KT_FADE_MOST_S 1.7  // longer ones are found by their last part

// `flat` is a sample without contrast. down: begin of the fall that ends there, up: end of the rise that begins there.
// False: there is none between it and `limit`.
bool kt_fade_down(const kt_shot_samples_t *samples, uint64_t limit, uint64_t flat, uint64_t *begin);
bool kt_fade_up(const kt_shot_samples_t *samples, uint64_t flat, uint64_t limit, uint64_t *end);
