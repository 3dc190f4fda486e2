// kt_source -- a stream at its file's own rate as a device takes it: interleaved samples in pieces of KT_SOURCE_FRAMES
// frames, counted from the stream's start, each with margins of its neighbours' samples. A piece is computed from its
// own samples and margins alone; outside the stream samples are zeros.
#pragma once

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
