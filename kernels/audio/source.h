// kt_source -- a stream at its file's own rate as a device takes it: interleaved samples in pieces of KT_SOURCE_FRAMES
// frames, counted from the stream's start, each with margins of its neighbours' samples. A piece is computed from its
// own samples and margins alone; outside the stream samples are zeros.
#pragma once

#include "kernels/audio/loudness.h"
#include "kernels/audio/polyphase.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// FRAMES: 3 s at 44.1 kHz, 1 MB of stereo in float. The margins and the last piece's unused room are a few percent.
enum { KT_SOURCE_FRAMES = 1 << 17, KT_SOURCE_ALIGN = 64 };

typedef enum kt_sample_format { KT_SAMPLES_F32, KT_SAMPLES_S16, KT_SAMPLE_FORMATS } kt_sample_format_t;

// Beyond this the square of a spectrum's value exceeds float32; only a damaged file has such samples, or NaN. They are
// taken as 0 and counted.
#define KT_SAMPLE_LIMIT 1e12f
// Of 16 bits: x / 2^15, exactly, as the decoder's conversion does.
#define KT_S16_UNIT (1 / 32768.0f)

// Margins of a piece in frames, multiples of KT_SOURCE_ALIGN. Before: 9/64 s. The high-pass of the K-weighting forgets
// as n w e^(-n w), w = 2 pi 38.1 Hz, so that after them less than 1e-13 of what came before is left; the windows of the
// quality module's spectra (0.13 s) fit, too. Both: at least `reach`, the half length of the resampler's filter, and
// 64, the reach of the true peak and of the groups of samples.
static inline uint32_t
kt_source_after(uint32_t reach)
{
    const uint32_t unit = KT_SOURCE_ALIGN, least = reach > unit ? reach : unit;
    return (least + unit - 1) / unit * unit;
}

static inline uint32_t
kt_source_before(uint32_t rate_hz, uint32_t reach)
{
    const uint32_t filter = (uint32_t)((uint64_t)rate_hz * 9 / 64);
    return kt_source_after(reach > filter ? reach : filter);
}

// Hops of 100 ms: hop k is frames floor(k * rate / 10) on. The hop that a frame lies in, and how many a piece can
// touch.
static inline uint64_t
kt_source_hop(uint64_t frame, uint32_t rate_hz)
{
    return (10 * frame + 9) / rate_hz;
}

static inline uint32_t
kt_source_hops(uint32_t rate_hz)
{
    return 10 * (uint32_t)KT_SOURCE_FRAMES / rate_hz + 2;
}

// What is wanted of a stream.
typedef struct kt_source_opts {
    uint32_t           rate_hz, channels;
    uint32_t           to_hz;   // rate of resampled mono; 0: not wanted
    kt_sample_format_t format;  // as samples go to a device
    bool               loudness, facts;
} kt_source_opts_t;

// A piece and its results. first is a multiple of KT_SOURCE_FRAMES; fewer than KT_SOURCE_FRAMES frames end the stream.
typedef struct kt_source_piece {
    const void *pcm;         // interleaved, frames -had .. frames + has - 1, counted from the piece's first
    uint64_t    first;       // number of its first frame in the stream
    uint32_t    frames;      // its own
    uint32_t    had, has;    // of the margins, frames of the stream: the others are zeros
    uint32_t    not_finite;  // of its own samples, those that were taken as 0
    float      *mono;        // [kt_source_outputs]: resampled; NULL: not wanted
    double *energy;  // [kt_source_hops][channels], from the hop of `first` on: energy behind the K-weighting, 0 below
                     // KT_KWEIGHT_MIN_HZ; NULL: not wanted
    kt_peaks_t *peaks;  // [channels]; the values between samples are those of windows that begin in the piece, of a
                        // stream's first piece also before; NULL: not wanted
    struct kt_piece_facts *facts;   // piece_facts.h; NULL: not wanted
    kt_sample_format_t     format;  // of pcm, that of opts
} kt_source_piece_t;

// Whether each of n samples is one of 16 bits, exactly; and those samples as such.
bool kt_samples_are_s16(const float *pcm, size_t n);
void kt_samples_to_s16(const float *pcm, size_t n, int16_t *out);
// Whether pieces of such a stream can be computed: rates that kt_polyphase has.
bool     kt_source_is_defined(const kt_source_opts_t *opts);
uint32_t kt_source_reach(const kt_source_opts_t *opts);  // of the resampler
size_t   kt_source_frame_bytes(const kt_source_opts_t *opts);
// Number in the stream of the first resampled sample of a piece that begins with this frame. Of a whole piece: at most.
uint64_t kt_source_output(const kt_source_opts_t *opts, uint64_t frame);
uint32_t kt_source_outputs(const kt_source_opts_t *opts);
// On the processor: what a device failed at. *table_p: NULL, or what an earlier call has left; the caller destroys it.
// KT_EINVAL: not defined; KT_ENOMEM.
KT_MUST_USE kt_err_t kt_source_compute(const kt_source_opts_t *opts, const kt_loudness_ops_t *loudness,
                                       kt_polyphase_t **table_p, kt_source_piece_t *piece);
