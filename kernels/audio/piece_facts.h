// kt_piece_facts -- facts of a piece of a stream (source.h) for the measures of sound quality, of its first two
// channels (one, if there is one): of blocks and of spectra, as a device makes them.
#pragma once

#include "kernels/audio/block_facts.h"
#include "kernels/audio/source.h"
#include "kernels/audio/spectrum_facts.h"

#include <stdlib.h>

enum { KT_PIECE_BLOCKS = KT_SOURCE_FRAMES / KT_BLOCK_SAMPLES };

// Of the piece's whole blocks, and of the frames that end in them (kt_spectrum_next), frame j of channel j modulo used.
// What a device does not make, who reads the facts makes of the samples.
typedef struct kt_piece_facts {
    bool                 has_blocks, has_spectra;  // they are made
    kt_block_facts_t    *blocks;                   // [KT_PIECE_BLOCKS][used]
    float               *low_band;                 // [KT_PIECE_BLOCKS][used][KT_BLOCK_GROUPS]
    double              *products;                 // [KT_PIECE_BLOCKS]: sums of left times right, of two channels
    kt_spectrum_facts_t *spectra;                  // [kt_piece_spectra]
    float               *bands;                    // [kt_piece_spectra][kt_piece_bands]
} kt_piece_facts_t;

static inline uint32_t
kt_piece_channels(uint32_t channels)
{
    return channels < 2 ? channels : 2;
}

// Frames that end in a piece, at most.
static inline uint32_t
kt_piece_spectra(uint32_t rate_hz)
{
    return 4 * (uint32_t)KT_SOURCE_FRAMES / rate_hz + 1;
}

static inline uint32_t
kt_piece_bands(uint32_t rate_hz)
{
    return kt_spectrum_samples(rate_hz) / 2 / KT_SPECTRUM_BAND;
}

static inline size_t
kt_piece_facts_bytes(uint32_t rate_hz, uint32_t channels)
{
    const size_t blocks = (size_t)KT_PIECE_BLOCKS * kt_piece_channels(channels), spectra = kt_piece_spectra(rate_hz);
    return sizeof(kt_piece_facts_t) + blocks * sizeof(kt_block_facts_t) + KT_PIECE_BLOCKS * sizeof(double) +
           spectra * sizeof(kt_spectrum_facts_t) + blocks * KT_BLOCK_GROUPS * sizeof(float) +
           spectra * kt_piece_bands(rate_hz) * sizeof(float);
}

// Memory of a piece's facts in one allocation, which free() ends: arrays of doubles first, so that all are aligned.
// NULL: out of memory.
static inline kt_piece_facts_t *
kt_piece_facts_new(uint32_t rate_hz, uint32_t channels)
{
    const size_t      blocks = (size_t)KT_PIECE_BLOCKS * kt_piece_channels(channels);
    kt_piece_facts_t *self   = (kt_piece_facts_t *)calloc(1, kt_piece_facts_bytes(rate_hz, channels));
    if (!self)
        return NULL;
    self->blocks   = (kt_block_facts_t *)(self + 1);
    self->products = (double *)(self->blocks + blocks);
    self->spectra  = (kt_spectrum_facts_t *)(self->products + KT_PIECE_BLOCKS);
    self->low_band = (float *)(self->spectra + kt_piece_spectra(rate_hz));
    self->bands    = self->low_band + blocks * KT_BLOCK_GROUPS;
    return self;
}
