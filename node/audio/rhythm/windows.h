// kt_windows -- a stream in windows of half a minute, one every quarter of a minute on a grid that begins with it: each
// has its own hypotheses of tempo and meter (tempo.h). The last one lasts to the stream's end, so that a short stream
// is one window.
#pragma once

#include "node/audio/rhythm/rows.h"

enum { KT_WINDOW_HOP_S = 15, KT_WINDOW_HYPOTHESES = 24 };

typedef struct kt_window_meter {
    float period, probability, clarity;  // seconds; clarity of the period
    int   signature;
} kt_window_meter_t;

typedef struct kt_window {
    size_t            begin, end;                   // frames of the envelope
    size_t            count;                        // 0: nothing repeats
    kt_window_meter_t meter[KT_WINDOW_HYPOTHESES];  // the most probable first
} kt_window_t;

size_t kt_window_hop(double rate_hz);  // frames from one to the next; a window has twice as many
// Number of windows of a stream of so many frames, at least one. A window that is not the last ends within them.
size_t kt_windows_count(double rate_hz, uint64_t frames);

// The hypotheses of frames begin .. end of the rows. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_window_judge(kt_window_t *self, const kt_rhythm_rows_t *rows, size_t begin, size_t end);
