// What the tests of the analysis share: a plan and a device of one rate, signals, and whole streams analysed in one
// call.
#pragma once

#include "node/audio/track.h"

extern kt_plan_t   *ax_plan;
extern kt_device_t *ax_device;

// Criterion's init and fini: 22050 Hz; the other one 8000 Hz, where ten minutes are quickly computed.
void ax_open(void);
void ax_open_8k(void);
void ax_close(void);

float *ax_noise(size_t n, unsigned seed);  // uniform in [-0.5, 0.5); free() it

typedef struct ax_result {
    char         *text;  // the output message
    kt_stage_us_t stages;
} ax_result_t;

// The message of a stream whose samples are all in, with fixed time stamps; destroys it. free() text.
ax_result_t ax_finish(kt_analysis_t **self, uint32_t options);
// chunk: frames per push, 0: all at once; seed > 0: random chunks up to `chunk`. Fixed time stamps, so equal values
// give equal text.
ax_result_t ax_analyse(const float *pcm, size_t frames, uint32_t rate_hz, uint32_t channels, uint32_t options,
                       size_t chunk, unsigned seed);
// features.spectral.NAME[index] (index 0 for a number), NAN when null.
double ax_value(const char *text, const char *feature, size_t index);
// features.statistics.NAME.PART likewise.
double ax_statistic(const char *text, const char *feature, const char *part, size_t index);
