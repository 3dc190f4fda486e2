// kt_pulldown -- films of 24 Hz in a stream of 60 fields per second that repeats fields (soft telecine: ISO/IEC 13818-2
// 6.3.10, repeat_first_field; ITU-T H.264 D.2.2, pic_struct): pictures are shown for two fields and three in turn.
// Their time stamps keep no grid of pictures but one of fields. Pure; one thread.
#pragma once

#include "node/decoder/counts/grid.h"

typedef struct kt_pulldown {
    kt_grid_t fields;
    double    shown;                   // fields of all pictures so far
    uint64_t  pictures, run, longest;  // run: pictures of the same length one after another
    uint32_t  repeats;                 // of the last picture
} kt_pulldown_t;

// Each picture in the order of presentation. repeats: fields that it is shown for beyond its own two.
void kt_pulldown_add(kt_pulldown_t *self, double time_s, uint32_t repeats, double tick_s);
// Whether pictures have two lengths in turn and times on the grid of fields; then *low_s and *high_s limit the mean
// time from one to the next. Where the turn is broken now and then, as by cuts after the transfer, the rate is the
// same.
bool kt_pulldown_period(const kt_pulldown_t *self, double *low_s, double *high_s);
