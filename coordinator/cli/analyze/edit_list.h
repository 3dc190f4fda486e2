// kt_edit_list -- the shots of a film as an editor counts them: whole pictures at one rate, and timecodes. Pure.
//
// A shot is one edit of the film itself, so its source and its place in the record are the same. A gradual change is in
// the pictures already: the edit lies in its middle, and what it is goes along as a remark.
#pragma once

#include "common/buf.h"
#include "common/err.h"
#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_TIMECODE = 24, KT_EDIT_WHY = 128 };

typedef struct kt_edit {
    int64_t begin, end;  // pictures of the film, from 0; end is the first one behind it
    char change[16];   // the gradual change that leads to it: "fade", "dissolve", "wipe"; "": a cut, or the first shot
    int64_t from, to;  // of the change
} kt_edit_t;

typedef struct kt_edit_list {
    double     rate_hz;     // of the pictures; 30000 / 1001 for 29.97
    int64_t    base;        // numbers of a second of timecode: rate_hz, rounded
    bool       drop_frame;  // timecodes leave out numbers so that they follow the clock: 29.97 and 59.94 Hz
    bool       variable;    // the film keeps no constant rate: pictures are those of the nominal one
    int64_t    start;       // timecode of the first picture, in pictures; that of the file's tag, else 0
    size_t     n;
    kt_edit_t *edits;  // at least one
} kt_edit_list_t;

// document: the output message of a success. why: about the error. KT_ENOVIDEO, KT_ENOTFOUND (the message has no shots:
// they were not asked for), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_edit_list_init(kt_edit_list_t *self, const json_t *document, char why[KT_EDIT_WHY]);
void                 kt_edit_list_fini(kt_edit_list_t *self);

// Timecode of a picture of the film, "01:00:00:00", with ; before the last number if drop_frame; wraps after 24 hours.
const char *kt_edit_timecode(const kt_edit_list_t *self, int64_t picture, char out[KT_TIMECODE]);

// CMX 3600, one event per shot. KT_EINVAL, with why: more than 99 pictures per second do not fit its timecodes.
KT_MUST_USE kt_err_t kt_format_edl(const json_t *document, kt_buf_t *out, char why[KT_EDIT_WHY]);
// OpenTimelineIO's JSON: Timeline.1 with one track of pictures, one clip per shot, a marker per gradual change.
KT_MUST_USE kt_err_t kt_format_otio(const json_t *document, kt_buf_t *out, char why[KT_EDIT_WHY]);
