// Loudness weights of the speakers of a layout (ITU-R BS.1770-4 table 3, as FFmpeg's ebur128 reads it): 1.41 for those
// at the sides and behind, 0 for LFE, 1 for the rest.
#pragma once

#include <stdint.h>

// layout: FFmpeg's name ("5.1(side)", "3 channels (FL+FR+LFE)"); NULL, unknown or of another number of channels: the
// usual layout of so many channels, and 1 for each where there is none. weights[channels].
void kt_speaker_weights(const char *layout, uint32_t channels, double *weights);
