// kt_times -- presentation times of pictures in seconds of the container's own time, which never decrease, whatever the
// file states: missing stamps continue from those before, small steps back are held, larger ones (a stamp that wraps, a
// recording that was appended) shift what follows, as do leaps ahead in recordings that are joined as they are, and a
// single stamp far ahead of its neighbours is taken for missing, as are all of three and more pictures but the first
// where they are the same (a Matroska file that was written without any). Some late pictures (of a decoder behind
// damage) shift nothing that follows them. Pure; one thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct kt_times {
    double   step_s;  // from one picture to the next, where nothing else is known
    double   first_s;
    double   before_s, last_s;  // of the last two pictures
    double   stamp_s;           // of the last picture
    uint32_t same;              // pictures before it with the same one
    double   shift_s;
    double   undo_shift_s, undo_stamp_s;  // before the last shift: its own shift, and the last stamp
    uint32_t undo_left;                   // pictures within which stamps that go on from there undo it
    uint64_t count;
    bool     joined;
} kt_times_t;

// A leap ahead over this time, and over the time of what came before, begins another recording where they are joined.
#define KT_TIMES_LEAP_S 60.0

// frame_rate_hz: 0: unknown. joined: the format is of recordings that are joined as they are: MPEG streams.
void kt_times_init(kt_times_t *self, double frame_rate_hz, bool joined);
// Once the stamp of the next picture is known, before kt_times_next for it: whether the last time was that of a single
// wrong stamp, or of one that does not go on. Then *last_s is the right one.
bool kt_times_correct(kt_times_t *self, double next_stamp_s, double *last_s);
// The time of the next picture in the order of presentation. stamp_s: NAN if there is none. shown_s: how long the file
// says that the picture before is shown, which is believed within a factor of 4 of the usual; 0: unknown. *guessed: it
// is not the file's own.
double kt_times_next(kt_times_t *self, double stamp_s, double shown_s, bool *guessed);
