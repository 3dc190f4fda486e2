// kt_graduals -- finds gradual changes among the samples of a stream and enters them into the list of shots, after the
// cuts around them. One thread.
#pragma once

#include "node/video/shots/gradual.h"
#include "node/video/shots/list.h"

enum { KT_GRADUAL_GRAPHICS = 8 };

typedef struct kt_graduals {
    kt_shot_samples_t     samples;
    uint64_t              next;                            // samples before it are decided
    kt_gradual_evidence_t best;                            // a mixture that a better one near it may still replace
    float                 score;                           // of best; 0: none
    double                graphic_s[KT_GRADUAL_GRAPHICS];  // times of the last changes by graphics, a ring
    size_t                graphics;
} kt_graduals_t;

KT_MUST_USE kt_err_t kt_graduals_init(kt_graduals_t *self, const kt_shot_size_t *size);  // KT_ENOMEM
void                 kt_graduals_fini(kt_graduals_t *self);
// A graphic appears or goes at this time: no gradual change goes on over it.
void kt_graduals_graphic(kt_graduals_t *self, double time_s);
// Decides what it can: all cuts before decided_s are in the list. closing: there are no more pictures. KT_ENOMEM
KT_MUST_USE kt_err_t kt_graduals_decide(kt_graduals_t *self, double decided_s, bool closing, kt_shot_list_t *list);
// Shots that begin before this time stay as they are, if decided_s only grows.
double kt_graduals_settled_s(const kt_graduals_t *self);
