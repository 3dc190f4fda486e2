// kt_click -- the sound of a file with a click on each beat, for the ear: analyze --click OUT.wav. Samples are written
// while the file is analysed, 3 dB lower; when its message is there the clicks are added in place. A downbeat's click
// is an octave and a fifth higher. 16 bits, the rate and channels of the file. One thread at a time.
#pragma once

#include "common/err.h"
#include "common/json.h"
#include "node/run/track.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct kt_click {
    const char *path;  // borrowed
    FILE       *file;  // NULL: nothing was written
    uint32_t    rate_hz, channels;
    uint64_t    frames;
    kt_err_t    err;  // the first failure
    const char *why;
} kt_click_t;

// Of a kt_tap_fn. The first chunk makes the file.
void kt_click_push(kt_click_t *self, const kt_media_info_t *media_info, const kt_chunk_t *chunk);
// document: the file's message; NULL: the analysis failed. Closes the file; where there is no beat, or something
// failed, it is removed, self->err and why say what.
void kt_click_finish(kt_click_t *self, const json_t *document);
