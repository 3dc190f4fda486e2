// kt_gaps -- which frames of decoded sound are left out around damage, and how much time is missing there. A decoder
// with a memory gives noise for some frames behind damage: of MP3, whose frames refer to up to 511 bytes before them,
// of codecs that add the overlap of the last frame. The last frame before damage may be overwritten in part. Pure: no
// FFmpeg, no allocation. One thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Of a codec. before: 0 or 1.
typedef struct kt_gaps_policy {
    uint32_t before, after;  // frames next to damage that are left out
    bool     reservoir;      // and those that may refer to damaged bytes
    bool     lossy;          // samples far above full scale are damage
    bool     by_bytes;       // time stamps do not know what is missing: its bytes do
    bool     joined;         // a recording: a jump that is longer than a minute and than what came before is none
} kt_gaps_policy_t;

typedef struct kt_gaps {
    kt_gaps_policy_t policy;
    bool             open;       // the next frame that is kept ends a gap
    bool             fresh;      // no frame has come since
    uint32_t         left;       // frames to leave out
    double           end_s;      // of the last frame that was kept; NAN: unknown
    double           dropped_s;  // of frames left out since then
    double           kept_s;
    uint64_t         dropped_bytes, kept_bytes, parts;
} kt_gaps_t;

void kt_gaps_init(kt_gaps_t *self, const kt_gaps_policy_t *policy);
// A packet of so many bytes is damaged, 0: something is missing. What follows is left out for a while.
void kt_gaps_damage(kt_gaps_t *self, uint64_t bytes);
// Whether a decoded frame is kept; if not, it is counted as left out.
bool kt_gaps_keep(kt_gaps_t *self, double duration_s, uint64_t bytes);
void kt_gaps_drop(kt_gaps_t *self, double duration_s, uint64_t bytes);  // a frame that was to be kept is left out
// A frame that is kept, in order; time_s: NAN: unknown. Returns the time that is missing before it; 0: none.
double kt_gaps_pass(kt_gaps_t *self, double time_s, double duration_s, uint64_t bytes);
// At the end: the time that is missing behind the last frame. time_s: the end of the last packet; NAN: unknown.
double kt_gaps_end(kt_gaps_t *self, double time_s);
