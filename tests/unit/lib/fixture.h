// Sound for the tests of libkithara, which see nothing but its public header.
#pragma once

#include "tests/unit/models/ktm_build.h"

#include <stddef.h>
#include <stdint.h>

// Left: a tone with overtones and a pulse twice a second; right: half of it. free() it.
float *lx_sound(uint32_t rate_hz, double seconds, size_t *frames);
// A temporary stereo file of 32-bit float samples (WAV); removed when the process of the test ends.
const char *lx_wav(const float *samples, size_t frames, uint32_t rate_hz);
// A temporary model file; removed likewise.
const char *lx_model(const ktm_text_t *text);
