// kt_audio_bank -- the bands of a spectrum as sparse triangles: librosa's, Kaldi's, madmom's.
#pragma once

#include "kernels/audio/filterbank.h"
#include "models/input/audio_spec.h"

typedef struct kt_audio_bank {
    size_t                n_bands, n_weights;
    kt_filterbank_band_t *bands;
    float                *weights;
} kt_audio_bank_t;

// KT_ENOMEM; KT_EMODEL: there is no band.
KT_MUST_USE kt_err_t kt_audio_bank_init(kt_audio_bank_t *self, const kt_audio_spec_t *spec, char why[KT_KTM_WHY]);
void                 kt_audio_bank_fini(kt_audio_bank_t *self);
