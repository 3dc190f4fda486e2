// kt_epochs -- the rhythm of a stream of any length: ten minutes of rows are judged at a time, as soon as those of the
// five minutes behind them are there. An epoch begins with what the one before has decided: tempo and meter, the last
// beat and its place in the bar. So neither the borders of segments nor those of epochs interrupt a beat, and memory
// does not grow with the stream but for its results. What is judged depends on the rows alone. One thread.
#pragma once

#include "node/audio/rhythm/bars.h"
#include "node/audio/rhythm/path.h"
#include "node/audio/rhythm/rows.h"

enum { KT_EPOCH_S = 600, KT_EPOCH_AHEAD_S = 300 };
enum { KT_RHYTHM_BEATS = 1 << 18, KT_RHYTHM_ONSETS = 20000, KT_RHYTHM_WINDOWS = 1 << 16 };  // that are kept

typedef struct kt_rhythm_found {
    kt_beat_t      *beats;                             // in the order of time, seconds from the stream's start
    double         *onsets;                            // likewise
    kt_path_step_t *steps;                             // of the windows
    size_t          n_beats, n_onsets, n_steps;        // kept
    uint64_t        all_beats, all_onsets, all_downs;  // found

    // What the next epoch begins with; at frame 0 nothing.
    uint64_t       begin;  // frames of the stream that are judged
    kt_path_step_t step;
    bool           seeded;
    uint64_t       beat;      // frame of the last beat
    size_t         interval;  // before it
    int            place;     // of the bar's begin, as kt_bars_opts_t.before
} kt_rhythm_found_t;

// Judges the epochs that the rows hold (where there are activations, with those of all their frames), and drops from
// them what is not needed any more. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_epochs_judge(kt_rhythm_found_t *self, kt_rhythm_rows_t *rows);
// Judges the rest of a stream of so many frames. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_epochs_end(kt_rhythm_found_t *self, const kt_rhythm_rows_t *rows, uint64_t frames);
KT_MUST_USE kt_err_t kt_rhythm_found_copy(const kt_rhythm_found_t *self, kt_rhythm_found_t *out);  // KT_ENOMEM
void                 kt_rhythm_found_fini(kt_rhythm_found_t *self);
