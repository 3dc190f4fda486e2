// kt_cut -- whether a new shot begins with a picture of the history: the evidence and the decision. Pure; any thread.
#pragma once

#include "node/video/shots/history.h"

typedef struct kt_cut_evidence {
    float change;  // from the picture before
    float apart;   // least difference of the two pictures before and the two from this one on
    float around;  // second largest change of the neighbours, on the side where it is larger
    float again;   // least difference of the picture before to those of the next moments, and of this one to those of
                   // the moments before: what returns is a flash
    float colour;  // least difference of the colours of the pictures of `apart`
    float luma;    // the same of kt_shot_luma_difference
} kt_cut_evidence_t;

enum { KT_CUT_BEFORE = 6, KT_CUT_AFTER = 6 };  // pictures on either side that evidence uses, where there are as many

// serial: at least 1. False: its score is not above `least`. Changes below KT_CUT_CANDIDATE are no cut.
#define KT_CUT_CANDIDATE 0.25f
bool  kt_cut_evidence(const kt_shot_history_t *history, uint64_t serial, float least, kt_cut_evidence_t *out);
float kt_cut_score(const kt_cut_evidence_t *evidence);  // log odds of a cut
