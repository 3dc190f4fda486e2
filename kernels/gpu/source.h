// Pieces of a stream at its file's own rate (kernels/audio/source.h): what the kind `source` shares with the backend,
// and what a request of it holds: one piece.
//
// Config: kt_gpu_source_config_t. Input of a part: its samples in the format of opts, from the first frame of the
// margin on that there is. Sections, each per piece: below.
#pragma once

#include "kernels/audio/piece_facts.h"
#include "kernels/audio/source.h"
#include "kernels/gpu/samples.h"

enum {
    KT_GPU_SOURCE_NOT_FINITE,  // uint32_t
    KT_GPU_SOURCE_PEAKS,       // kt_peaks_t [channels]
    KT_GPU_SOURCE_ENERGY,      // double [kt_source_hops][channels]
    KT_GPU_SOURCE_MONO,        // float [kt_source_outputs]
    KT_GPU_SOURCE_BLOCKS,      // of kt_piece_facts_t, as the following
    KT_GPU_SOURCE_LOW_BAND,
    KT_GPU_SOURCE_PRODUCTS,
    KT_GPU_SOURCE_SPECTRA,
    KT_GPU_SOURCE_BANDS,
    // Planes of all pieces of a batch take no more than this, so that they fit beside input and results.
    KT_GPU_SOURCE_PLANES_MOST = 16 << 20
};

typedef struct kt_gpu_source_config {
    uint32_t rate_hz, channels, to_hz, format;
} kt_gpu_source_config_t;

typedef struct kt_gpu_source_args {
    uint64_t first;
    uint32_t frames, has;
} kt_gpu_source_args_t;

typedef struct kt_gpu_source {
    const kt_source_opts_t *opts;
    kt_source_piece_t      *piece;
    kt_gpu_kept_t          *kept;    // where resampled mono stays on the device; NULL: nowhere
    uint64_t                skip;    // samples of it before the stream's first
    bool                    pinned;  // the piece's samples are in a block of the GPU
} kt_gpu_source_t;

// Samples of the spectra's frames; 0: the device makes no spectra at this rate.
static inline uint32_t
kt_gpu_source_frame(uint32_t rate_hz)
{
    const uint32_t n = kt_spectrum_samples(rate_hz), longest = 4096;
    return n <= longest ? n : 0;
}

static inline kt_source_opts_t
kt_gpu_source_opts(const kt_gpu_source_config_t *config)
{
    return (kt_source_opts_t){.rate_hz  = config->rate_hz,
                              .channels = config->channels,
                              .to_hz    = config->to_hz,
                              .format   = (kt_sample_format_t)config->format};
}

// Frames of a piece that the margin before it has.
static inline uint32_t
kt_gpu_source_had(const kt_source_opts_t *opts, uint64_t first)
{
    const uint32_t before = kt_source_before(opts->rate_hz, kt_source_reach(opts));
    return first < before ? (uint32_t)first : before;
}

// Floats of a plane, margins included.
static inline uint32_t
kt_gpu_source_stride(const kt_source_opts_t *opts)
{
    const uint32_t reach = kt_source_reach(opts);
    return kt_source_before(opts->rate_hz, reach) + (uint32_t)KT_SOURCE_FRAMES + kt_source_after(reach);
}
