// kt_cuda_quality -- facts of the blocks and spectra of pieces (kernels/cuda/source.h) for the measures of sound
// quality, of the first two channels (one, if there is one). Counts and flags are those of the CPU's functions, sums
// are taken in an order of their own, which is the same in every batch. As all launchers (kt_cuda.h): they neither
// allocate nor synchronise.
#pragma once

#include "kernels/audio/piece_facts.h"
#include "kernels/cuda/source.h"

#ifdef __cplusplus
extern "C" {
#endif

// All pointers are device memory. A piece is a whole number of blocks into the stream; of its last frames those that
// fill no block are left out.
typedef struct kt_cuda_blocks {
    kt_cuda_source_t  source;
    float             taps[KT_LOWPASS_TAPS];  // kt_low_band_taps
    kt_block_facts_t *facts;                  // [n][KT_PIECE_BLOCKS][used channels]
    float            *low_band;               // [n][KT_PIECE_BLOCKS][used channels][KT_BLOCK_GROUPS]
    double           *products;               // [n][KT_PIECE_BLOCKS]: sums of left times right, of two channels
} kt_cuda_blocks_t;
// KT_EINVAL: no channels, margins shorter than the low band's, or more pieces than a grid has; KT_EIO.
KT_MUST_USE kt_err_t kt_cuda_blocks(const kt_cuda_blocks_t *self, cudaStream_t stream);

// The frames that end in a piece's whole blocks (kt_spectrum_next); frame j is of channel j modulo the used channels.
typedef struct kt_cuda_spectra {
    kt_cuda_source_t     source;
    uint32_t             n_fft;   // 512 to 4096, the sizes that the transform has
    uint32_t             places;  // of a piece: kt_piece_spectra
    kt_spectrum_facts_t *facts;   // [n][places]
    float               *bands;   // [n][places][n_fft / 2 / KT_SPECTRUM_BAND]
} kt_cuda_spectra_t;
// KT_EINVAL: no channels, another n_fft, margins shorter than a frame, or more pieces than a grid has; KT_EIO.
KT_MUST_USE kt_err_t kt_cuda_spectra(const kt_cuda_spectra_t *self, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
