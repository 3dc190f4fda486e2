// kt_harmony -- what sounds, some twenty rows per second (the chroma of all voices, or the bass), and how it changes.
// Pure.
#pragma once

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

enum { KT_HARMONY_BEATS = 7 };  // most beats per bar

typedef struct kt_harmony {
    double  rate_hz;  // rows per second
    size_t  frames, stride;
    double *before;  // [frames + 1][stride] sums of the rows before each one; a row has length 1 or 0
} kt_harmony_t;

// rows: [frames][width], each of length 65535 or 0. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_harmony_new(kt_harmony_t *self, const uint16_t *rows, size_t frames, size_t width,
                                    double rate_hz);
void                 kt_harmony_fini(kt_harmony_t *self);

// Change across each row: 1 - cosine of the sums of `reach` rows on both sides; 0 where one of them is 0. out:
// [frames]. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_harmony_change(const kt_harmony_t *self, size_t reach, float *out);

// What changes say about two and four beats per bar. Chords change where bars begin; in bars of two beats they change
// at the first and third of four beats alike, in bars of four more at the first. Changes over two beats, folded at four
// beats of `period` seconds: those two beats after the place that has the most, as a share of the mean of both. 1: both
// have the same; 0: only one has any, or there is no harmony. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_harmony_evenness(const kt_harmony_t *self, double period, double *out);

// How much of the change is at one beat of the bar. Changes over one beat, folded at bars of 2 .. KT_HARMONY_BEATS
// beats of `period` seconds: at the beat that has the most less the mean of the other beats, over the sum of all. 1:
// one beat has all of it; 0: all have the same, or nothing changes. out[beats]; KT_ENOMEM.
KT_MUST_USE kt_err_t kt_harmony_bars(const kt_harmony_t *self, double period, double out[KT_HARMONY_BEATS + 1]);
