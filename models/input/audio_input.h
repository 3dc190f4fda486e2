// kt_audio_input -- preprocessing of an audio model, as its file describes it: mono samples at its rate in, rows of
// bands out, and the cut of the rows into blocks (blocks.h). tests/golden/models.py compares it with the originals.
//
// Members of "input" with kind "audio" (defaults in brackets):
//   rate_hz; scale [1]: the samples are multiplied by it
//   frame: {length, hop, fft [length]: hop <= length <= fft; fft is a power of two from 256 to 16384 or a product of
//   two
//     factors up to 128; window: "hann" (periodic), "hann_symmetric", "povey"; centre [false]: frame t starts at
//     t * hop - floor(length / 2), zeros outside; else at t * hop; partial [false]: there is a frame for each
//     t * hop < samples, with zeros at the end; else floor((samples + 2 floor(length / 2) if centre - length) / hop) +
//     1; offset [false]: subtract the frame's mean; preemphasis [0]: subtract that part of the sample before; the first
//     sample's is itself}. The position of the window in a longer fft has no effect: only magnitudes are used.
//   spectrum: "power" or "magnitude"
//   bands: {kind: "mel_slaney" (count, low_hz, high_hz, area norm), "mel_kaldi" (count, low_hz, high_hz),
//     "log" (per_octave, low_hz, high_hz, reference_hz [440], sum norm; madmom)}
//   half [false]: round each band to float16, at most 65504
//   log: {kind: "log10" (scale, offset: log10(scale x + offset)), "ln" (floor: ln(max(x, floor))), "db" (floor:
//     10 log10(max(x, floor)), top_db [0: none]: not below the largest of the block - top_db; relative [false]: minus
//     the largest of the block, which librosa calls ref=np.max)}
//   mean, inverse_std: names of tensors [bands]: (x - mean) * inverse_std; not with top_db or relative
//   difference [false]: append the positive difference to the row before; the first row's is zero; not with top_db or
//     relative
//   layout ["N1TF"]: "N1TF", "NTF", "NTF1", "N1FT", "NFT": order of batch, channel, time, band
//   blocks: {frames, hop [frames]; left [0], right [0]: rows of context around each block; tail ["drop"] (blocks.h):
//   "drop",
//     "pad", "repeat" or "short" (T is free)}
//   states: [["h", "h_out"], ...]: an output that is the input of the next block; zeros at first
// Rows are finite for any samples: what is not a number counts as silence.
#pragma once

#include "common/err.h"
#include "kernels/isa.h"
#include "models/format/ktm.h"

typedef struct kt_audio_input kt_audio_input_t;  // constant; any thread
typedef struct kt_audio_rows  kt_audio_rows_t;   // one stream; one thread

typedef enum kt_tail { KT_TAIL_DROP, KT_TAIL_PAD, KT_TAIL_REPEAT, KT_TAIL_SHORT } kt_tail_t;

typedef struct kt_audio_blocks {
    size_t    frames, hop, left, right;
    kt_tail_t tail;
} kt_audio_blocks_t;

enum { KT_AUDIO_STATES = 8 };

typedef struct kt_audio_state {
    char input[KT_KTM_NAME], output[KT_KTM_NAME];
} kt_audio_state_t;

// KT_EMODEL: why names the member. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_audio_input_new(kt_audio_input_t **self_p, const kt_ktm_t *file, char why[KT_KTM_WHY]);
// The same of a description without a file: {"kind": "audio", ...} without mean and inverse_std.
KT_MUST_USE kt_err_t     kt_audio_input_parse(kt_audio_input_t **self_p, const json_t *input, char why[KT_KTM_WHY]);
void                     kt_audio_input_destroy(kt_audio_input_t **self_p);
uint32_t                 kt_audio_input_rate(const kt_audio_input_t *self);
size_t                   kt_audio_input_width(const kt_audio_input_t *self);  // values of a row
const kt_audio_blocks_t *kt_audio_input_blocks(const kt_audio_input_t *self);
size_t                   kt_audio_input_states(const kt_audio_input_t *self, const kt_audio_state_t **states);
// Two inputs with equal keys give the same rows, so that models share them.
const char *kt_audio_input_key(const kt_audio_input_t *self);
// The row of silence, [width].
const float *kt_audio_input_silence(const kt_audio_input_t *self);
// Rows [n][width] of a block to the graph's layout, with top_db and relative: dims of the input value with N = 1.
void kt_audio_input_place(const kt_audio_input_t *self, const float *rows, size_t n, float *out);

// Rows of a stream of mono samples at the input's rate. The cut into pushes changes nothing. isa: the fast kernels;
// NULL: the best.
KT_MUST_USE kt_err_t kt_audio_rows_new(kt_audio_rows_t **self_p, const kt_audio_input_t *input, const kt_isa_t *isa);
void                 kt_audio_rows_destroy(kt_audio_rows_t **self_p);
// Rows that a push of n samples gives at most; 0: finish.
size_t kt_audio_rows_room(const kt_audio_rows_t *self, size_t n);
// out: room for that many rows; returns how many there are now.
size_t kt_audio_rows_push(kt_audio_rows_t *self, const float *samples, size_t n, float *out);
size_t kt_audio_rows_finish(kt_audio_rows_t *self, float *out);  // the last rows; no push after it
