// The inside of kt_audio_input, for audio_input.c and audio_rows.c.
#pragma once

#include "models/input/audio_spec.h"

struct kt_audio_input {
    kt_audio_spec_t  spec;  // without borrowed texts
    kt_filterbank_t *bank;
    size_t           bands, width;
    float           *window;              // [length]
    float           *mean, *inverse_std;  // [bands]; NULL: none
    float           *silence;             // [width]
    char            *key;
};
