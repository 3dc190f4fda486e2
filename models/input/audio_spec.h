// kt_audio_spec -- the description of an audio input (audio_input.h) with all members checked.
#pragma once

#include "models/input/audio_input.h"

typedef enum kt_audio_window { KT_WINDOW_HANN, KT_WINDOW_HANN_SYMMETRIC, KT_WINDOW_POVEY } kt_audio_window_t;
typedef enum kt_audio_bands { KT_BANDS_MEL_SLANEY, KT_BANDS_MEL_KALDI, KT_BANDS_LOG } kt_audio_bands_t;
typedef enum kt_audio_log { KT_LOG_LOG10, KT_LOG_LN, KT_LOG_DB } kt_audio_log_t;
typedef enum kt_audio_layout {
    KT_LAYOUT_N1TF,
    KT_LAYOUT_NTF,
    KT_LAYOUT_NTF1,
    KT_LAYOUT_N1FT,
    KT_LAYOUT_NFT
} kt_audio_layout_t;

typedef struct kt_audio_spec {
    uint32_t rate_hz;
    double   scale;
    // frame
    uint32_t          length, hop, fft;
    kt_audio_window_t window;
    bool              centre, partial, offset;
    double            preemphasis;
    // spectrum and bands
    bool             magnitude, half;
    kt_audio_bands_t bands;
    uint32_t         count, per_octave;
    double           low_hz, high_hz, reference_hz;
    // log
    kt_audio_log_t log;
    double         log_scale, log_offset, floor, top_db;  // top_db 0: none
    bool           relative;
    // rows
    const char       *mean, *inverse_std;  // names of tensors, borrowed; NULL: none
    bool              difference;
    kt_audio_layout_t layout;
    kt_audio_blocks_t blocks;
    kt_audio_state_t  states[KT_AUDIO_STATES];
    size_t            n_states;
} kt_audio_spec_t;

// KT_EMODEL.
KT_MUST_USE kt_err_t kt_audio_spec_read(kt_audio_spec_t *out, const json_t *input, char why[KT_KTM_WHY]);
