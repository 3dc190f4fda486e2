// kt_completeness -- whether a file was read as a whole: which declared length is believed and why, which share of it
// could be decoded, and the verdict. Pure.
//
// A declared length is believed unless what was decoded contradicts it: more was decoded than it states; or less, while
// every byte that the file declares is there and nothing was damaged. Where the file ends before its own structure
// does, or what is missing lies in damaged parts, the declaration is right and the file is not.
#pragma once

#include "common/err.h"
#include "node/run/technical.h"

typedef enum kt_belief {
    KT_BELIEF_NONE,  // no length is declared
    KT_BELIEF_YES,
    KT_BELIEF_SHORTER,  // not believed: it states less than was decoded
    KT_BELIEF_LONGER,   // not believed: it states more, and nothing is missing or damaged
} kt_belief_t;

typedef struct kt_completeness {
    kt_belief_t belief;
    double      duration_s;   // of the file, damaged parts included
    double      declared_s;   // believed; 0: none
    double      missing_s;    // at the end of declared_s
    double      share;        // decoded, of declared_s or else of duration_s; NAN: nothing was decoded
    double      inside, end;  // its factors: what is damaged inside, what is missing at the end
    bool        is_short;     // the file has fewer bytes than its structure declares
    bool        cut;          // its end is missing, by its structure or its last packet
    bool        damaged;
} kt_completeness_t;

void kt_completeness_judge(const kt_technical_t *facts, kt_completeness_t *out);
// KT_OK; KT_ETRUNCATED or KT_EDAMAGED, with the reason in detail, where the share is below `least` and the file is no
// stream.
kt_err_t kt_completeness_verdict(const kt_technical_t *facts, double least, char *detail, size_t capacity);
// "moov box: the file is cut": what is believed and why.
void kt_completeness_method(const kt_technical_t *facts, const kt_completeness_t *judged, char *out, size_t capacity);
