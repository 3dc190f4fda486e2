// kt_cuda_source -- pieces of streams at their files' own rate (kernels/audio/source.h): planes of float that the
// kernels of resampling, loudness and quality read. As all launchers (kt_cuda.h): they neither allocate nor
// synchronise.
#pragma once

#include "common/err.h"
#include "kernels/audio/loudness.h"
#include "kernels/audio/source.h"

#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

// Frame 0 is the first of the piece's own. Of a plane, frames -before .. frames + after - 1 can be read (the margins of
// kt_cuda_source_t); those that are not of the stream are zeros. Channel c of `planes` begins at planes + c * stride.
typedef struct kt_cuda_piece {
    const void *pcm;         // interleaved, in the format of the source: frames -had .. frames + has - 1
    float      *planes;      // of the channels; frame 0 of channel 0
    float      *mono;        // their mean; frame 0
    uint32_t   *not_finite;  // of the piece's own samples, those that were taken as 0; zero before the launch
    uint64_t    first;       // number of frame 0 in the stream
    uint32_t    frames;      // its own: KT_SOURCE_FRAMES, or fewer at the stream's end
    uint32_t    had, has;    // of the margins, frames of the stream: the rest is zeros
    uint32_t    reserved;
} kt_cuda_piece_t;

// Pieces of streams of one rate, one number of channels and one format.
typedef struct kt_cuda_source {
    const kt_cuda_piece_t *pieces;  // device memory
    uint32_t               n;
    uint32_t               rate_hz, channels;
    uint32_t               before, after;  // margins, multiples of KT_SOURCE_ALIGN
    uint32_t               stride;         // floats from one plane to the next
    kt_sample_format_t     format;
} kt_cuda_source_t;

// Floats of a plane with margins, a multiple of KT_SOURCE_ALIGN; frame 0 is at `before`.
static inline uint32_t
kt_cuda_source_floats(uint32_t before, uint32_t after)
{
    return before + KT_SOURCE_FRAMES + after;
}

// Fills planes, mono and not_finite of every piece: the first kernel of a batch. Mono is the sum in channel order in
// float, then divided, as kt_to_mono's. KT_EINVAL: no channels, or more pieces than a grid has; KT_EIO.
KT_MUST_USE kt_err_t kt_cuda_planes(const kt_cuda_source_t *self, cudaStream_t stream);

// Resampled mono of each piece (kernels/audio/polyphase.h): the outputs of its own frames.
typedef struct kt_cuda_resampled {
    float   *out;                    // [outputs]
    float   *kept;                   // where they are kept, too; NULL: nowhere
    uint64_t first;                  // number of the first output in the stream
    uint32_t outputs, kept_outputs;  // of those, the first ones that are kept
} kt_cuda_resampled_t;

typedef struct kt_cuda_resample {
    const kt_cuda_piece_t     *pieces;
    const kt_cuda_resampled_t *out;      // [n], device memory
    const float               *taps;     // [2 * reach][phases], device memory
    uint32_t                   n, most;  // pieces; outputs of the longest
    uint32_t                   phases, step, reach;
} kt_cuda_resample_t;

// KT_EINVAL: rates that kt_polyphase does not have, or more pieces than a grid has; KT_EIO.
KT_MUST_USE kt_err_t kt_cuda_resample(const kt_cuda_resample_t *self, cudaStream_t stream);

// Loudness of each piece (kernels/audio/loudness.h): sums over its own frames.
typedef struct kt_cuda_loudness {
    kt_cuda_source_t   source;
    kt_kweight_t       weight;
    kt_interpolation_t between;
    uint32_t           hops;    // places of a piece: kt_source_hops
    double            *energy;  // [n][hops][channels], behind the K-weighting; NULL: not defined at this rate
    kt_peaks_t        *peaks;   // [n][channels]; zero before the launch
    void              *work;    // kt_cuda_loudness_work bytes
} kt_cuda_loudness_t;

size_t kt_cuda_loudness_work(uint32_t n, uint32_t channels);
// KT_EINVAL: a rate below KT_KWEIGHT_MIN_HZ with energies, no channels, or more of them or of pieces than a grid has;
// KT_EIO.
KT_MUST_USE kt_err_t kt_cuda_loudness(const kt_cuda_loudness_t *self, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
