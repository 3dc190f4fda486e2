// kt_change -- where the shots of a film begin, from its output message. Pure.
//
// The message has the first picture of every shot in scene_changes; of a gradual change that is the first picture that
// shows the new shot alone, and the change is in transitions too, with that time as its end.
#pragma once

#include "common/json.h"

typedef struct kt_change {
    double at_s;          // a cut: the first picture of the new shot; else the middle of the change
    char   kind[16];      // "fade", "dissolve", "wipe"; "": a cut
    double from_s, to_s;  // of a gradual change
} kt_change_t;

// document: an output message. *n changes in the order of time; free() them. NULL: out of memory.
kt_change_t *kt_changes_of(const json_t *document, size_t *n);
