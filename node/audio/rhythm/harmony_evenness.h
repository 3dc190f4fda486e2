// kt_harmony_evenness -- what changes of harmony say about two and four beats per bar. Chords change where bars begin;
// in bars of two beats they change at the first and third of four beats alike, in bars of four more at the first.
#pragma once

#include "node/audio/rhythm/evidence.h"

// Changes over two beats (kt_evidence_change), folded at four beats of `period` seconds: those two beats after the
// place that has the most, as a share of the mean of both. 1: both have the same; 0: only one has any, or there is no
// harmony. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_harmony_evenness(const kt_evidence_t *evidence, double period, double *out);
