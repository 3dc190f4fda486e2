// kt_audio_input -- preprocessing of an audio model, as its file describes it: mono samples at its rate in, rows of
// bands out, and the cut of the rows into blocks. Definitions and verified values: docs/models.md.
//
// Members of "input" with kind "audio" (defaults in brackets):
//   rate_hz; scale [1]: the samples are multiplied by it
//   frame: {length, hop, fft [length], window: "hann" (periodic), "hann_symmetric", "povey"; centre [false]: frame t is
//     centred at t * hop (starts at t * hop - length / 2, rounded towards the start), zeros outside; else it starts
//     there; partial [false]: the last frames may reach past the end; offset [false]: subtract the frame's mean;
//     preemphasis [0]}. A window shorter than fft stands at the start ("align": "start" [default]) or "centre".
//   spectrum: "power" or "magnitude"
//   bands: {kind: "mel_slaney" (count, low_hz, high_hz, area norm), "mel_kaldi" (count, low_hz, high_hz),
//     "log" (per_octave, low_hz, high_hz, reference_hz [440], norm sum; madmom)}
//   half [false]: round each band to float16
//   log: {kind: "log10" (log10(scale x + offset)), "ln" (ln(max(x, floor))), "db" (10 log10(max(x, floor)), top_db [0]:
//     not below the largest of the file - top_db)}
//   mean, inverse_std: names of tensors [bands]: (x - mean) * inverse_std
//   difference [false]: append the positive difference to the row before
//   layout ["N1TF"]: "N1TF", "NTF", "NFT", "NTF1" ...: order of batch, channel, time, band
//   blocks: {frames, hop [frames]; left [0], right [0]: rows of context around each block; tail "drop", "pad", "repeat"
//     or "short" (T is free)}
//   states: [["h", "h_out"], ...]: an output that is the input of the next block; zeros at first
#pragma once

#include "common/err.h"
#include "models/format/ktm.h"

typedef struct kt_audio_input kt_audio_input_t;  // constant; any thread
typedef struct kt_audio_rows  kt_audio_rows_t;   // one stream; one thread

typedef enum kt_tail { KT_TAIL_DROP, KT_TAIL_PAD, KT_TAIL_REPEAT, KT_TAIL_SHORT } kt_tail_t;

typedef struct kt_audio_blocks {
    size_t    frames, hop, left, right;
    kt_tail_t tail;
} kt_audio_blocks_t;

KT_MUST_USE kt_err_t     kt_audio_input_new(kt_audio_input_t **self_p, const kt_ktm_t *file, char why[KT_KTM_WHY]);
void                     kt_audio_input_destroy(kt_audio_input_t **self_p);
uint32_t                 kt_audio_input_rate(const kt_audio_input_t *self);
size_t                   kt_audio_input_width(const kt_audio_input_t *self);  // values of a row
const kt_audio_blocks_t *kt_audio_input_blocks(const kt_audio_input_t *self);
// Two inputs with equal keys give the same rows, so that models share them.
const char *kt_audio_input_key(const kt_audio_input_t *self);
// Copies rows [n][width] to the graph's layout: dims of the input value with N = 1.
void kt_audio_input_place(const kt_audio_input_t *self, const float *rows, size_t n, float *out);

// Rows of a stream of mono samples at the input's rate. The cut into pushes changes nothing.
KT_MUST_USE kt_err_t kt_audio_rows_new(kt_audio_rows_t **self_p, const kt_audio_input_t *input);
void                 kt_audio_rows_destroy(kt_audio_rows_t **self_p);
// out: room for kt_audio_rows_room(self, n) rows; *rows: how many there are now. KT_ENOMEM.
size_t               kt_audio_rows_room(const kt_audio_rows_t *self, size_t n);
KT_MUST_USE kt_err_t kt_audio_rows_push(kt_audio_rows_t *self, const float *samples, size_t n, float *out,
                                        size_t *rows);
KT_MUST_USE kt_err_t kt_audio_rows_finish(kt_audio_rows_t *self, float *out, size_t *rows);  // the last rows
