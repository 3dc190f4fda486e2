// Signals of known rhythm for the tests, clicks at given times, and what the message says of them.
#pragma once

#include "common/json.h"
#include "proto/document.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { RS_RATE = 22050 };

// A decaying tone of 50 ms from `second` on.
static inline void
rs_click(float *pcm, size_t n, double second, double hz, double gain)
{
    size_t first = (size_t)(second * RS_RATE);
    for (size_t i = 0; i < RS_RATE / 20 && first + i < n; i++)
        pcm[first + i] += (float)(gain * exp(-(double)i / 120) * sin(6.283185307 * hz * (double)i / RS_RATE));
}

// Beats from `first` on; the first of each `bar` is a low one.
static inline float *
rs_beats(double seconds, double first, double bpm, int bar)
{
    size_t n   = (size_t)(seconds * RS_RATE);
    float *pcm = calloc(n + 1, sizeof *pcm);
    for (int i = 0; first + i * 60 / bpm < seconds; i++) {
        rs_click(pcm, n, first + i * 60 / bpm, 2500, 0.2);
        if (i % bar == 0)
            rs_click(pcm, n, first + i * 60 / bpm, 90, 0.6);
    }
    return pcm;
}

// features.mir.NAME[index] (index 0 for a number), NAN when null.
static inline double
rs_value(const char *text, const char *feature, size_t index)
{
    char    why[KT_JSON_WHY];
    json_t *document = NULL;
    if (kt_json_parse(text, strlen(text), KT_DOCUMENT_MAX_BYTES, &document, why))
        return NAN;
    const json_t *value  = kt_json_get(kt_json_get(kt_json_get(document, "features"), "mir"), feature);
    double        number = NAN;
    if (kt_json_count(value) > 0)
        value = kt_json_at(value, index);
    else if (index > 0)
        value = NULL;
    if (!value || !kt_json_number(value, &number))
        number = NAN;
    kt_json_free(&document);
    return number;
}
