// kt_activation_meters -- what the activations say of each hypothesis of tempo and meter: the best path of beats near
// the period (pointer.h), how much of the activations it explains, and how well its downbeats repeat with the bar.
#pragma once

#include "node/audio/rhythm/activations.h"

enum {
#define KT_ACTIVATION(name, weight, meaning) KT_ACTIVATION_##name,
#include "node/audio/rhythm/activation_weights.def"
#undef KT_ACTIVATION
    KT_ACTIVATIONS
};
enum { KT_ACTIVATION_METERS = 6 };  // of 2, 3, .. 7

// Features of the meters of one period; 6 is two beats of three parts. All 0 where there are no activations.
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_activation_meters(const kt_activations_t *activations, double period,
                                          double feature[KT_ACTIVATION_METERS][KT_ACTIVATIONS]);
// Their weighted sum.
double kt_activation_score(const double feature[KT_ACTIVATIONS]);
